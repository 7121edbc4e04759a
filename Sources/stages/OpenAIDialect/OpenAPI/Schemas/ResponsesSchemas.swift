/// What `/v1/responses` takes and gives.
enum ResponsesSchemas {
    static let all = [
        Schema.Named("InputItem", .either(.ref("InputMessage"), .ref("InputCall"), .ref("InputCallOutput"), .ref("InputReasoning"))),
        Schema.Named(
            "InputMessage",
            .object(
                named + [
                    .may("type", .word("message")), .needed("role", .word("user", "assistant", "system", "developer")),
                    .needed("content", content), .may("phase", .word("commentary", "final_answer")),
                ])),
        Schema.Named(
            "InputCall",
            .object(
                named + [
                    .needed("type", .word("function_call")), .needed("call_id", name), .needed("name", name), .needed("arguments", .text),
                ])),
        Schema.Named(
            "InputCallOutput",
            .object(named + [.needed("type", .word("function_call_output")), .needed("call_id", name), .needed("output", content)])),
        Schema.Named(
            "InputReasoning",
            .object(
                named + [
                    .needed("type", .word("reasoning")), .may("content", thoughts("reasoning_text")),
                    .may("summary", thoughts("summary_text")),
                    .may("encrypted_content", .text.described("Of other services; not looked at.")),
                ])),
        Schema.Named(
            "InputPart",
            .either(
                .object([.needed("type", .word("input_text", "output_text", "text")), .needed("text", .text)]),
                .object([.needed("type", .word("refusal")), .needed("refusal", .text)])
            ).described("Images, sounds and files are refused by name.")),
        Schema.Named("FunctionTool", tool), Schema.Named("FunctionChoice", choice), Schema.Named("TextForm", form),
        Schema.Named("OutputItem", .either(output)), Schema.Named("OutputPart", .either(textPart, thoughtPart)),
        Schema.Named("ResponseLogprob", .object(alternative + [.needed("top_logprobs", .array(of: .object(alternative)))])),
    ]

    // MARK: Requests

    static let request = Schema.object(
        [
            .needed("model", .text(1...DialectLimits.model).described(GenerationSchemas.modelName)),
            .needed(
                "input",
                .either(.text, .array(of: .ref("InputItem"), 1...DialectLimits.messages)).described(
                    "A message of the user, or the whole conversation in items.")),
            .may("instructions", .text.described("A system message before all.")), GenerationSchemas.stream,
            .may("stream_options", .object([.may("include_obfuscation", .flag.described(GenerationSchemas.noEffect))])),
            .may(
                "max_output_tokens",
                .integer(1...DialectLimits.maxTokens).described("Thoughts included. By default what the context leaves.")),
            .may("max_tool_calls", .integer(1...DialectLimits.maxTokens).described(GenerationSchemas.noEffect)),
            .may(
                "top_logprobs", .integer(0...DialectLimits.topLogprobs).byDefault("0").described("With include: of so many likeliest.")),
            .may("n", .integer(1...1)),
            .may(
                "include",
                .array(of: .words(RequestBody.includable), 0...DialectLimits.hintWords).described(
                    "message.output_text.logprobs tells log probabilities; the others have no effect.")),
            .may(
                "tools",
                .array(of: .ref("FunctionTool"), 0...DialectLimits.tools).described("What the model may call, and the client carries out.")),
            .may("tool_choice", .ref("FunctionChoice")),
            .may(
                "parallel_tool_calls",
                .flag.byDefault("true").described("false: one call at the most, as far as the model's form allows it.")),
            .may("text", .ref("TextForm")), .may("reasoning", reasoning),
            .may("truncation", .word("auto", "disabled").described("Of no effect: a prompt that is too long is refused.")),
        ] + ConversationSchemas.template.filter { $0.name != "tools" }
            + (GenerationSchemas.sampling + GenerationSchemas.lengths).filter { !RequestBody.otherLimits.contains($0.name) } + labels
            + [.may("nvext", .ref("RequestExtension")).added] + RequestBody.kept.map { .nothing($0) }
            + RequestBody.otherLimits.map { .nothing($0) }
            + ResponsesRequest.refused.map { .refused($0) } + GenerationSchemas.noted.filter { $0.name != "metadata" }
            + GenerationSchemas.fixed(ChatCompletionRequest.fixed))

