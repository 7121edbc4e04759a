/// The schemas of answers in `/openapi.json`.
enum OpenAPIAnswers {
    typealias Part = OpenAPIDocument.Part

    static let all = [
        Part("ChatCompletion", answer("chat.completion", choice: ##""message":{"$ref":"#/components/schemas/AnswerMessage"}"##)),
        Part("ChatCompletionChunk", answer("chat.completion.chunk", choice: #""delta":{"type":"object"}"#, isChunk: true)),
        Part("Completion", answer("text_completion", choice: #""text":{"type":"string"}"#)),
        Part("CompletionChunk", answer("text_completion", choice: #""text":{"type":"string"}"#, isChunk: true)),
        Part(
            "AnswerMessage",
            """
            {"type":"object","required":["role","content"],"properties":{\
            "role":{"const":"assistant"},"content":{"type":"string"},"refusal":{"type":"null"}}}
            """),
        Part(
            "Usage",
            """
            {"type":"object","required":["prompt_tokens","completion_tokens","total_tokens"],"properties":{\
            "prompt_tokens":{"type":"integer"},"completion_tokens":{"type":"integer"},"total_tokens":{"type":"integer"},\
            "prompt_tokens_details":{"type":"object","properties":{"cached_tokens":{"type":"integer"}}},\
            "completion_tokens_details":{"type":"object","properties":{"reasoning_tokens":{"type":"integer"}}}}}
            """),
        Part(
            "Model",
            """
            {"type":"object","required":["id","object","created","owned_by","max_model_len"],"properties":{\
            "id":{"type":"string"},"object":{"const":"model"},"created":{"type":"integer"},"owned_by":{"type":"string"},\
            "max_model_len":{"type":"integer"},"parent":{"type":"string","description":"The model that an adapter changes."}}}
            """),
        Part(
            "ModelList",
            """
            {"type":"object","required":["object","data"],"properties":{\
            "object":{"const":"list"},"data":{"type":"array","items":{"$ref":"#/components/schemas/Model"}}}}
            """),
        Part(
            "Error",
            """
            {"type":"object","required":["error"],"properties":{"error":{"type":"object","required":["message","type","param","code"],\
            "properties":{"message":{"type":"string"},"type":{"type":"string"},"param":{"type":["string","null"],\
            "description":"The field of the request that is at fault."},"code":{"type":["string","null"]}}}}}
            """),
        Part(
            "Version",
            #"{"type":"object","required":["version","protocol"],"properties":{"version":{"type":"string"},"protocol":{"type":"string"}}}"#),
        Part("Decision", #"{"type":"object","description":"The record of a router's decision. Placements are ordinals."}"#),
        Part("Any", #"{"type":"object"}"#),
    ]

    private static func answer(_ object: String, choice: String, isChunk: Bool = false) -> String {
        let reason = isChunk ? #""type":["string","null"],"# : ""
        return """
            {"type":"object","required":["id","object","created","model","choices"],"properties":{\
            "id":{"type":"string"},"object":{"const":"\(object)"},"created":{"type":"integer"},"model":{"type":"string"},\
            "choices":{"type":"array","items":{"type":"object","required":["index","finish_reason"],"properties":{\
            "index":{"type":"integer"},\(choice),"logprobs":{"type":["object","null"]},\
            "finish_reason":{\(reason)"enum":["stop","length","content_filter","tool_calls"\(isChunk ? ",null" : "")]}}}},\
            "usage":{"oneOf":[{"$ref":"#/components/schemas/Usage"},{"type":"null"}]},\
            "nvext":{"$ref":"#/components/schemas/ResponseExtension"}}}
            """
    }
}
