import Engines
import Testing

@Suite("What a schema may cost")
struct SchemaCostTests {
    private func problem(_ schema: String) -> String? {
        do throws(ConstraintProblem) { _ = try ConstrainedText(.jsonSchema(Array(schema.utf8))) } catch { return error.description }
        return nil
    }

    private static func list(_ count: Int, _ element: (Int) -> String = { _ in "{}" }) -> String {
        "[" + (0..<count).map(element).joined(separator: ",") + "]"
    }

    private static func members(_ count: Int, _ value: (Int) -> String = { _ in "{}" }) -> String {
        "{" + (0..<count).map { #""m\#($0)":\#(value($0))"# }.joined(separator: ",") + "}"
    }

    /// Each is some kilobytes long, and millions of steps for whoever counts only schemas.
    private static let costly: [String] = [
        #"{"required":\#(list(20_000) { #""n\#($0)""# }),"anyOf":\#(list(8_000))}"#,
        ##"{"type":"array","prefixItems":\##(list(6_000) { _ in ##"{"$ref":"#/$defs/a"}"## }),"anyOf":\##(list(2_000)),"$defs":{"a":{}}}"##,
        #"{"type":\#(list(20_000) { _ in #""string""# }),"anyOf":\#(list(8_000))}"#,
        #"{"properties":\#(members(4_000)),"allOf":\#(list(50) { _ in #"{"additionalProperties":{}}"# })}"#,
        #"{"const":\#(list(250) { number in list(250) { $0 == 249 ? "\(number)" : "0" } }),"uniqueItems":true}"#,
        #"{"enum":\#(list(1_000) { "\($0)" }),"allOf":\#(list(60) { _ in #"{"enum":\#(list(900) { "\($0 + 500)" })}"# })}"#,
        #"{"type":"array","minItems":9000,"items":{"type":"object","properties":\#(members(3_000))}}"#,
        #"{"pattern":"^[ a-z]{60000}$","allOf":\#(list(60) { #"{"maxLength":\#(60_000 + $0),"minLength":\#($0),"not":{"maxLength":9}}"# })}"#,
    ]

    @Test("work that grows with two parts of a schema is counted, and ends", arguments: costly.indices)
    func counted(index: Int) { #expect(problem(Self.costly[index]) == "the schema takes too many steps") }

    @Test("a pattern is refused before it is written out, by its length and by its ranges")
    func patterns() {
        let says = "the simulated engine cannot keep this pattern, at #/pattern"
        #expect(problem(#"{"pattern":"\#(String(repeating: "a{65536}", count: 256))"}"#) == says)
        #expect(problem(#"{"pattern":"a{40000}b{40000}"}"#) == says)
        #expect(problem(#"{"pattern":"[\#((0..<300).map { "\(UnicodeScalar(0x4E00 + $0)!)" }.joined())]"}"#) == says)
        #expect(problem(#"{"pattern":"^a{30000}[b-z]{30000}$"}"#) == nil)
    }

    @Test("large schemas in use are kept: members, required ones, references, alternatives")
    func kept() {
        let names = Self.list(3_000) { #""m\#($0)""# }
        #expect(problem(#"{"properties":\#(Self.members(3_000)),"required":\#(names),"additionalProperties":false}"#) == nil)
        let nested = Self.members(200) { _ in #"{"type":"object","properties":\#(Self.members(10)),"additionalProperties":false}"# }
        #expect(problem(#"{"type":"object","properties":\#(nested),"additionalProperties":false}"#) == nil)
        let choices = Self.list(500) { #"{"type":"object","properties":{"kind":{"const":\#($0)}},"required":["kind"]}"# }
        #expect(problem(#"{"type":"array","minItems":2,"items":{"anyOf":\#(choices)}}"#) == nil)
    }

    @Test("what cannot be kept is found from wherever it is reached, along a chain of any length")
    func chains() {
        // Each leads to the one before it, so that what is wrong with the first comes to the last one by one.
        func chain(_ first: String) -> String {
            let links = (1..<2_000).map {
                ##""c\##($0)":{"type":"object","properties":{"a":{"$ref":"#/properties/c\##($0 - 1)"}},"required":["a"]}"##
            }
            return #"{"type":"object","properties":{"c0":\#(first),\#(links.joined(separator: ","))}}"#
        }
        #expect(problem(chain(#"{"pattern":"(x)"}"#)) == "the simulated engine cannot keep this pattern, at #/properties/c0/pattern")
        #expect(problem(chain("{}")) == nil)
        #expect(problem(chain("false")) == nil)
    }
}
