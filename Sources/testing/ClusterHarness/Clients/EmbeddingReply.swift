import JSONText

/// An answer to a request for vectors.
package struct EmbeddingReply: Sendable {
    package let http: ClientReply
    package let model: String
    package let inputs: [String]
    /// By the places of their inputs.
    package private(set) var vectors: [[Float]] = []
    package private(set) var failure: String?

    fileprivate init(_ http: ClientReply, of inputs: [String], _ model: String) {
        self.http = http
        self.model = model
        self.inputs = inputs
        guard http.ending == .answered, let body = http.json else { return }
        if let error = body["error"] { failure = error["code"]?.asString ?? error["type"]?.asString ?? "" }
        let data = body["data"]?.asArray ?? []
        vectors = data.indices.map { place in
            let entry = data.first { $0["index"]?.asInt == place }
            return (entry?["embedding"]?.asArray ?? []).compactMap { $0.asDouble.map { Float($0) } }
        }
    }

    package var isWhole: Bool { http.ending == .answered && http.status == 200 && failure == nil }
    package var summary: String { "\(http.ending), status \(http.status), \(vectors.count) vectors of \(inputs.count) \(failure ?? "")" }
}

extension TestClient {
    package func embeddings(of inputs: [String], _ model: String, _ conduct: ClientConduct) async -> EmbeddingReply {
        var object = JSONObject()
        object["model"] = .string(model)
        object["input"] = .array(inputs.map(JSONValue.string))
        let reply = await post("/v1/embeddings", JSONValue.object(object).encoded(), conduct)
        return EmbeddingReply(reply, of: inputs, model)
    }
}
