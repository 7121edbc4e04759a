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
        #expect(both == Set(read).union(["best_of", "modalities", "web_search_options"]))
        let refused = names("ChatCompletionRequest", refused: true).union(names("CompletionRequest", refused: true))
        #expect(try refused.union(["n", "best_of", "modalities", "web_search_options"]) == Set(FieldListTests.names("Refused by name")))
        let extensions = try FieldListTests.names("", of: "Of `nvext`:").filter { $0 != "nvext" }
        #expect(names("RequestExtension") == Set(extensions))
    }

    @Test("every body that can be sent has an example, which is read and has no field that is not known")
    func examples() throws {
        let readers: [String: (RawSpan) throws -> UnknownFields] = [
            "/v1/chat/completions": { try ChatCompletionRequest(parsing: $0).unknownFields },
            "/v1/completions": { try CompletionRequest(parsing: $0).unknownFields },
            "/v1/responses": { try ResponsesRequest(parsing: $0).unknownFields },
            "/v1/messages": { try MessagesRequest(parsing: $0, for: .answer).unknownFields },
            "/v1/messages/count_tokens": { try MessagesRequest(parsing: $0, for: .count).unknownFields },
            "/v1/embeddings": { try EmbeddingRequest(parsing: $0).unknownFields },
            "/tokenize": { try TokenizeRequest(parsing: $0).unknownFields },
            "/detokenize": { try DetokenizeRequest(parsing: $0).unknownFields },
        ]
        var read = 0
        for path in try #require(try document()["paths"]?.asObject).members {
            guard let body = path.value["post"]?["requestBody"]?["content"]?["application/json"] else { continue }
            // Two of them have two paths.
            let reader = try #require(readers[path.name] ?? readers[String(path.name.dropFirst(3))], "\(path.name)")
            var writer = JSONWriter()
            writer.value(try #require(body["example"], "\(path.name)"))
            #expect(try reader(writer.finish().span.bytes).count == 0, "\(path.name)")
            read += 1
        }
        #expect(read == readers.count + 2)
    }

    @Test("when to try again is told with the statuses that may pass, and with no other")
    func retries() throws {
        for (path, style) in [("/v1/chat/completions", ErrorStyle.openAI), ("/v1/messages", .anthropic), ("/v1/embeddings", .openAI)] {
            let answers = try #require(try document()["paths"]?[path]?["post"]?["responses"]?.asObject)
            let bodies = ServiceFailure.Kind.allCases.map { ErrorBody(ServiceFailure($0)) }
            for answer in answers.members where answer.name != "200" {
                let mayPass = bodies.contains { "\(style.status(of: $0))" == answer.name && $0.retryAfterSeconds != nil }
                #expect((answer.value["headers"]?["retry-after"] != nil) == mayPass, "\(path) \(answer.name)")
            }
            #expect(answers["504"] != nil && answers["415"] != nil)
        }
        let answers = try document()["paths"]?["/v1/messages"]?["post"]?["responses"]
        let schema = answers?["415"]?["content"]?["application/json"]?["schema"]
        #expect(schema?["$ref"]?.asString == "#/components/schemas/AnthropicError")
    }

    @Test("both headers that a key may come in are told of")
    func keys() throws {
        let document = try document(), schemes = document["components"]?["securitySchemes"]
        #expect(schemes?["key"]?["scheme"]?.asString == "bearer" && schemes?["keyHeader"]?["name"]?.asString == "x-api-key")
        #expect(document["security"]?.asArray?.compactMap { $0.asObject?.members.first?.name } == ["key", "keyHeader"])
    }

    @Test("each operation has a name of its own, and answers to tell of")
    func operations() throws {
        let paths = try #require(try document()["paths"]?.asObject)
        #expect(
            Set(paths.names.map { $0 }) == Set(OpenAPIDocument.operations.map(\.path)) && Set(paths.names.map { $0 }).count == paths.count)
        var ids: [String] = []
        for path in paths.members {
            for operation in path.value.asObject?.members ?? [] {
                // Nothing is kept that could be asked for under an id of a response.
                let status = path.name.hasPrefix("/v1/responses/{id}") ? "404" : "200"
                #expect(operation.value["responses"]?[status]?["description"]?.asString != nil, "\(path.name)")
                if let id = operation.value["operationId"]?.asString { ids.append(id) }
            }
        }
        #expect(ids.count == OpenAPIDocument.operations.count && Set(ids).count == ids.count)
    }
}
