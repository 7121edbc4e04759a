import JSONText

/// What clients can call, as an OpenAPI 3.1 document: the body of `/openapi.json`.
///
/// It tells what is served and no more. Tests hold it against the paths that are served, the fields that requests are read for, and the members
/// that answers are written with.
package enum OpenAPIDocument {
    /// In the order in which they are told. A new family of endpoints adds its list here, and its schemas stand with it.
    static let endpoints =
        ChatCompletionsDescription.endpoints + CompletionsDescription.endpoints + ResponsesDescription.endpoints
        + MessagesDescription.endpoints + EmbeddingsDescription.endpoints + TokensDescription.endpoints
        + ModelsDescription.endpoints + ProcessDescription.endpoints

    /// What several endpoints refer to.
    private static let common = ErrorSchemas.all + ConversationSchemas.all + GenerationSchemas.all + ExtensionSchemas.all

    /// Every path with its method in capitals.
    package static var operations: [(method: String, path: String)] {
        endpoints.map { ($0.method.rawValue.uppercased(), $0.path) }
    }

    /// `version` is that of the program.
    package static func json(version: String) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        text("openapi", "3.1.0", &writer)
        text("jsonSchemaDialect", "https://json-schema.org/draft/2020-12/schema", &writer)
        writer.key("info")
        writer.beginObject()
        text("title", "Apus", &writer)
        text("version", version, &writer)
        text("description", "OpenAI's and Anthropic's APIs over a cluster of workers that share their caches.", &writer)
        writer.endObject()
        // Whether keys are asked for is the deployment's choice.
        raw("security", #"[{},{"key":[]},{"keyHeader":[]}]"#, &writer)
        writer.key("paths")
        writer.beginObject()
        for (place, endpoint) in endpoints.enumerated() where !endpoints[..<place].contains(where: { $0.path == endpoint.path }) {
            let same = endpoints.filter { $0.path == endpoint.path }.map { #""\#($0.method.rawValue)":\#($0.json)"# }
            raw(endpoint.path, "{\(same.joined(separator: ","))}", &writer)
        }
        writer.endObject()
        writer.key("components")
        writer.beginObject()
        raw(
            "securitySchemes", #"{"key":{"type":"http","scheme":"bearer"},"keyHeader":{"type":"apiKey","in":"header","name":"x-api-key"}}"#,
            &writer)
        writer.key("schemas")
        writer.beginObject()
        for named in endpoints.flatMap(\.schemas) + common { raw(named.name, named.schema.json, &writer) }
        writer.endObject()
        writer.endObject()
        writer.endObject()
        return writer.finish()
    }

    private static func text(_ name: String, _ value: String, _ writer: inout JSONWriter) {
        writer.key(name)
        writer.string(value)
    }

    private static func raw(_ name: String, _ json: String, _ writer: inout JSONWriter) {
        writer.key(name)
        writer.raw(json.utf8.span.bytes)
    }
}
