/// Which tools an answer may call, and whether it must.
package struct ToolCalling: Hashable, Sendable {
    package var tools: [ToolDefinition]
    package var choice: ToolChoice
    package var allowsParallel: Bool

    package init(tools: [ToolDefinition] = [], choice: ToolChoice = .automatic, allowsParallel: Bool = true) {
        self.tools = tools
        self.choice = choice
        self.allowsParallel = allowsParallel
    }

    /// Those that the model may call.
    package var usableTools: [ToolDefinition] { choice == .none ? [] : tools }
}

extension Conversation {
    package var calling: ToolCalling { ToolCalling(tools: tools, choice: toolChoice, allowsParallel: allowsParallelToolCalls) }
}
