/// What the requests and answers of the Messages API are made of.
enum MessagesSchemas {
    static let all = [turn, text, toolResult, tool, toolChoice, thinking, format, answerBlock, usage]

    // MARK: Requests

    /// Only thoughts may be edited, and templates do that by themselves.
    static let edit = Schema.object([.needed("type", Schema(#"{"type":"string","pattern":"^clear_thinking_"}"#))])

    private static let name = Schema.text(0...DialectLimits.name)
    private static let mark = Schema.Member.may("cache_control", Schema.object.described("Of no effect: prefixes are cached anyway."))

    private static func block(_ type: String, _ members: Schema.Member...) -> Schema {
        .object([.needed("type", .word(type))] + members + [mark])
    }

    private static func content(_ block: Schema) -> Schema { .either(.text, .array(of: block, 0...DialectLimits.partsPerMessage)) }

    private static func turn(_ role: String, _ block: Schema) -> Schema {
        .object([.needed("role", .word(role)), .needed("content", content(block))])
    }

    private static let turn = Schema.Named(
        "MessagesTurn",
        .either(
            turn("user", .either(.ref("MessagesText"), .ref("MessagesToolResult"))),
            turn(
                "assistant",
                .either(
                    .ref("MessagesText"), block("thinking", .needed("thinking", .text), .may("signature", .text)),
                    block("redacted_thinking", .may("data", .text)),
                    block("tool_use", .needed("id", name), .needed("name", name), .needed("input", .object)))),
            turn("system", .ref("MessagesText"))
        ).described("Images, documents and results of Anthropic's own tools are refused by name."))

    private static let text = Schema.Named("MessagesText", block("text", .needed("text", .text)))

    private static let toolResult = Schema.Named(
        "MessagesToolResult",
        block(
            "tool_result", .needed("tool_use_id", name), .may("is_error", .flag), .may("content", content(.ref("MessagesText")))))

    private static let tool = Schema.Named(
        "MessagesTool",
        .object([
            .may("type", .word("custom")), .needed("name", .text(1...DialectLimits.name)), .may("description", .text),
            .needed("input_schema", .object), mark,
        ]).described("Tools that Anthropic's servers run are refused by name."))

    private static let toolChoice = Schema.Named(
        "MessagesToolChoice",
        .object([
            .needed("type", .word("auto", "any", "tool", "none")), .may("name", name.described("With type tool.")),
            .may("disable_parallel_tool_use", .flag),
        ]).described("A call can be demanded only where there are tools."))

    private static let thinking = Schema.Named(
        "MessagesThinking",
        .object([
            .needed("type", .word("enabled", "adaptive", "between_tools", "disabled")),
            .may("budget_tokens", .integer(1...DialectLimits.maxTokens).described("With type enabled.")),
            .may("display", .word("summarized", "omitted")),
        ]))

    private static let format = Schema.Named(
        "MessagesFormat", .object([.needed("type", .word("json_schema")), .needed("schema", .object)]))

    // MARK: Answers

    private static let answerBlock = Schema.Named(
        "MessagesBlock",
        .either(
            .object([.needed("type", .word("text")), .needed("text", .text)]),
            .object([.needed("type", .word("thinking")), .needed("thinking", .text), .needed("signature", .text)]),
            .object([.needed("type", .word("tool_use")), .needed("id", .text), .needed("name", .text), .needed("input", .object)])))

    private static let usage = Schema.Named(
        "MessagesUsage",
        .object([
            .needed("input_tokens", .count.described("Of the prompt, without those that were cached.")),
            .needed("cache_creation_input_tokens", .integer(0...0)), .needed("cache_read_input_tokens", .count),
            .needed("output_tokens", .count),
            .needed("output_tokens_details", .object([.needed("thinking_tokens", .count)])),
        ]))

    private static let reason = Schema.word(
        "end_turn", "max_tokens", "stop_sequence", "tool_use", "refusal", "model_context_window_exceeded")

    private static func message(reason: Schema) -> Schema {
        .object([
            .needed("id", .text), .needed("type", .word("message")), .needed("role", .word("assistant")), .needed("model", .text),
            .needed("content", .array(of: .ref("MessagesBlock"))), .needed("stop_reason", reason),
            .needed("stop_sequence", .text.orNull), .needed("usage", .ref("MessagesUsage")),
            .sometimes("nvext", .ref("ResponseExtension")),
        ])
    }

    static let message = message(reason: reason)

    private static func event(_ type: String, _ members: Schema.Member...) -> Schema { .object([.needed("type", .word(type))] + members) }

    private static func delta(_ type: String, _ text: String) -> Schema { event(type, .needed(text, .text)) }

    /// Of the message that begins a stream no reason is known.
    static let event = Schema.either(
        event("message_start", .needed("message", message(reason: .null))), event("ping"),
        event("content_block_start", .needed("index", .count), .needed("content_block", .ref("MessagesBlock"))),
        event(
            "content_block_delta", .needed("index", .count),
            .needed(
                "delta",
                .either(
                    delta("text_delta", "text"), delta("thinking_delta", "thinking"), delta("signature_delta", "signature"),
                    delta("input_json_delta", "partial_json")))),
        event("content_block_stop", .needed("index", .count)),
        event(
            "message_delta", .needed("delta", .object([.needed("stop_reason", reason), .needed("stop_sequence", .text.orNull)])),
            .needed("usage", .ref("MessagesUsage")), .sometimes("nvext", .ref("ResponseExtension"))),
        event("message_stop"), .ref("AnthropicError"))
}
