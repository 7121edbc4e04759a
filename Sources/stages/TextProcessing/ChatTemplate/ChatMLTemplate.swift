package import ClusterModel

/// The fixed form `<|im_start|>role\ncontent<|im_end|>\n`. Calls of tools are written the way Hermes and Qwen models do.
package struct ChatMLTemplate: ChatTemplate {
    private static let begin = "<|im_start|>"
    private static let end = "<|im_end|>\n"
    /// The special tokens a vocabulary must have for this template.
    static let specials = ["<|im_start|>", "<|im_end|>"]

    package init() {}

    package func render(_ conversation: Conversation, _ context: TemplateContext) throws(TemplateError) -> PromptText {
        var prompt = PromptText()
        prompt.reserve(Self.size(of: conversation))
        if conversation.toolChoice != .none { Self.append(conversation.tools, to: &prompt) }
        for (index, message) in conversation.messages.enumerated() {
            prompt.append(template: Self.begin)
            prompt.append(template: Self.speaker(message.role))
            prompt.append(template: "\n")
            Self.append(message, to: &prompt)
            let isLast = index == conversation.messages.count - 1
            if !(isLast && conversation.continuesLastMessage) { prompt.append(template: Self.end) }
            guard prompt.utf8.count <= TextLimits.promptBytes else { throw .tooLong(limit: TextLimits.promptBytes) }
        }
        if conversation.addsGenerationPrompt && !conversation.continuesLastMessage {
            prompt.append(template: Self.begin)
            prompt.append(template: "assistant\n")
        }
        return prompt
    }

    /// A system message before all others that lists the tools, as JSON, and says how they are called.
    private static func append(_ tools: [ToolDefinition], to prompt: inout PromptText) {
        guard !tools.isEmpty else { return }
        prompt.append(template: "\(begin)system\nThese functions can be called:\n<tools>\n")
        for tool in tools {
            prompt.append(content: tool.json)
            prompt.append(template: "\n")
        }
        prompt.append(
            template: "</tools>\nA call looks like this:\n<tool_call>\n{\"name\": \"NAME\", \"arguments\": {}}\n</tool_call>\(end)")
    }

    /// Models of this form know no developer: it is the newer name for the system's voice.
    private static func speaker(_ role: MessageRole) -> String {
        switch role {
        case .system, .developer: "system"
        case .user: "user"
        case .assistant: "assistant"
        case .tool: "tool"
        }
    }

    private static func append(_ message: ChatMessage, to prompt: inout PromptText) {
        switch message.content {
        case .none: break
        case .text(let text): prompt.append(content: text)
        case .parts(let parts):
            for case .text(let text) in parts { prompt.append(content: text) }
        }
        for (index, call) in message.toolCalls.enumerated() {
            prompt.append(template: index == 0 && message.content == .none ? "<tool_call>\n" : "\n<tool_call>\n")
            prompt.append(content: ToolCallText.json(of: call))
            prompt.append(template: "\n</tool_call>")
        }
    }

    /// An estimate from above for short messages and close for long ones: one allocation either way.
    private static func size(of conversation: Conversation) -> Int {
        conversation.messages.reduce(64) { sum, message in
            let content =
                switch message.content {
                case .none: 0
                case .text(let text): text.utf8.count
                case .parts(let parts): parts.reduce(0) { if case .text(let text) = $1 { $0 + text.utf8.count } else { $0 } }
                }
            return sum + content + 48
        }
    }
}
