import JSONText
import OpenAIDialect
import Testing

/// The list of fields that people read, the description of the API and the code say the same, of the endpoints that make no text.
@Suite("Fields of embeddings and of tokens") struct OtherFieldTests {
    struct Endpoint: Sendable, CustomTestStringConvertible {
        /// As the list calls it.
        let testDescription: String
        let schema: String
        /// Without their last brace.
        let bodies: [String]
        let read: @Sendable (String) throws -> UnknownFields
    }

    static let endpoints = [
        Endpoint(testDescription: "Embeddings", schema: "EmbeddingRequest", bodies: [#"{"model":"m","input":"x""#]) {
            try EmbeddingRequest(parsing: $0.utf8.span.bytes).unknownFields
        },
        Endpoint(
            testDescription: "Tokenize", schema: "TokenizeRequest",
            bodies: [#"{"model":"m","prompt":"x""#, #"{"model":"m","messages":[{"role":"user","content":"x"}]"#]
        ) { try TokenizeRequest(parsing: $0.utf8.span.bytes).unknownFields },
        Endpoint(testDescription: "Detokenize", schema: "DetokenizeRequest", bodies: [#"{"model":"m","tokens":[1]"#]) {
            try DetokenizeRequest(parsing: $0.utf8.span.bytes).unknownFields
        },
    ]

    private func names(_ kind: String, _ endpoint: Endpoint) throws -> Set<String> {
        try Set(FieldListTests.names("\(endpoint.testDescription): \(kind)"))
    }

    @Test("what is described is what is listed", arguments: endpoints)
    func described(endpoint: Endpoint) throws {
        let document = try JSONValue(parsing: OpenAPIDocument.json(version: "1"))
        let schema = try #require(document["components"]?["schemas"]?[endpoint.schema])
        let members = (schema["anyOf"]?.asArray ?? [schema]).flatMap { $0["properties"]?.asObject?.members ?? [] }
        let refused = Set(members.filter { $0.value["$ref"]?.asString == "#/components/schemas/Refused" }.map(\.name))
        #expect(try Set(members.map(\.name)).subtracting(refused) == names("honoured", endpoint))
        #expect(try refused == names("refused by name", endpoint))
    }

    /// How the endpoint takes the member with one of many kinds of values: the codes of its refusals, and whether it is ever known.
    private func outcome(of name: String, at endpoint: Endpoint) -> (codes: Set<String?>, isKnown: Bool) {
        var codes: Set<String?> = [], isKnown = false
        for body in endpoint.bodies {
            for value in ["true", "3", "\"x\"", "[[]]", #"{"a":1}"#] {
                do {
                    if try endpoint.read("\(body),\"\(name)\":\(value)}").count == 0 { isKnown = true }
                } catch let error as DialectError where error.param?.hasPrefix(name) == true {
                    isKnown = true
                    codes.insert(error.code)
                } catch {}
            }
        }
        return (codes, isKnown)
    }

    @Test("what is listed is known, and what is refused by name is refused by name", arguments: endpoints)
    func known(endpoint: Endpoint) throws {
        // Order: each by itself.
        for name in try names("honoured", endpoint) where !endpoint.bodies.contains(where: { $0.contains("\"\(name)\"") }) {
            #expect(outcome(of: name, at: endpoint).isKnown, "\(name)")
        }
        // Order: each by itself.
        for name in try names("refused by name", endpoint) {
            #expect(outcome(of: name, at: endpoint).codes.contains("unsupported_parameter"), "\(name)")
        }
        #expect(!outcome(of: "colour", at: endpoint).isKnown)
    }
}
