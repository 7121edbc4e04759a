import ClusterModel
package import Engines
package import WireProtocol

extension EngineSampling: WireRecord {
    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.f32("temperature", &temperature)
        try coder.f32("topP", &topP)
        try coder.u32("topK", &topK)
        try coder.f32("minP", &minP)
        try coder.f32("presencePenalty", &presencePenalty)
        try coder.f32("frequencyPenalty", &frequencyPenalty)
        try coder.f32("repetitionPenalty", &repetitionPenalty)
        try coder.u64("seed", &seed)
        try coder.optionalU32("maxThinkingTokens", &maxThinkingTokens)
        try coder.bool("ignoreEndOfText", &ignoreEndOfText)
        try coder.u32s("stopTokens", &stopTokens, atMost: Limits.stopTokens)
        try coder.list("stopSequences", &stopSequences, atMost: Limits.stopSequences)
        try coder.optionalU32("topLogprobs", &topLogprobs)
        try coder.optionalU32("promptLogprobs", &promptLogprobs)
        try coder.list("logitBias", &logitBias, atMost: Limits.logitBiases)
    }
}

extension EngineStopSequence: WireRecord {
    package init() { self.init(text: "", tokens: []) }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.text("text", &text, atMost: Limits.stopTextBytes)
        try coder.u32s("tokens", &tokens, atMost: Limits.stopTokens)
    }
}

extension EngineLogitBias: WireRecord {
    package init() { self.init(token: 0, bias: 0) }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u32("token", &token)
        try coder.f32("bias", &bias)
    }
}
