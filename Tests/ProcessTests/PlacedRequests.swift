import ClusterHarness
import JSONText

extension ChatRequest {
    /// A request of few tokens whose answer is whole and tells which worker made it.
    static func placed(_ prompt: String, maxTokens: Int = 8, _ nvext: [(name: String, value: JSONValue)] = []) -> ChatRequest {
        var request = ChatRequest(model: "apus-mock", prompt: prompt, maxTokens: maxTokens)
        request.seed = 7
        request.streams = false
        var told = JSONObject()
        told["extra_fields"] = ["worker_id", "decision"]
        for member in nvext { told[member.name] = member.value }
        request.extra = [("nvext", .object(told))]
        return request
    }

    /// One turn of a session.
    static func turn(of session: String, action: String? = nil) -> ChatRequest {
        var control = JSONObject()
        control["session_id"] = .string(session)
        if let action { control["action"] = .string(action) }
        return placed("Tell me more of the sea.", [("session_control", .object(control))])
    }
}

extension ChatReply {
    /// What the answer tells beside the text, of a request that asked for it whole.
    var told: JSONValue? { http.json?["nvext"] }
    /// The worker that its tokens come from.
    var worker: UInt64? { told?["worker_id"]?["decode_worker_id"]?.asUInt64 }
}
