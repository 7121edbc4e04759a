package import ClusterModel
package import JSONText

/// A conversation that is rendered and encoded on both sides. It was written for this, and is nobody's prompt.
package struct ParityChat: Hashable, Sendable {
    /// For logs.
    package let name: String
    package let conversation: Conversation

    init(_ name: String, _ messages: [(MessageRole, String)], tools: [ToolDefinition] = []) {
        self.name = name
        conversation = Conversation(messages: messages.map { ChatMessage(role: $0.0, content: .text($0.1)) }, tools: tools)
    }

    /// What templates and tokenizers are known to differ in: where turns begin and end, what stands before the first one, spaces, digits, letters
    /// that are composed in two ways, and how tools are printed.
    package static let all = [
        ParityChat("plain", [(.user, "What is the capital of Japan?")]),
        ParityChat("system", [(.system, "Answer in one word."), (.user, "  Is 12345.678 more than 1e3?\n\n")]),
        ParityChat(
            "turns",
            [(.user, "Name a city."), (.assistant, "Tokyo."), (.user, "And another\tone?"), (.assistant, "Oslo.\n"), (.user, "Why?")]),
        ParityChat("unicode", [(.user, "Naïve café, e\u{301}, 東京 🗼👩‍👩‍👧 ﬁ Ǆ ١٢٣ \u{00A0}\u{200B}„Straße“")]),
        ParityChat("tools", [(.user, "What is the weather in Oslo?")], tools: [weather]),
    ]

    private static let weather = ToolDefinition(
        name: "get_weather",
        json: #"{"type":"function","function":{"name":"get_weather","description":"Weather of a city.","parameters":"#
            + #"{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}}"#)

    /// As OpenAI's dialect has them.
    package var messages: JSONValue {
        .array(
            conversation.messages.map { message in
                guard case .text(let text) = message.content else { return ["role": .string(message.role.rawValue)] }
                return ["role": .string(message.role.rawValue), "content": .string(text)]
            })
    }

    /// The same; nil: there are none.
    package var tools: JSONValue? {
        let tools = conversation.tools.compactMap { try? JSONValue(parsing: $0.json) }
        return tools.isEmpty ? nil : .array(tools)
    }
}
