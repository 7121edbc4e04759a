import OpenAIDialect
import Testing

/// The list of fields that people read is the list that the code keeps.
@Suite("List of fields") struct FieldListTests {
    /// The names in backquotes of the paragraph that begins with these words in bold, or with these.
    static func names(_ bold: String, of plain: String? = nil) throws -> [String] {
        let beginning = plain ?? "**\(bold)"
        let paragraphs = try file("Sources/stages/OpenAIDialect/README.md").replacing("\n\n", with: "\u{0}").split(separator: "\u{0}")
        let paragraph = try #require(paragraphs.first { $0.hasPrefix(beginning) })
        return paragraph.split(separator: "`", omittingEmptySubsequences: false).enumerated().filter { $0.offset % 2 == 1 }.map {
            String($0.element)
        }
    }

    /// How either endpoint takes the field with one of many kinds of values: the codes of its refusals, and whether it is unknown.
    private func outcome(of name: String) -> (codes: Set<String?>, isUnknown: Bool) {
        var codes: Set<String?> = [], known = 0
        let values = ["true", "false", "3", "\"x\"", "[[]]", #"["a"]"#, #"{"type":"json_object"}"#, #"[{"function":{"name":"f"}}]"#]
        for value in values {
            for body in [chatBody("\"\(name)\":\(value)"), completionBody("\"\(name)\":\(value)")] {
                do throws(DialectError) {
                    let unknown = body.contains("prompt\":\"hi") ? try completion(body).unknownFields : try chat(body).unknownFields
                    if unknown.count == 0 { known += 1 }
                } catch {
                    known += 1
                    codes.insert(error.code)
                }
            }
        }
        return (codes, known == 0)
    }

    @Test("what is refused by name is refused by name")
    func refused() throws {
        let names = try Self.names("Refused by name") + Self.names("Refused where")
        #expect(names.count > 20)
        for name in names where name != "n" { #expect(outcome(of: name).codes.contains("unsupported_parameter"), "\(name)") }
    }

    @Test("what is honoured or checked is known")
    func known() throws {
        for name in try Self.names("Honoured") + Self.names("Left to the model") + Self.names("Checked")
        where !["model", "messages", "prompt"].contains(name) {
            #expect(!outcome(of: name).isUnknown, "\(name)")
        }
        #expect(outcome(of: "reasoning_effect").isUnknown)
    }
}
