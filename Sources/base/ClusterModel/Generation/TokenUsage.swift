/// What a request cost in tokens, as its client is told.
package struct TokenUsage: Hashable, Sendable {
    /// Of the original prompt, once, however many choices and attempts there were.
    package var promptTokens: Int
    /// Of the prompt's, those whose KV state was found.
    package var cachedTokens: Int
    /// Of all choices, reasoning among them.
    package var completionTokens: Int
    /// Of the completion's, those that are reasoning.
    package var reasoningTokens: Int

    package init(promptTokens: Int = 0, cachedTokens: Int = 0, completionTokens: Int = 0, reasoningTokens: Int = 0) {
        self.promptTokens = promptTokens
        self.cachedTokens = cachedTokens
        self.completionTokens = completionTokens
        self.reasoningTokens = reasoningTokens
    }

    package var totalTokens: Int { promptTokens + completionTokens }

    /// Of several requests together, when what one of them cost has changed.
    package mutating func replace(_ old: TokenUsage, with new: TokenUsage) {
        promptTokens += new.promptTokens - old.promptTokens
        cachedTokens += new.cachedTokens - old.cachedTokens
        completionTokens += new.completionTokens - old.completionTokens
        reasoningTokens += new.reasoningTokens - old.reasoningTokens
    }
}
