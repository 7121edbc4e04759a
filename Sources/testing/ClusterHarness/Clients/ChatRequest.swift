package import JSONText

/// What a client of these tests asks for: the members of a chat or text completion that the tests need.
package struct ChatRequest: Sendable {
    package var model: String
    /// What the user says; in a text completion the prompt.
    package var prompt: String
    package var maxTokens: Int?
    package var seed: Int64?
    package var temperature: Double?
    package var choices = 1
    package var streams = true
    /// A text completion instead of a chat.
    package var isPlain = false
    package var includesUsage = true
    package var stop: [String] = []
    /// Never ends by itself: tests know how long it takes.
    package var ignoresEnd = true
    /// The answer is to be a JSON object, and ends where that does.
    package var wantsObject = false
    /// Further members.
    package var extra: [(name: String, value: JSONValue)] = []

    package init(model: String, prompt: String, maxTokens: Int? = 16) {
        self.model = model
        self.prompt = prompt
        self.maxTokens = maxTokens
    }

    package var path: String { isPlain ? "/v1/completions" : "/v1/chat/completions" }

    package var body: [UInt8] {
        var object = JSONObject()
        object["model"] = .string(model)
        if isPlain {
            object["prompt"] = .string(prompt)
        } else {
            object["messages"] = [["role": "user", "content": .string(prompt)]]
        }
        if let maxTokens { object["max_tokens"] = .number(JSONNumber(Int64(maxTokens))) }
        if let seed { object["seed"] = .number(JSONNumber(seed)) }
        if let temperature { object["temperature"] = JSONNumber(temperature).map(JSONValue.number) }
        if choices != 1 { object["n"] = .number(JSONNumber(Int64(choices))) }
        if !stop.isEmpty { object["stop"] = .array(stop.map(JSONValue.string)) }
        if ignoresEnd { object["ignore_eos"] = true }
        if wantsObject { object["response_format"] = ["type": "json_object"] }
        if streams {
            object["stream"] = true
            if includesUsage { object["stream_options"] = ["include_usage": true] }
        }
        for member in extra { object[member.name] = member.value }
        return JSONValue.object(object).encoded()
    }
}
