import JSONText
import OpenAIDialect
import Testing

/// The list of fields that people read, the description of the API and the code say the same.
@Suite("Fields of the Messages API") struct MessagesFieldTests {
    private func names(_ bold: String) throws -> [String] { try FieldListTests.names("Messages: " + bold) }

    @Test("what is described is what is listed", arguments: ["MessagesRequest", "MessagesCountRequest"])
    func described(schema: String) throws {
        let document = try JSONValue(parsing: OpenAPIDocument.json(version: "1"))
        let members = try #require(document["components"]?["schemas"]?[schema]?["properties"]?.asObject?.members)
        let refused = members.filter { $0.value["$ref"]?.asString == "#/components/schemas/Refused" }.map(\.name)
        #expect(try Set(refused) == Set(names("refused")))
        #expect(try Set(members.map(\.name)).subtracting(refused) == Set(names("honoured") + names("checked")))
    }

    @Test("what is listed is known, and what is refused by name is refused by name")
    func known() throws {
        let values = ["true", "3", "\"x\"", "[[]]", "{}"]
        for name in try names("honoured") + names("checked") where !["model", "messages", "max_tokens"].contains(name) {
            let unknown = values.compactMap { try? messages(messagesBody("\"\(name)\":\($0)")).unknownFields }
            #expect(unknown.allSatisfy { $0.count == 0 }, "\(name)")
        }
        for name in try names("refused") {
            for value in ["true", "3", "\"x\"", "[[]]", #"{"a":1}"#] {
                do throws(DialectError) {
                    _ = try messages(messagesBody("\"\(name)\":\(value)"))
                    Issue.record("\(name) was accepted")
                } catch { #expect(error.code == "unsupported_parameter" && error.param == name) }
            }
        }
    }
}