    private static let labels: [Schema.Member] = [
        .may(
            "metadata",
            Schema.object.with("maxProperties", "\(DialectLimits.metadata)")
                .with("propertyNames", Schema.text(0...DialectLimits.metadataName).json)
                .with("additionalProperties", Schema.text(0...DialectLimits.metadataValue).json).described("Told back.")),
        .may("user", .text(0...DialectLimits.label).described("Whom it is for.")), .may("background", .word(of: [false])),
        .may("prompt_cache_key", .text(0...DialectLimits.label).described("Told back; caches are found by the prompt itself.")),
        .nothing("web_search_options"),
    ]

    /// What items have when they are passed back; nobody looks at it.
    private static let named: [Schema.Member] = [.sometimes("id", .any), .sometimes("status", .any)]
    private static let name = Schema.text(0...DialectLimits.name)
    private static let content = Schema.either(.text, .array(of: .ref("InputPart"), 1...DialectLimits.partsPerMessage))

    private static func thoughts(_ type: String) -> Schema {
        .array(of: .object([.needed("type", .word(type)), .needed("text", .text)]), 0...DialectLimits.partsPerMessage)
    }

    private static let tool = Schema.object([
        .needed("type", .word("function")), .needed("name", .text(1...DialectLimits.name)), .may("description", .text),
        .may("parameters", .object), .may("strict", .flag),
    ]).described("Tools that other services run themselves are refused by name.")

    private static let namedFunction = Schema.object([.needed("type", .word("function")), .needed("name", name)])

    private static let choice = Schema.either(
        .word("none", "auto", "required"), namedFunction,
        .object([
            .needed("type", .word("allowed_tools")), .needed("mode", .word("auto", "required")),
            .needed("tools", .array(of: namedFunction, 0...DialectLimits.tools)),
        ])
    ).described("Names are those of tools. A call can be demanded only where there are tools.")

    private static let form = Schema.object([
        .may("verbosity", .word("low", "medium", "high").described("Of no effect.")),
        .may(
            "format",
            .either(
                .object([.needed("type", .word("text", "json_object"))]),
                .object([
                    .needed("type", .word("json_schema")), .needed("name", name), .needed("schema", .object), .may("strict", .flag),
                    .may("description", .text),
                ]))),
    ])

    private static let reasoning = Schema.object([
        .may("effort", .words(RequestBody.efforts).described("The template's value reasoning_effort.")),
        .may("summary", .words(RequestBody.summaries).described("Of no effect: thoughts are told whole.")),
        .may("generate_summary", .words(RequestBody.summaries)), .may("context", .word("auto", "current_turn", "all_turns")),
    ])

    // MARK: Answers

    static let answer = Schema.object([
        .needed("id", .text), .needed("object", .word("response")), .needed("created_at", .count),
        .needed("status", .word("in_progress", "completed", "incomplete", "failed")),
        .needed("completed_at", Schema.count.orNull.described("Seconds since 1970, of a response that is completed.")),
        .needed("error", Schema.object([.needed("code", .text), .needed("message", .text)]).orNull),
        .needed("incomplete_details", Schema.object([.needed("reason", .word("max_output_tokens", "content_filter"))]).orNull),
        .needed("background", .word(of: [false])), .needed("instructions", .text.orNull), .needed("max_output_tokens", Schema.count.orNull),
        .needed("max_tool_calls", Schema.count.orNull), .needed("metadata", Schema.object.with("additionalProperties", Schema.text.json)),
        .needed("model", .text), .needed("parallel_tool_calls", .flag), .needed("previous_response_id", .null),
        .needed("prompt_cache_key", .text.orNull),
        .needed("reasoning", .object([.needed("effort", .text.orNull), .needed("summary", .null)])),
        .needed("safety_identifier", .text.orNull), .needed("service_tier", .word("default")), .needed("store", .word(of: [false])),
        .needed("temperature", Schema.number(0...2).orNull), .needed("text", .ref("TextForm")),
        .needed("tool_choice", .ref("FunctionChoice")),
        .needed("tools", .array(of: .ref("FunctionTool"))), .needed("top_logprobs", .count), .needed("top_p", Schema.number(0...1).orNull),
        .needed("truncation", .word("disabled")), .needed("user", .text.orNull), .needed("output", .array(of: .ref("OutputItem"))),
        .needed("usage", usage.orNull), .sometimes("nvext", .ref("ResponseExtension")),
    ])

