import ClusterModel
import EventLoop
import HTTPClient
import JSONText
import TextProcessing

/// Finds out what a server takes beyond what every one of its kind takes: by questions of one token each, which it answers or refuses.
///
/// A server that takes a member and does nothing with it cannot be told from one that heeds it.
@LoopActor
struct CompletionProbe {
    private let server: EngineServer
    private let model: String
    private let text: ModelText

    /// Any word will do.
    private static let word = "Hello"

    init(_ server: EngineServer, model: String, _ text: ModelText) {
        self.server = server
        self.model = model
        self.text = text
    }

    func abilities() async throws(ServerProblem) -> CompletionAbilities {
        // One that cannot do this does not stand yet, or is no such server.
        let plain = try await ask(JSONObject())
        guard plain.status == 200 else { throw .refusal(status: plain.status, plain.body) }
        guard try AnswerValue(parsing: plain.body)["choices"].elements(atMost: 1)?.first?["text"].value?.asString != nil else {
            throw .malformed("choices[0].text of /v1/completions is missing")
        }
        var abilities: CompletionAbilities = []
        for (ability, members) in questions() where try await takes(members) { abilities.insert(ability) }
        return abilities
    }

    private func questions() -> [(CompletionAbilities, JSONObject)] {
        func object(_ members: [(String, JSONValue)]) -> JSONObject {
            var object = JSONObject()
            for (name, value) in members { object[name] = value }
            return object
        }
        var prompt: [TokenID] = []
        try? text.tokenizer.encode(PromptText(raw: Self.word), atMost: 64, into: &prompt)
        let tokens = prompt.map { JSONValue.number(JSONNumber($0)) }
        return [
            (.tokenPrompts, object([("prompt", .array(tokens))])),
            (.usage, object([("stream", true), ("stream_options", ["include_usage": true])])),
            (.topK, object([("top_k", 5)])),
            (.minP, object([("min_p", 0.1)])),
            (.repetitionPenalty, object([("repetition_penalty", 1.1)])),
            (.penalties, object([("presence_penalty", 0.1), ("frequency_penalty", 0.1)])),
            (.seed, object([("seed", 1)])),
            (.logitBias, object([("logit_bias", [String(prompt.first ?? 0): 1])])),
            (.ignoreEndOfText, object([("ignore_eos", true)])),
            (.minTokens, object([("min_tokens", 1)])),
            (.stopTokens, object([("stop_token_ids", .array(Array(tokens.prefix(1))))])),
        ]
    }

    private func takes(_ members: JSONObject) async throws(ServerProblem) -> Bool {
        let answer = try await ask(members)
        // It has too much to do to say: another time.
        if answer.status == 429 || answer.status == 503 { throw .refusal(status: answer.status, answer.body) }
        return answer.status == 200
    }

    private func ask(_ members: JSONObject) async throws(ServerProblem) -> HTTPClientResponse {
        var body = JSONObject()
        body["model"] = .string(model)
        body["prompt"] = .string(Self.word)
        body["max_tokens"] = 1
        body["temperature"] = 0
        for member in members.members { body[member.name] = member.value }
        return try await server.ask(.post("/v1/completions", json: JSONValue.object(body).encoded()))
    }
}
