/// Anthropic's `/v1/messages`, and what counts its tokens.
enum MessagesDescription {
    static let endpoints = [
        EndpointDescription.generating(
            "/v1/messages", id: "createMessage", "Answers a conversation, in the words of Anthropic's API.",
            request: Schema.Named("MessagesRequest", request(isAnswered: true)),
            example: #"{"model":"tiny","max_tokens":32,"messages":[{"role":"user","content":"What is the capital of Japan?"}]}"#,
            answer: Schema.Named("MessagesAnswer", MessagesSchemas.message),
            events: Schema.Named("MessagesEvent", MessagesSchemas.event), ending: "message_stop, or error", style: .anthropic,
            schemas: MessagesSchemas.all),
        EndpointDescription(
            method: .post, path: "/v1/messages/count_tokens", id: "countMessageTokens",
            summary: "How many tokens the prompt of a conversation has, whether or not the model has room for them.",
            parameters: EndpointDescription.label, request: .ref("MessagesCountRequest"),
            example: #"{"model":"tiny","messages":[{"role":"user","content":"What is the capital of Japan?"}]}"#,
            answers: [.init(description: "The number.", schema: .object([.needed("input_tokens", .count)]))],
            failures: [400, 404, 413, 500, 503], style: .anthropic,
            schemas: [Schema.Named("MessagesCountRequest", request(isAnswered: false))]),
    ]

    private static func request(isAnswered: Bool) -> Schema {
        let tokens = Schema.integer(1...DialectLimits.maxTokens).described("A bound: the context may leave less.")
        let prompt: [Schema.Member] = [
            .needed("model", .text(1...DialectLimits.model).described(GenerationSchemas.modelName)),
            isAnswered ? .needed("max_tokens", tokens) : .may("max_tokens", tokens),
            .needed(
                "messages", .array(of: .ref("MessagesTurn"), 1...DialectLimits.messages).described("The conversation, oldest first.")),
            .may(
                "system",
                .either(.text, .array(of: .ref("MessagesText"), 0...DialectLimits.partsPerMessage)).described(
                    "What stands before the conversation.")),
            .may(
                "tools",
                .array(of: .ref("MessagesTool"), 0...DialectLimits.tools).described("What the model may call, and the client carries out.")),
            .may("tool_choice", .ref("MessagesToolChoice")), .may("thinking", .ref("MessagesThinking")),
        ]
        return .object(prompt + sampling + output + noEffect + MessagesRequest.refused.map { .refused($0) })
    }

    private static let sampling: [Schema.Member] = [
        GenerationSchemas.stream,
        .may(
            "stop_sequences",
            .array(of: .text(1...DialectLimits.stop), 0...DialectLimits.stopSequences).described("Texts that end the answer.")),
        GenerationSchemas.temperature(to: 1), GenerationSchemas.topP,
        .may("top_k", .integer(0...DialectLimits.maxTokens).described("Draws among the likeliest so many; 0: among all.")),
    ]

    private static let output: [Schema.Member] = [
        .may(
            "output_config",
            .object([
                .may("effort", .words(RequestBody.messageEfforts).described("The template's value reasoning_effort.")),
                .may("format", .ref("MessagesFormat")),
                .nothing("task_budget"),
            ]).described("How much it thinks, and the form of what it says.")),
        .may("output_format", .ref("MessagesFormat").described("The older place of output_config.format.")),
        .may("metadata", .object([.may("user_id", .text(0...DialectLimits.label).described("Whom it is for."))])),
        .may("nvext", .ref("RequestExtension")).added,
    ]

    private static let noEffect: [Schema.Member] =
        ["service_tier", "speed", "inference_geo"].map { .may($0, .text(0...DialectLimits.label).described("Of no effect.")) }
        + ["cache_control", "diagnostics"].map { .may($0, Schema.object.described("Of no effect.")) }
        + [.may("context_management", .object([.may("edits", .array(of: MessagesSchemas.edit, 0...DialectLimits.hintWords))]))]
}
