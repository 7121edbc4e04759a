/// What a client wants a model to produce, in no API's words: each dialect reads its own requests into this one.
package struct GenerationRequest: Hashable, Sendable {
    package enum Prompt: Hashable, Sendable {
        /// Still to be rendered by the model's chat template.
        case conversation(Conversation)
        /// A whole prompt of the client's own, special tokens among it.
        case text(String)
        case tokens([TokenID])
    }

    /// As the client wrote it.
    package var model: String
    package var prompt: Prompt
    /// Of a conversation, in whatever form its prompt was given: thoughts and calls are told apart in its answer. Nil: the text is the answer.
    package var calling: ToolCalling?
    /// Answers to the one prompt, from 1.
    package var choices: Int
    package var sampling: SamplingParameters
    package var constraint: OutputConstraint?
    package var hints: RoutingHints
    /// Who the client's user is, in the client's words.
    package var user: String?
    /// Requests with the same key are likely to share a prefix.
    package var cacheKey: String?

    package init(model: String, prompt: Prompt) {
        self.model = model
        self.prompt = prompt
        choices = 1
        sampling = SamplingParameters()
        hints = RoutingHints()
    }
}

/// What the output must look like. Schemas, grammars and lists are JSON or source text as the client wrote it.
package enum OutputConstraint: Hashable, Sendable {
    case jsonObject
    case jsonSchema(String)
    case regex(String)
    case grammar(String)
    /// One of the texts of a JSON array.
    case choice(String)
}
