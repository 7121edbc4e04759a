import ClusterModel

/// Messages and tools, as the requests of several endpoints hold them.
enum ConversationSchemas {
    static let all = [
        Schema.Named("Message", .either(.ref("SpokenMessage"), .ref("AssistantMessage"), .ref("ToolMessage"))),
        Schema.Named(
            "SpokenMessage",
            .object([.needed("role", .word("system", "developer", "user")), .needed("content", content), .may("name", name)])),
        Schema.Named(
            "AssistantMessage",
            Schema.object([
                .needed("role", .word("assistant")), .may("content", content), .may("name", name), .may("refusal", .text),
                .may("tool_calls", .array(of: .ref("MessageToolCall"), 0...DialectLimits.toolCallsPerMessage)),
                .may("reasoning_content", .text), .may("reasoning", .text.described("Another name of reasoning_content.")),
                .nothing("function_call"), .nothing("audio"),
            ]).with(
                "anyOf",
                "["
                    + [
                        said("content", content), said("refusal", .text),
                        said("tool_calls", .array(of: .any, 1...Int.max)),
                    ].joined(separator: ",") + "]")),
        Schema.Named(
            "ToolMessage",
            .object([
                .needed("role", .word("tool")), .needed("content", content), .needed("tool_call_id", name), .may("name", name),
            ])),
        Schema.Named(
            "ContentPart",
            .either(
                .object([.needed("type", .word("text")), .needed("text", .text)]),
                .object([.needed("type", .word("refusal")), .needed("refusal", .text)])
            ).described("Images, sounds, videos and files are refused by name.")),
        Schema.Named(
            "MessageToolCall",
            .object([
                .needed("id", name), .may("type", .word("function")),
                .needed("function", .object([.needed("name", name), .needed("arguments", .text)])),
            ])),
        Schema.Named(
            "Tool",
            .object([
                .may("type", .word("function")),
                .needed(
                    "function",
                    .object([
                        .needed("name", .text(1...DialectLimits.name)), .may("description", .text), .may("parameters", .object),
                    ])),
            ])),
    ]

    /// What the template of a conversation is given beside its messages.
    static let template: [Schema.Member] = [
        .may("tools", .array(of: .ref("Tool"), 0...DialectLimits.tools).described("What the model may call, and the client carries out.")),
        .may(
            "add_generation_prompt", .flag.byDefault("true").described("The prompt ends where the assistant's message begins.")
        ).added,
        .may(
            "continue_final_message", .flag.byDefault("false").described("The last message is the assistant's, and goes on.")
        ).added,
        .may("chat_template_kwargs", .object.described("Values for the template.")).added,
        .may("reasoning_effort", .words(RequestBody.efforts).described("For templates that know it, unless they are given it already.")),
        .may("documents", .array(of: .object, 0...DialectLimits.documents).described("For templates that quote from them.")).added,
    ]

    static let messages = Schema.Member.needed(
        "messages", .array(of: .ref("Message"), 1...DialectLimits.messages).described("The conversation, oldest first."))

    private static let name = Schema.text(0...DialectLimits.name)
    private static let content = Schema.either(.text, .array(of: .ref("ContentPart"), 1...DialectLimits.partsPerMessage))

    private static func said(_ name: String, _ schema: Schema) -> String { Schema.object([.needed(name, schema)]).json }
}
