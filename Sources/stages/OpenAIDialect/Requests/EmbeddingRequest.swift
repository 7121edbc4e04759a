package import ClusterModel
import JSONText

/// The body of `POST /v1/embeddings`.
package struct EmbeddingRequest: Hashable, Sendable {
    package var model: String
    /// At least one; each has a vector of its own.
    package var inputs: [GenerationRequest.Prompt]
    package var encoding: EmbeddingEncoding
    /// Nil: as many as the model's have.
    package var dimensions: Int?
    package var user: String?
    package var unknownFields: UnknownFields

    package init(parsing body: RawSpan) throws(DialectError) {
        let object = try RequestBody.object(body)
        do throws(FieldFault) { self = try Self(object) } catch { throw error.error }
    }

    private init(_ object: JSONObject) throws(FieldFault) {
        var body = try RequestBody(object)
        model = try body.model()
        guard let input = body.fields.take("input") else { throw .missing("input") }
        inputs = try RequestBody.prompts(input, "input", atMost: DialectLimits.inputs)
        encoding =
            switch try body.fields.text("encoding_format", atMost: DialectLimits.json.bytes) {
            case nil, "float"?: .float
            case "base64"?: .base64
            case let word?: throw .word("encoding_format", word, expected: ["float", "base64"])
            }
        dimensions = try body.fields.integer("dimensions", in: 1...DialectLimits.dimensions)
        user = try body.fields.text("user", atMost: DialectLimits.label)
        try body.refuse(Self.refused)
        unknownFields = body.finish()
    }

    /// What would change the vectors, or where they are made, and is not honoured. `messages` is another form of `input` elsewhere.
    static let refused = ["messages", "truncate_prompt_tokens", "prompt_embeds", "cache_salt", "nvext"]
}

/// How a client wants the numbers of a vector.
package enum EmbeddingEncoding: Hashable, Sendable {
    case float
    /// Little-endian binary32 numbers.
    case base64
}
