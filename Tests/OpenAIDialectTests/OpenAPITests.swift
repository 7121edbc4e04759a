import JSONText
import OpenAIDialect
import Testing

@Suite("The description of the API")
struct OpenAPITests {
    private static let document = Result { try JSONValue(parsing: OpenAPIDocument.json(version: #"1."2""#)) }

    private func document() throws -> JSONValue { try Self.document.get() }

    @Test("it is JSON, of version 3.1, and has the program's version")
    func parses() throws {
        let document = try document()
        #expect(document["openapi"]?.asString == "3.1.0" && document["info"]?["version"]?.asString == #"1."2""#)
    }

    @Test("every reference leads to something, and every schema is referred to")
    func references() throws {
        let document = try document()
        var targets: Set<String> = []
        func visit(_ value: JSONValue) {
            for member in value.asObject?.members ?? [] {
                if member.name == "$ref", let target = member.value.asString { targets.insert(target) }
                visit(member.value)
            }
            for element in value.asArray ?? [] { visit(element) }
        }
        visit(document)
        for target in targets.sorted() {
            let parts = target.split(separator: "/")
            let found = parts.dropFirst().reduce(Optional(document)) { $0?[String($1)] }
            #expect(parts.first == "#" && found?.asObject != nil, "\(target)")
        }
        let named = document["components"]?["schemas"]?.asObject?.names.map { "#/components/schemas/\($0)" } ?? []
        #expect(!named.isEmpty && named.filter { !targets.contains($0) } == [])
        #expect(Set(named).count == named.count)
    }

    @Test("the fields of requests are those that are honoured or checked, and those that are refused by name")
    func requestFields() throws {
        let schemas = try document()["components"]?["schemas"]
        func names(_ schema: String, refused: Bool = false) -> Set<String> {
            let members = schemas?[schema]?["properties"]?.asObject?.members ?? []
            return Set(members.filter { ($0.value["$ref"]?.asString == "#/components/schemas/Refused") == refused }.map(\.name))
        }
        let both = names("ChatCompletionRequest").union(names("CompletionRequest"))
        let read =
            try FieldListTests.names("Honoured") + FieldListTests.names("Left to the model") + FieldListTests.names("Checked")
            + FieldListTests.names("Refused where")
        #expect(both == Set(read).union(["best_of", "modalities"]))
        let refused = names("ChatCompletionRequest", refused: true).union(names("CompletionRequest", refused: true))
        #expect(try refused.union(["n", "best_of", "modalities"]) == Set(FieldListTests.names("Refused by name")))
        let extensions = try FieldListTests.names("", of: "Of `nvext`:").filter { $0 != "nvext" }
        #expect(names("RequestExtension") == Set(extensions))
    }

    @Test("each operation has a name of its own, and answers to tell of")
    func operations() throws {
        let paths = try #require(try document()["paths"]?.asObject)
        #expect(paths.names.map { $0 } == OpenAPIDocument.operations.map(\.path))
        var ids: [String] = []
        for path in paths.members {
            for operation in path.value.asObject?.members ?? [] {
                #expect(operation.value["responses"]?["200"]?["description"]?.asString != nil, "\(path.name)")
                if let id = operation.value["operationId"]?.asString { ids.append(id) }
            }
        }
        #expect(ids.count == paths.count && Set(ids).count == ids.count)
    }
}
