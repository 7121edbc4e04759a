/// `/v1/embeddings`.
enum EmbeddingsDescription {
    static let endpoints = [
        EndpointDescription(
            method: .post, path: "/v1/embeddings", id: "createEmbedding", summary: "Turns texts into vectors.",
            parameters: EndpointDescription.label, request: .ref(request.name),
            example: #"{"model":"apus-mock","input":["one text","and another"]}"#,
            answers: [.init(description: "A vector for each input, in their order.", schema: .ref(answer.name))],
            failures: EndpointDescription.generatingFailures, schemas: [request, answer])
    ]

    private static let request = Schema.Named(
        "EmbeddingRequest",
        .object(
            [
                .needed("model", .text(1...DialectLimits.model).described(GenerationSchemas.modelName)), .needed("input", input),
                .may(
                    "encoding_format", .word("float", "base64").byDefault(#""float""#).described("base64: little-endian binary32 numbers.")),
                .may("dimensions", .integer(1...DialectLimits.dimensions).described("As many as the model's vectors have.")),
                .may("user", .text(0...DialectLimits.label).described("Whom it is for.")),
            ] + EmbeddingRequest.refused.map { .refused($0) }))

    private static let input = Schema.either(
        .text, tokens, .array(of: .text, 1...DialectLimits.inputs), .array(of: tokens, 1...DialectLimits.inputs)
    ).described("A text, or its tokens; or an array of some of either.")

    private static let tokens = Schema.array(of: .token, 1...DialectLimits.promptTokens)

    private static let answer = Schema.Named(
        "EmbeddingList",
        .object([
            .needed("object", .word("list")), .needed("model", .text),
            .needed(
                "data",
                .array(
                    of: .object([
                        .needed("object", .word("embedding")), .needed("index", .count),
                        .needed("embedding", .either(.array(of: Schema(#"{"type":"number"}"#)), .text)),
                    ]))),
            .needed("usage", .object([.needed("prompt_tokens", .count), .needed("total_tokens", .count)])),
        ]))
}
