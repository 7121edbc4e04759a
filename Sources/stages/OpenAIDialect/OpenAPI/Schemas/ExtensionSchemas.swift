/// `nvext`: what requests may ask for, and what answers then tell.
enum ExtensionSchemas {
    static let all = [
        Schema.Named("RequestExtension", request), Schema.Named("AgentHints", agentHints), Schema.Named("SessionControl", session),
        Schema.Named("RouterOverride", overrides), Schema.Named("MediaRouting", media), Schema.Named("Worker", worker),
        Schema.Named("ResponseExtension", response),
        Schema.Named("WorkerIdInfo", workers), Schema.Named("TimingInfo", timing), Schema.Named("StageTimes", stages),
    ]

    // MARK: Requests

    private static let words = Schema.array(of: .text(0...DialectLimits.label), 0...DialectLimits.hintWords)
    private static let word32 = Schema.integer(0...Int(UInt32.max))

    private static let request = Schema.object([
        .may("extra_fields", words.described("What the answer is to tell: worker_id, timing, stages, decision. Other names are ignored.")),
        .may(
            "annotations",
            words.described(
                "formatted_prompt and token_ids: events before the data of a stream of chat completions or completions. One that begins with query_instance_id: asks only where the request would run."
            )),
        .may("backend_instance_id", Schema.ref("Worker").described("The worker that is to run it.")),
        .may("prefill_worker_id", Schema.ref("Worker").described("The worker that is to compute the prompt.")),
        .may("decode_worker_id", Schema.ref("Worker").described("The worker that is to make the answer.")),
        .may("dp_rank", word32.described("The rank of the worker.")),
        .may("prefill_dp_rank", word32.described("The rank of the worker that computes the prompt.")),
        .may("agent_hints", .ref("AgentHints")), .may("session_control", .ref("SessionControl")),
        .may("router_config_override", .ref("RouterOverride")),
        .may(
            "request_timestamp_ms",
            .number(0...DialectLimits.latestMilliseconds).described("When the client asked, in milliseconds since 1970.")),
        .may("token_data", Schema.array(of: .token, 0...DialectLimits.promptTokens).described("Instead of the prompt in words.")),
        .may("max_thinking_tokens", word32.described("Before thinking_token_budget.")),
        .may("greed_sampling", .flag.byDefault("false").described("Always the likeliest token, whatever temperature says.")),
        .may(
            "use_raw_prompt", .flag.byDefault("false").described("The one message of the chat is the whole prompt, without the template.")),
        .may("mm_routing_info", .ref("MediaRouting")), .nothing("cache_salt"),
    ]).described("What clients of NVIDIA Dynamo may ask for: where and when it runs, what the answer tells, sessions.")

    private static let agentHints = Schema.object([
        .may(
            "priority",
            .integer(Int(Int32.min)...Int(Int32.max)).byDefault("0").described("So many seconds further forward in its class of the queue.")
        ),
        .may("strict_priority", word32.byDefault("0").described("The class in the queue; a higher one goes before all lower ones.")),
        .may("osl", word32.described("Tokens that the answer is expected to have.")),
        .may("speculative_prefill", .flag.byDefault("false").described("The next turn's beginning is computed ahead.")),
        .may("latency_sensitivity", .number(DialectLimits.anyFloat).described("The priority, where none is given.")),
    ])

    private static let session = Schema.object([
        .needed("session_id", .text(1...DialectLimits.session)),
        .may(
            "action",
            .word("open", "close", "bind").described(
                "open: on the worker that runs this request, or it fails; bind: the same, if that is possible; close: ends with it. None: follow."
            )),
        .may("timeout", .integer(1...DialectLimits.sessionSeconds).described("Seconds without a request after which it ends.")),
    ])

    private static let overrides = Schema.object([
        .may(
            "overlap_score_weight", .number(DialectLimits.weights).described("The router's --overlap-weight: what a cached block is worth.")
        ),
        .may("router_temperature", .number(DialectLimits.weights).described("The router's --temperature; 0: always the cheapest worker.")),
        .may("assume_kv_reuse", .flag.described("The router's --assume-reuse: it shares the blocks that others hold already.")),
        .may("track_prefill_tokens", .flag.described("The router's --track-prefill: its prompt counts as prefill to do.")),
    ])

    private static let word64 = Schema(#"{"type":"integer","minimum":0,"maximum":18446744073709551615}"#)

    private static let media = Schema.object([
        .may("routing_token_ids", .array(of: .token, 0...DialectLimits.promptTokens)),
        .may("block_mm_infos", .array(of: Schema.object([.may("mm_objects", .array(of: medium, 0...DialectLimits.mediaPerBlock))]).orNull)),
    ]).described("Where media lie in the prompt. Checked, and of no effect while no model takes media.")

    private static let medium = Schema.object([
        .needed("mm_hash", word64), .may("offsets", .array(of: .array(of: word64, 2...2), 0...DialectLimits.mediaPerBlock)),
    ])

    private static let worker = Schema.either(
        word64,
        Schema(#"{"type":"string","pattern":"^[0-9a-fA-F]{16}$"}"#)
    ).described("A worker: a number, or sixteen hexadecimal digits.")

    // MARK: Answers

    private static let response = Schema.object([
        .sometimes("worker_id", .ref("WorkerIdInfo")), .sometimes("timing", .ref("TimingInfo")),
        .sometimes("token_ids", Schema.array(of: .token).described("Of the prompt, where only a placement was asked for.")),
        .sometimes("stages", .ref("StageTimes")), .sometimes("decision", .ref("Decision")),
    ]).described("There only if something in it was asked for. Chunks tell workers; times are on chunks with a finish reason.")

    private static let workers = Schema.object(
        ["prefill_worker_id", "prefill_dp_rank", "decode_worker_id", "decode_dp_rank"].map { .sometimes($0, .count) })

    private static let timing = Schema.object([
        .needed("request_received_ms", Schema.count.described("Milliseconds since 1970.")),
        .sometimes("prefill_wait_time_ms", .milliseconds), .sometimes("prefill_time_ms", .milliseconds),
        .sometimes("ttft_ms", .milliseconds),
        .sometimes("total_time_ms", .milliseconds), .sometimes("kv_hit_rate", .number(0...1)), .sometimes("router_queue_depth", .count),
        .sometimes("kv_transfer_estimated_latency_ms", .milliseconds),
    ])

    private static let stages = Schema.object(
        ["tokenize", "route", "queue", "dispatch", "worker_wait", "prefill", "transfer", "decode", "detokenize", "write"].map {
            .sometimes($0 + "_ms", .milliseconds)
        })
}
