/// `/v1/chat/completions`.
enum ChatCompletionsDescription {
    static let endpoints = [
        EndpointDescription.generating(
            "/v1/chat/completions", id: "createChatCompletion", "Answers a conversation.",
            request: Schema.Named("ChatCompletionRequest", request),
            example: #"""
                {"model":"tiny","messages":[{"role":"user","content":"What is the capital of Japan?"}],"max_tokens":32,"temperature":0}
                """#,
            answer: Schema.Named("ChatCompletion", answer),
            events: Schema.Named("ChatCompletionChunk", chunk), ending: "[DONE]", schemas: schemas)
    ]

    private static let request = Schema.object(
        [ConversationSchemas.messages] + GenerationSchemas.members + ConversationSchemas.template + [
            .may("logprobs", .flag.byDefault("false").described("Tells log probabilities of the answer's tokens.")),
            .may(
                "top_logprobs",
                .integer(0...DialectLimits.topLogprobs).byDefault("0").described("And of so many that were likeliest, with logprobs.")),
            .may("tool_choice", .ref("ToolChoice")),
            .may(
                "parallel_tool_calls",
                .flag.byDefault("true").described("false: one call at the most, as far as the model's form allows it.")),
            .may("verbosity", .words(ChatCompletionRequest.verbosities).described(GenerationSchemas.noEffect)),
            .may("modalities", .array(of: .word("text"), 0...DialectLimits.hintWords).described("Text is all that there is.")),
        ] + ChatCompletionRequest.refused.map { .refused($0) } + GenerationSchemas.fixed(ChatCompletionRequest.fixed)
    ).with(
        "if", #"{"required":["top_logprobs"],"properties":{"top_logprobs":{"type":"integer","minimum":1}}}"#
    ).with("then", #"{"required":["logprobs"],"properties":{"logprobs":{"const":true}}}"#)

    private static let answer = GenerationSchemas.answer(
        "chat.completion", isChunk: false, choice: [.needed("message", .ref("AnswerMessage"))], logprobs: .ref("ChatLogprobs"))

    private static let chunk = GenerationSchemas.answer(
        "chat.completion.chunk", isChunk: true, choice: [.needed("delta", .ref("AnswerDelta"))], logprobs: .ref("ChatLogprobs"))

    private static let call = Schema.object([.needed("name", .text), .needed("arguments", .text)])

    private static let schemas = [
        Schema.Named(
            "ToolChoice",
            .either(
                .word("none", "auto", "required"),
                .object([
                    .may("type", .word("function")), .needed("function", .object([.needed("name", .text(0...DialectLimits.name))])),
                ])
            ).described("A call can be demanded only where there are tools.")),
        Schema.Named(
            "AnswerMessage",
            .object([
                .needed("role", .word("assistant")), .needed("content", .text.orNull), .needed("refusal", .null),
                .sometimes("reasoning_content", .text),
                .sometimes(
                    "tool_calls",
                    .array(of: .object([.needed("id", .text), .needed("type", .word("function")), .needed("function", call)]))),
            ])),
        Schema.Named(
            "AnswerDelta",
            .object([
                .sometimes("role", .word("assistant")), .sometimes("content", .text), .sometimes("reasoning_content", .text),
                .sometimes(
                    "tool_calls",
                    .array(
                        of: .object([
                            .needed("index", .count), .sometimes("id", .text), .sometimes("type", .word("function")),
                            .needed("function", .object([.sometimes("name", .text), .needed("arguments", .text)])),
                        ]))),
            ])),
        Schema.Named(
            "ChatLogprobs", .object([.needed("content", .array(of: .ref("TokenLogprob"))), .needed("refusal", .null)])),
        Schema.Named(
            "TokenLogprob",
            .object(alternative + [.needed("top_logprobs", .array(of: .object(alternative)))])),
    ]

    private static let alternative: [Schema.Member] = [
        .needed("token", .text), .needed("logprob", Schema(#"{"type":"number"}"#)), .needed("bytes", .array(of: .integer(0...255))),
    ]
}
