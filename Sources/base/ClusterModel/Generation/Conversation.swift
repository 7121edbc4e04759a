/// Who speaks.
package enum MessageRole: String, Hashable, Sendable, CaseIterable {
    case system, developer, user, assistant, tool
}

/// What is said. A client's form is kept: templates may tell a plain text from a list of one part.
package enum MessageContent: Hashable, Sendable {
    case none
    case text(String)
    case parts([ContentPart])
}

package enum ContentPart: Hashable, Sendable {
    case text(String)
}

/// A call that the model made in an earlier turn.
package struct ToolCall: Hashable, Sendable {
    package var id: String
    package var name: String
    /// As the model wrote them: JSON, or what it took for JSON.
    package var arguments: String

    package init(id: String, name: String, arguments: String) {
        self.id = id
        self.name = name
        self.arguments = arguments
    }
}

package struct ChatMessage: Hashable, Sendable {
    package var role: MessageRole
    package var content: MessageContent
    /// Of the speaker, where several share a role.
    package var name: String?
    /// What an assistant thought before it spoke.
    package var reasoning: String?
    package var toolCalls: [ToolCall]
    /// Which call a tool's message answers.
    package var toolCallID: String?

    package init(
        role: MessageRole, content: MessageContent, name: String? = nil, reasoning: String? = nil, toolCalls: [ToolCall] = [],
        toolCallID: String? = nil
    ) {
        self.role = role
        self.content = content
        self.name = name
        self.reasoning = reasoning
        self.toolCalls = toolCalls
        self.toolCallID = toolCallID
    }
}

/// A function that the model may call.
package struct ToolDefinition: Hashable, Sendable {
    package var name: String
    /// The whole definition as the client gave it, as JSON text with its members in their order: templates print all of it.
    package var json: String

    package init(name: String, json: String) {
        self.name = name
        self.json = json
    }
}

package enum ToolChoice: Hashable, Sendable {
    /// The model decides.
    case automatic
    case none
    /// Some tool must be called.
    case required
    /// This one must be called.
    case function(String)
}

/// What a chat template turns into a prompt.
package struct Conversation: Hashable, Sendable {
    package var messages: [ChatMessage]
    package var tools: [ToolDefinition]
    package var toolChoice: ToolChoice
    package var allowsParallelToolCalls: Bool
    /// Ends the prompt with the words that make an assistant's turn begin.
    package var addsGenerationPrompt: Bool
    /// Leaves the last message open, for the model to go on with it.
    package var continuesLastMessage: Bool
    /// Values for the template, as JSON text of one object; nil: none.
    package var templateArguments: String?

    package init(
        messages: [ChatMessage], tools: [ToolDefinition] = [], toolChoice: ToolChoice = .automatic, allowsParallelToolCalls: Bool = true,
        addsGenerationPrompt: Bool = true, continuesLastMessage: Bool = false, templateArguments: String? = nil
    ) {
        self.messages = messages
        self.tools = tools
        self.toolChoice = toolChoice
        self.allowsParallelToolCalls = allowsParallelToolCalls
        self.addsGenerationPrompt = addsGenerationPrompt
        self.continuesLastMessage = continuesLastMessage
        self.templateArguments = templateArguments
    }
}
