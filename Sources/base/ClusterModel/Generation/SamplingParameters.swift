/// How tokens are chosen and when a choice ends. Nil is what the client left open: the model's defaults fill it, then the neutral values.
package struct SamplingParameters: Hashable, Sendable {
    /// 0: greedy.
    package var temperature: Float?
    /// 1: all.
    package var topP: Float?
    /// 0: all.
    package var topK: UInt32?
    /// 0: all.
    package var minP: Float?
    /// 0: none.
    package var presencePenalty: Float?
    /// 0: none.
    package var frequencyPenalty: Float?
    /// 1: none.
    package var repetitionPenalty: Float?
    /// None: the frontend draws one.
    package var seed: UInt64?
    /// Of a choice. None: up to the context length.
    package var maxTokens: UInt32?
    /// Where the context leaves less than `maxTokens`, that is all there is; else the request is refused.
    package var fitsContext = false
    /// Of a choice: no stop is seen before.
    package var minTokens: UInt32 = 0
    package var maxThinkingTokens: UInt32?
    package var ignoresEndOfText = false
    package var stopTexts: [String] = []
    package var stopTokens: [TokenID] = []
    /// The stop text or token that ended a choice is part of its text.
    package var includesStop = false
    /// Special tokens are part of the text.
    package var showsSpecialTokens = false
    /// Ascending by token, each once.
    package var logitBias: [TokenBias] = []
    /// None: no log probabilities; 0: of the chosen tokens only.
    package var topLogprobs: UInt32?

    package init() {}

    /// Takes what is open here from a model's defaults: sampling only, never stops or what a client is shown.
    package mutating func fill(from defaults: SamplingParameters) {
        temperature = temperature ?? defaults.temperature
        topP = topP ?? defaults.topP
        topK = topK ?? defaults.topK
        minP = minP ?? defaults.minP
        presencePenalty = presencePenalty ?? defaults.presencePenalty
        frequencyPenalty = frequencyPenalty ?? defaults.frequencyPenalty
        repetitionPenalty = repetitionPenalty ?? defaults.repetitionPenalty
        maxTokens = maxTokens ?? defaults.maxTokens
    }

    package func filled(from defaults: SamplingParameters) -> SamplingParameters {
        var filled = self
        filled.fill(from: defaults)
        return filled
    }

    /// What holds where neither the client nor the model says anything: plain sampling from the whole distribution.
    package static let neutral: SamplingParameters = {
        var neutral = SamplingParameters()
        neutral.temperature = 1
        neutral.topP = 1
        neutral.topK = 0
        neutral.minP = 0
        neutral.presencePenalty = 0
        neutral.frequencyPenalty = 0
        neutral.repetitionPenalty = 1
        return neutral
    }()
}

package struct TokenBias: Hashable, Sendable {
    package var token: TokenID
    package var bias: Float

    package init(token: TokenID, bias: Float) {
        self.token = token
        self.bias = bias
    }
}
