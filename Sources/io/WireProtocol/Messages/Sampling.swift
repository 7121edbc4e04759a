/// Layout: `proto-spec/04-messages.md#stopsequence`.
package struct StopSequence: WireRecord, Hashable {
    /// For engines with text of their own.
    package var text = ""
    /// One spelling in tokens, or none.
    package var tokens: [UInt32] = []

    package init() {}
    package init(text: String, tokens: [UInt32]) {
        self.text = text
        self.tokens = tokens
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.text("text", &text, atMost: Limits.stopTextBytes)
        try coder.u32s("tokens", &tokens, atMost: Limits.stopTokens)
    }
}

/// Layout: `proto-spec/04-messages.md#logitbias`.
package struct LogitBias: WireRecord, Hashable {
    package var token: UInt32 = 0
    package var bias: Float = 0

    package init() {}
    package init(token: UInt32, bias: Float) {
        self.token = token
        self.bias = bias
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u32("token", &token)
        try coder.f32("bias", &bias)
    }
}

/// Table: `proto-spec/04-messages.md#constraintkind`.
package enum ConstraintKind: UInt8, WireEnum {
    /// Any JSON object; `source` is empty.
    case jsonObject = 1
    /// A JSON schema.
    case jsonSchema
    /// A regular expression.
    case regex
    /// A grammar in GBNF.
    case grammar
    /// A JSON array of texts of which one is to be produced.
    case choice
}

/// Layout: `proto-spec/04-messages.md#constraint`.
package struct Constraint: WireRecord, Hashable {
    package var kind = ConstraintKind.jsonObject
    /// UTF-8.
    package var source: [UInt8] = []

    package init() {}
    package init(kind: ConstraintKind, source: [UInt8]) {
        self.kind = kind
        self.source = source
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.choice("kind", &kind)
        try coder.bytes("source", &source, atMost: Limits.constraintBytes)
    }
}

/// Penalties and limits that are neutral cost nothing: an engine without the ability ignores the neutral value. Layout:
/// `proto-spec/04-messages.md#sampling`.
package struct Sampling: WireRecord, Hashable {
    /// 0: greedy.
    package var temperature: Float = 0
    /// 1: all.
    package var topP: Float = 1
    /// 0: all.
    package var topK: UInt32 = 0
    /// 0: all.
    package var minP: Float = 0
    /// 0: none.
    package var presencePenalty: Float = 0
    /// 0: none.
    package var frequencyPenalty: Float = 0
    /// 1: none.
    package var repetitionPenalty: Float = 1
    /// Drawn by the frontend if the client gave none; choice k uses seed + k, wrapping.
    package var seed: UInt64 = 0
    /// Of a choice, over all attempts; 0: up to the context length.
    package var maxTokens: UInt32 = 0
    /// Of a choice, over all attempts.
    package var minTokens: UInt32 = 0
    package var maxThinkingTokens: UInt32?
    package var ignoreEndOfText = false
    package var stopTokens: [UInt32] = []
    package var stopSequences: [StopSequence] = []
    /// None: no logprobs; at most `topLogprobs`.
    package var topLogprobs: UInt32?
    package var promptLogprobs: UInt32?
    package var logitBias: [LogitBias] = []

    package init() {}

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.f32("temperature", &temperature)
        try coder.f32("topP", &topP)
        try coder.u32("topK", &topK)
        try coder.f32("minP", &minP)
        try coder.f32("presencePenalty", &presencePenalty)
        try coder.f32("frequencyPenalty", &frequencyPenalty)
        try coder.f32("repetitionPenalty", &repetitionPenalty)
        try coder.u64("seed", &seed)
        try coder.u32("maxTokens", &maxTokens)
        try coder.u32("minTokens", &minTokens)
        try coder.optionalU32("maxThinkingTokens", &maxThinkingTokens)
        try coder.bool("ignoreEndOfText", &ignoreEndOfText)
        try coder.u32s("stopTokens", &stopTokens, atMost: Limits.stopTokens)
        try coder.list("stopSequences", &stopSequences, atMost: Limits.stopSequences)
        try coder.optionalU32("topLogprobs", &topLogprobs)
        try coder.optionalU32("promptLogprobs", &promptLogprobs)
        try coder.list("logitBias", &logitBias, atMost: Limits.logitBiases)
    }
}
