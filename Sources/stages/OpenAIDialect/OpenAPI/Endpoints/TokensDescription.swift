/// Text into tokens and back.
enum TokensDescription {
    static let endpoints =
        ["/tokenize", "/v1/tokenize"].enumerated().map { place, path in
            EndpointDescription(
                method: .post, path: path, id: place == 0 ? "tokenize" : "tokenizeV1", summary: "The tokens of a text or a conversation.",
                request: .ref("TokenizeRequest"), example: #"{"model":"tiny","prompt":"What is the capital of Japan?"}"#,
                answers: [.init(description: "They.", schema: .ref("TokenList"))],
                failures: [404], schemas: place == 0 ? schemas : [])
        }
        + ["/detokenize", "/v1/detokenize"].enumerated().map { place, path in
            EndpointDescription(
                method: .post, path: path, id: place == 0 ? "detokenize" : "detokenizeV1", summary: "The text of tokens.",
                request: .ref("DetokenizeRequest"), example: #"{"model":"tiny","tokens":[72,101,108]}"#,
                answers: [.init(description: "It, special tokens included.", schema: .object([.needed("prompt", .text)]))], failures: [404])
        }

    private static let model = Schema.Member.may(
        "model", .text(1...DialectLimits.model).described("May be missing where one model is served."))

    private static let common: [Schema.Member] = [
        model, .may("add_special_tokens", .flag.described("By default true for a prompt and false for messages.")),
        .may("return_token_strs", .flag.byDefault("false").described("Tells each token's text, too.")),
    ]

    private static let schemas = [
        Schema.Named(
            "TokenizeRequest",
            .either(
                .object(
                    [
                        .needed("prompt", .text.described("The text; or messages, a conversation.")),
                        Schema.Member(name: "messages", schema: .null, isNeeded: false),
                    ] + common),
                .object(
                    [ConversationSchemas.messages, Schema.Member(name: "prompt", schema: .null, isNeeded: false)] + common
                        + ConversationSchemas.template + [.may("tool_choice", .ref("ToolChoice")), .may("parallel_tool_calls", .flag)]
                        + [.refused("chat_template")]))),
        Schema.Named(
            "DetokenizeRequest", .object([.needed("tokens", .array(of: .token, 0...DialectLimits.promptTokens)), model])),
        Schema.Named(
            "TokenList",
            .object([
                .needed("count", .count), .needed("max_model_len", .count.described("Prompt and output together, in tokens.")),
                .needed("tokens", .array(of: .token)),
                .needed("token_strs", Schema.array(of: .text).orNull.described("Where they were asked for.")),
            ])),
    ]
}
