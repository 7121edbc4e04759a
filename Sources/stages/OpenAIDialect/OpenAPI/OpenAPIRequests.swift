/// The schemas of request bodies in `/openapi.json`.
enum OpenAPIRequests {
    typealias Part = OpenAPIDocument.Part

    static let all = [
        Part(
            "ChatCompletionRequest",
            """
            {"type":"object","required":["model","messages"],"properties":{\(common),\
            "messages":{"type":"array","minItems":1,"maxItems":\(DialectLimits.messages),"items":{"$ref":"#/components/schemas/Message"}},\
            "logprobs":{"type":["boolean","null"]},\
            "top_logprobs":{"type":["integer","null"],"minimum":0,"maximum":\(DialectLimits.topLogprobs)},\
            "add_generation_prompt":{"type":["boolean","null"],"default":true},\
            "continue_final_message":{"type":["boolean","null"],"default":false},\
            "chat_template_kwargs":{"type":["object","null"]},\
            "tool_choice":{"description":"Of effect with tools, which need a deployment that honours them."},\
            "parallel_tool_calls":{"type":["boolean","null"]}}}
            """),
        Part(
            "CompletionRequest",
            """
            {"type":"object","required":["model","prompt"],"properties":{\(common),\
            "prompt":{"description":"A text, or its tokens; an array of one of either.",\
            "oneOf":[{"type":"string"},{"type":"array","minItems":1,"items":{"type":["string","integer","array"]}}]},\
            "echo":{"type":["boolean","null"],"default":false},\
            "logprobs":{"type":["integer","null"],"minimum":0,"maximum":\(DialectLimits.topLogprobs)}}}
            """),
        Part(
            "Message",
            """
            {"type":"object","required":["role"],"properties":{\
            "role":{"enum":["system","developer","user","assistant","tool"]},"content":{"type":["string","array","null"]},\
            "name":{"type":["string","null"]},"tool_calls":{"type":["array","null"],"items":{"type":"object"}},\
            "tool_call_id":{"type":["string","null"]},"reasoning_content":{"type":["string","null"]},"refusal":{"type":["string","null"]}}}
            """),
        Part(
            "StreamOptions",
            """
            {"type":"object","properties":{"include_usage":{"type":["boolean","null"]},"continuous_usage_stats":{"type":["boolean","null"]}}}
            """),
    ]

    /// Fields that both generating endpoints honour.
    private static let common = """
        "model":{"type":"string","minLength":1,"maxLength":\(DialectLimits.model)},\
        "stream":{"type":["boolean","null"],"default":false},\
        "stream_options":{"oneOf":[{"$ref":"#/components/schemas/StreamOptions"},{"type":"null"}]},\
        "temperature":{"type":["number","null"],"minimum":0,"maximum":2},\
        "top_p":{"type":["number","null"],"minimum":0,"maximum":1},\
        "top_k":{"type":["integer","null"],"minimum":-1,"maximum":\(DialectLimits.maxTokens)},\
        "min_p":{"type":["number","null"],"minimum":0,"maximum":1},\
        "presence_penalty":{"type":["number","null"],"minimum":-2,"maximum":2},\
        "frequency_penalty":{"type":["number","null"],"minimum":-2,"maximum":2},\
        "repetition_penalty":{"type":["number","null"]},\
        "seed":{"type":["integer","null"]},\
        "logit_bias":{"type":["object","null"],"maxProperties":\(DialectLimits.logitBiases),"additionalProperties":{"type":"number"}},\
        "max_tokens":{"type":["integer","null"],"minimum":1,"maximum":\(DialectLimits.maxTokens)},\
        "max_completion_tokens":{"type":["integer","null"],"minimum":1,"maximum":\(DialectLimits.maxTokens)},\
        "min_tokens":{"type":["integer","null"],"minimum":0,"maximum":\(DialectLimits.maxTokens)},\
        "ignore_eos":{"type":["boolean","null"]},\
        "stop":{"oneOf":[{"type":["string","null"]},{"type":"array","maxItems":\(DialectLimits.stops),"items":{"type":"string"}}]},\
        "stop_token_ids":{"type":["array","null"],"maxItems":\(DialectLimits.stopTokens),"items":{"type":"integer"}},\
        "include_stop_str_in_output":{"type":["boolean","null"]},\
        "skip_special_tokens":{"type":["boolean","null"],"default":true},\
        "n":{"type":["integer","null"],"minimum":1,"maximum":\(DialectLimits.choices),"default":1},\
        "user":{"type":["string","null"],"maxLength":\(DialectLimits.label)},\
        "prompt_cache_key":{"type":["string","null"],"maxLength":\(DialectLimits.label)},\
        "metadata":{"type":["object","null"],"description":"Of no effect."},\
        "service_tier":{"type":["string","null"],"description":"Of no effect."},\
        "store":{"type":["boolean","null"],"description":"Of no effect."},\
        "nvext":{"oneOf":[{"$ref":"#/components/schemas/RequestExtension"},{"type":"null"}]}
        """
}
