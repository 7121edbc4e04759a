/// `/v1/completions`.
enum CompletionsDescription {
    static let endpoints = [
        EndpointDescription.generating(
            "/v1/completions", id: "createCompletion", "Continues a text.", request: Schema.Named("CompletionRequest", request),
            example: #"{"model":"tiny","prompt":"Once upon a time","max_tokens":16,"temperature":0}"#,
            answer: Schema.Named("Completion", answer(isChunk: false)), events: Schema.Named("CompletionChunk", answer(isChunk: true)),
            ending: "[DONE]", schemas: [logprobs])
    ]

    private static let request = Schema.object(
        [.needed("prompt", prompt)] + GenerationSchemas.members + [
            .may("echo", .flag.byDefault("false").described("The prompt stands before the answer. Not together with logprobs.")),
            .may(
                "logprobs",
                .integer(0...DialectLimits.topLogprobs).described("Log probabilities of the answer's tokens, and of so many likeliest.")),
            .may("best_of", .integer(1...DialectLimits.choices).described("As many as n.")),
        ] + CompletionRequest.refused.map { .refused($0) } + GenerationSchemas.fixed(CompletionRequest.fixed))

    private static let prompt = Schema.either(
        .text, tokens, .array(of: .text, 1...DialectLimits.prompts), .array(of: tokens, 1...DialectLimits.prompts)
    ).described("A text, or its tokens; or an array of some of either. The index of a choice is that of its prompt times n, and its own.")

    private static let tokens = Schema.array(of: .token, 1...DialectLimits.promptTokens)

    private static func answer(isChunk: Bool) -> Schema {
        GenerationSchemas.answer("text_completion", isChunk: isChunk, choice: [.needed("text", .text)], logprobs: .ref("TextLogprobs"))
    }

    private static let number = Schema(#"{"type":"number"}"#)

    private static let logprobs = Schema.Named(
        "TextLogprobs",
        .object([
            .needed("tokens", .array(of: .text)), .needed("token_logprobs", .array(of: number)),
            .needed("top_logprobs", .array(of: Schema.object.with("additionalProperties", number.json))),
            .needed("text_offset", .array(of: .count)),
        ]))
}
