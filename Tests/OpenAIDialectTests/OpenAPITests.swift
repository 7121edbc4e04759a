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
    }

    @Test("the fields of requests are those that are honoured or checked")
    func requestFields() throws {
        let schemas = try document()["components"]?["schemas"]
        func names(_ schema: String) -> Set<String> { Set(schemas?[schema]?["properties"]?.asObject?.names.map { $0 } ?? []) }
        let both = names("ChatCompletionRequest").union(names("CompletionRequest"))
        #expect(try both == Set(FieldListTests.names("Honoured") + FieldListTests.names("Checked")).subtracting(["completions"]))
        let extensions = try FieldListTests.names("", of: "Of `nvext`:").filter { !["cache_salt", "nvext"].contains($0) }
        #expect(names("RequestExtension") == Set(extensions))
    }

    @Test("each operation has a name of its own, and answers to tell of")
    func operations() throws {
        let paths = try #require(try document()["paths"]?.asObject)
        var ids: [String] = []
        for path in paths.members {
            for operation in path.value.asObject?.members ?? [] {
                #expect(operation.value["responses"]?["200"]?["description"]?.asString != nil, "\(path.name)")
                if let id = operation.value["operationId"]?.asString { ids.append(id) }
            }
        }
        #expect(ids.count > 5 && Set(ids).count == ids.count)
    }
}
