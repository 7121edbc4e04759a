/// What the requests and answers of both older endpoints share.
enum GenerationSchemas {
    static let all = [
        Schema.Named(
            "Refused",
            Schema(#"{"enum":[null,false,"",[],{}]}"#).described(
                "Refused by name if it asks for anything, since ignoring it would mislead.")),
        Schema.Named(
            "StreamOptions",
            .object([
                .may("include_usage", .flag.described("A chunk at the end tells usage.")),
                .may("continuous_usage_stats", .flag.described("Each chunk tells usage.")).added,
                .may("include_obfuscation", .flag.described("Of no effect.")),
            ])),
        Schema.Named(
            "ResponseFormat",
            .either(
                .object([.needed("type", .word("text", "json_object"))]),
                .object([
                    .needed("type", .word("json_schema")),
                    .needed(
                        "json_schema",
                        .object([
                            .needed("name", .text(0...DialectLimits.name)), .needed("schema", .object), .may("strict", .flag),
                            .may("description", .text),
                        ])),
                ])
            ).described("The form of the answer, where the model's engine can be bound to one.")),
        Schema.Named(
            "Usage",
            .object([
                .needed("prompt_tokens", .count), .needed("completion_tokens", .count), .needed("total_tokens", .count),
                .needed("prompt_tokens_details", .object([.needed("cached_tokens", .count)])),
                .needed("completion_tokens_details", .object([.needed("reasoning_tokens", .count)])),
            ])),
    ]

    /// Members of both requests; what either refuses is told beside them.
    static let members: [Schema.Member] =
        [.needed("model", .text(1...DialectLimits.model).described(modelName))] + delivery + sampling + lengths + labels + noted
        + [.nothing("web_search_options"), .may("nvext", .ref("RequestExtension")).added]

    private static let delivery: [Schema.Member] = [
        stream, .may("stream_options", .ref("StreamOptions")),
        .may("n", .integer(1...DialectLimits.choices).byDefault("1").described("How many answers; each is sampled by itself.")),
        .may("response_format", .ref("ResponseFormat")),
    ]

    static let modelName = "One of /v1/models."
    static let stream = Schema.Member.may(
        "stream", .flag.byDefault("false").described("The answer comes as events while it is made, and not in one body."))

    static let sampling: [Schema.Member] = [
        temperature(to: 2), topP,
        .may(
            "top_k", .integer(-1...DialectLimits.maxTokens).described("Draws among the likeliest so many; -1 and 0: among all. \(elseNone)")
        ).added,
        .may("min_p", .number(0...1).described("Leaves out what is less likely than this share of the likeliest. \(elseNone)")).added,
        .may("presence_penalty", .number(-2...2).described("Off each token that the answer has already. \(elseNone)")),
        .may("frequency_penalty", .number(-2...2).described("The same, for each time that the answer has it. \(elseNone)")),
        .may(
            "repetition_penalty",
            .number(DialectLimits.repetitionPenalties).described(
                "Divides what is for tokens that prompt or answer have. By default the model's own setting, or 1: none.")
        ).added,
        .may(
            "seed",
            Schema(#"{"type":"integer","minimum":-9223372036854775808,"maximum":18446744073709551615}"#).described(
                "With the same seed the same request draws the same tokens, as far as the engine can. By default drawn anew.")),
        .may(
            "logit_bias",
            Schema.object.described("By the number of a token: what is added to its logit; the ends forbid and force it.").with(
                "maxProperties", "\(DialectLimits.logitBiases)"
            )
            .with("propertyNames", #"{"pattern":"^(0|[1-9][0-9]{0,8})$"}"#)
            .with("additionalProperties", Schema.number(DialectLimits.logitBiasRange).json)),
    ]

    private static let elseNone = "By default the model's own setting, or none."

    static func temperature(to most: Double) -> Schema.Member {
        .may(
            "temperature",
            .number(0...most).described("0: always the likeliest token. By default the model's own setting, or 1."))
    }

    static let topP = Schema.Member.may(
        "top_p",
        .number(0...1).described("Draws among the likeliest that have this share together. By default the model's own setting, or 1."))

    static let lengths: [Schema.Member] = [
        .may(
            "max_tokens",
            .integer(1...DialectLimits.maxTokens).described("Of an answer, thoughts included. By default what the context leaves.")),
        .may("max_completion_tokens", .integer(1...DialectLimits.maxTokens).described("Before max_tokens, if both are there.")),
        .may(
            "min_tokens",
            .integer(0...DialectLimits.maxTokens).byDefault("0").described("No stop is seen before; no more than the most.")
        ).added,
        .may("ignore_eos", .flag.byDefault("false").described("The model's own end does not end the answer.")).added,
        .may(
            "thinking_token_budget",
            .integer(0...Int(UInt32.max)).described("So many tokens of thoughts, in engines that can bound them. By default no bound.")
        ).added,
        .may(
            "stop",
            .either(.text(1...DialectLimits.stop), .array(of: .text(1...DialectLimits.stop), 0...DialectLimits.stops)).described(
                "Texts that end the answer.")),
        .may("stop_token_ids", .array(of: .token, 0...DialectLimits.stopTokens).described("Tokens that end the answer.")).added,
        .may("include_stop_str_in_output", .flag.byDefault("false").described("What ended the answer is part of it.")).added,
        .may("skip_special_tokens", .flag.byDefault("true").described("Special tokens are left out of the text.")).added,
    ]

    private static let labels: [Schema.Member] = [
        .may("user", .text(0...DialectLimits.label).described("Whom it is for.")),
        .may("prompt_cache_key", .text(0...DialectLimits.label).described("Accepted; caches are found by the prompt itself.")),
    ]

    /// Checked, and let go.
    static let noted: [Schema.Member] =
        RequestBody.notedTexts.map { .may($0, .text(0...DialectLimits.label).described(noEffect)) }
        + RequestBody.notedFlags.map { .may($0, .flag.described(noEffect)) }
        + RequestBody.notedObjects.map { .may($0, .object.described(noEffect)) } + [
            .may("priority", .integer(Int(Int32.min)...Int(Int32.max)).described(noEffect)),
            .may("length_penalty", .number(DialectLimits.anyFloat).described(noEffect)),
        ]

    static let noEffect = "Of no effect."

    /// Switches that stand where they stand.
    static func fixed(_ switches: [(name: String, value: Bool)]) -> [Schema.Member] {
        switches.map { .may($0.name, Schema(#"{"const":\#($0.value)}"#).described("Refused by name where it asks for anything else.")) }
    }

    // MARK: Answers

    /// An answer, or a chunk of one, whose choices have these members more.
    static func answer(_ object: String, isChunk: Bool, choice: [Schema.Member], logprobs: Schema) -> Schema {
        let reasons = Schema.word("stop", "length", "content_filter", "tool_calls")
        let usage: Schema.Member = isChunk ? .sometimes("usage", Schema.ref("Usage").orNull) : .needed("usage", .ref("Usage"))
        return .object([
            .needed("id", .text), .needed("object", .word(object)), .needed("created", .count), .needed("model", .text),
            .needed(
                "choices",
                .array(
                    of: .object(
                        [.needed("index", .count)] + choice + [
                            .needed("logprobs", logprobs.orNull), .needed("finish_reason", isChunk ? reasons.orNull : reasons),
                            .sometimes("stop_reason", .text.described("The client's stop text that ended it.")),
                        ]))),
            usage, .sometimes("nvext", .ref("ResponseExtension")),
        ])
    }
}