    private static let usage = Schema.object([
        .needed("input_tokens", .count),
        .needed("input_tokens_details", .object([.needed("cache_write_tokens", .count), .needed("cached_tokens", .count)])),
        .needed("output_tokens", .count), .needed("output_tokens_details", .object([.needed("reasoning_tokens", .count)])),
        .needed("total_tokens", .count),
    ])

    private static let status = Schema.Member.needed("status", .word("in_progress", "completed", "incomplete"))

    private static let output = [
        Schema.object([
            .needed("id", .text), .needed("type", .word("message")), .needed("role", .word("assistant")), status,
            .needed("content", .array(of: textPart, 0...1)),
        ]),
        Schema.object([
            .needed("id", .text), .needed("type", .word("reasoning")), status, .needed("summary", .array(of: .any, 0...0)),
            .needed("content", .array(of: thoughtPart, 0...1)),
        ]),
        Schema.object([
            .needed("id", .text), .needed("type", .word("function_call")), status, .needed("call_id", .text), .needed("name", .text),
            .needed("arguments", .text),
        ]),
    ]

    private static let textPart = Schema.object([
        .needed("type", .word("output_text")), .needed("text", .text), .needed("annotations", .array(of: .any, 0...0)),
        .needed("logprobs", .array(of: .ref("ResponseLogprob"))),
    ])

    private static let thoughtPart = Schema.object([.needed("type", .word("reasoning_text")), .needed("text", .text)])

    private static let alternative: [Schema.Member] = [
        .needed("token", .text), .needed("logprob", Schema(#"{"type":"number"}"#)), .needed("bytes", .array(of: .integer(0...255))),
    ]

    // MARK: Events

    static let event = Schema.either([
        kind(
            ["response.created", "response.in_progress", "response.completed", "response.incomplete", "response.failed"],
            [
                .needed("response", .ref("Response"))
            ]),
        kind(["response.output_item.added", "response.output_item.done"], [index, .needed("item", .ref("OutputItem"))]),
        kind(["response.content_part.added", "response.content_part.done"], place + part + [.needed("part", .ref("OutputPart"))]),
        kind(["response.output_text.delta"], place + part + [.needed("delta", .text), logprobs]),
        kind(["response.output_text.done"], place + part + [.needed("text", .text), logprobs]),
        kind(["response.reasoning_text.delta"], place + part + [.needed("delta", .text)]),
        kind(["response.reasoning_text.done"], place + part + [.needed("text", .text)]),
        kind(["response.function_call_arguments.delta"], place + [.needed("delta", .text)]),
        kind(["response.function_call_arguments.done"], place + [.needed("name", .text), .needed("arguments", .text)]),
        kind(["error"], [.needed("code", .text.orNull), .needed("message", .text), .needed("param", .text.orNull)]),
    ])

    private static let index = Schema.Member.needed("output_index", .count)
    private static let place = [Schema.Member.needed("item_id", .text), index]
    private static let part = [Schema.Member.needed("content_index", .count)]
    private static let logprobs = Schema.Member.needed("logprobs", .array(of: .ref("ResponseLogprob")))

    private static func kind(_ names: [String], _ members: [Schema.Member]) -> Schema {
        .object([.needed("type", .words(names)), .needed("sequence_number", .count)] + members)
    }
}
