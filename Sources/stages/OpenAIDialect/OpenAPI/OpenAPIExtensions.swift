/// The schemas of `nvext` in `/openapi.json`: what requests may ask for, and what answers then tell.
enum OpenAPIExtensions {
    typealias Part = OpenAPIDocument.Part

    static let all = [request, agentHints, session, overrides, response, workers, timing, stages]

    private static let request = Part(
        "RequestExtension",
        """
        {"type":"object","properties":{\
        "extra_fields":{"type":["array","null"],"maxItems":\(DialectLimits.hintWords),"items":{"type":"string"},\
        "description":"What the answer is to tell: worker_id, timing, stages, decision. Other names are ignored."},\
        "annotations":{"type":["array","null"],"maxItems":\(DialectLimits.hintWords),"items":{"type":"string"},\
        "description":"One that begins with query_instance_id: asks only where the request would run."},\
        "backend_instance_id":{"$ref":"#/components/schemas/RequestExtension/$defs/worker"},\
        "prefill_worker_id":{"$ref":"#/components/schemas/RequestExtension/$defs/worker"},\
        "decode_worker_id":{"$ref":"#/components/schemas/RequestExtension/$defs/worker"},\
        "dp_rank":{"type":["integer","null"],"minimum":0},"prefill_dp_rank":{"type":["integer","null"],"minimum":0},\
        "agent_hints":{"oneOf":[{"$ref":"#/components/schemas/AgentHints"},{"type":"null"}]},\
        "session_control":{"oneOf":[{"$ref":"#/components/schemas/SessionControl"},{"type":"null"}]},\
        "router_config_override":{"oneOf":[{"$ref":"#/components/schemas/RouterOverride"},{"type":"null"}]},\
        "request_timestamp_ms":{"type":["number","null"],"minimum":0},\
        "token_data":{"type":["array","null"],"items":{"type":"integer"},"description":"Instead of the prompt in words."},\
        "max_thinking_tokens":{"type":["integer","null"],"minimum":0},\
        "greed_sampling":{"type":["boolean","null"]},"use_raw_prompt":{"type":["boolean","null"]}},\
        "$defs":{"worker":{"type":["integer","string","null"],"description":"A worker: a number, or sixteen hexadecimal digits."}}}
        """)

    private static let agentHints = Part(
        "AgentHints",
        """
        {"type":"object","properties":{"priority":{"type":["integer","null"]},"strict_priority":{"type":["integer","null"],"minimum":0},\
        "osl":{"type":["integer","null"],"minimum":0,"description":"Tokens that the answer is expected to have."},\
        "speculative_prefill":{"type":["boolean","null"]},"latency_sensitivity":{"type":["number","null"]}}}
        """)

    private static let session = Part(
        "SessionControl",
        """
        {"type":"object","required":["session_id"],"properties":{\
        "session_id":{"type":"string","minLength":1,"maxLength":\(DialectLimits.session)},\
        "action":{"enum":["open","close","bind",null]},\
        "timeout":{"type":["integer","null"],"minimum":1,"maximum":\(DialectLimits.sessionSeconds)}}}
        """)

    private static let overrides = Part(
        "RouterOverride",
        """
        {"type":"object","properties":{"overlap_score_weight":{"type":["number","null"],"minimum":0},\
        "router_temperature":{"type":["number","null"],"minimum":0},"assume_kv_reuse":{"type":["boolean","null"]},\
        "track_prefill_tokens":{"type":["boolean","null"]}}}
        """)

    private static let response = Part(
        "ResponseExtension",
        """
        {"type":"object","description":"There only if something in it was asked for. Chunks tell workers; times are on chunks with a finish reason.",\
        "properties":{"worker_id":{"$ref":"#/components/schemas/WorkerIdInfo"},"timing":{"$ref":"#/components/schemas/TimingInfo"},\
        "token_ids":{"type":"array","items":{"type":"integer"},"description":"Of the prompt, where only a placement was asked for."},\
        "stages":{"$ref":"#/components/schemas/StageTimes"},"decision":{"$ref":"#/components/schemas/Decision"}}}
        """)

    private static let workers = Part(
        "WorkerIdInfo",
        object(["prefill_worker_id", "prefill_dp_rank", "decode_worker_id", "decode_dp_rank"].map { ($0, integer) }))

    private static let timing = Part(
        "TimingInfo",
        object(
            [
                ("request_received_ms", #"{"type":"integer","description":"Milliseconds since 1970."}"#),
                ("prefill_wait_time_ms", milliseconds), ("prefill_time_ms", milliseconds), ("ttft_ms", milliseconds),
                ("total_time_ms", milliseconds), ("kv_hit_rate", #"{"type":"number","minimum":0,"maximum":1}"#),
                ("router_queue_depth", integer), ("kv_transfer_estimated_latency_ms", milliseconds),
            ], required: ["request_received_ms"]))

    private static let stages = Part(
        "StageTimes",
        object(
            ["tokenize", "route", "queue", "dispatch", "worker_wait", "prefill", "transfer", "decode", "detokenize", "write"].map {
                ($0 + "_ms", milliseconds)
            }))

    private static let integer = #"{"type":"integer","minimum":0}"#
    private static let milliseconds = #"{"type":"number","minimum":0}"#

    private static func object(_ members: [(name: String, schema: String)], required: [String] = []) -> String {
        let names = required.map { "\"\($0)\"" }.joined(separator: ",")
        return #"{"type":"object","required":[\#(names)],"properties":{"#
            + members.map { "\"\($0.name)\":\($0.schema)" }.joined(separator: ",") + "}}"
    }
}
