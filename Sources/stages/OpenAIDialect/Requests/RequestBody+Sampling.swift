import ClusterModel
import JSONText

extension RequestBody {
    /// All but log probabilities, which the two endpoints ask for differently.
    mutating func sampling() throws(FieldFault) -> SamplingParameters {
        var sampling = SamplingParameters()
        sampling.temperature = try fields.float("temperature", in: 0...2)
        sampling.topP = try fields.float("top_p", in: 0...1)
        // Other servers write "all" as -1.
        sampling.topK = try fields.integer("top_k", in: -1...DialectLimits.maxTokens).map { UInt32(max(0, $0)) }
        sampling.minP = try fields.float("min_p", in: 0...1)
        sampling.presencePenalty = try fields.float("presence_penalty", in: -2...2)
        sampling.frequencyPenalty = try fields.float("frequency_penalty", in: -2...2)
        sampling.repetitionPenalty = try fields.float("repetition_penalty", in: DialectLimits.repetitionPenalties)
        sampling.seed = try fields.word64("seed", signed: true)
        try limits(of: &sampling)
        try stops(of: &sampling)
        sampling.logitBias = try logitBias()
        sampling.maxThinkingTokens = try fields.word32("thinking_token_budget")
        sampling.showsSpecialTokens = try fields.flag("skip_special_tokens").map { !$0 } ?? false
        return sampling
    }

    private mutating func limits(of sampling: inout SamplingParameters) throws(FieldFault) {
        let range = 1...DialectLimits.maxTokens
        let older = try fields.integer("max_tokens", in: range)
        let newer = try fields.integer("max_completion_tokens", in: range)
        sampling.maxTokens = (newer ?? older).map { UInt32($0) }
        sampling.minTokens = try fields.integer("min_tokens", in: 0...DialectLimits.maxTokens).map { UInt32($0) } ?? 0
        if let most = sampling.maxTokens, sampling.minTokens > most {
            throw .value("min_tokens", expected: "no more than \(newer == nil ? "max_tokens" : "max_completion_tokens")")
        }
        sampling.ignoresEndOfText = try fields.flag("ignore_eos") ?? false
    }

    private mutating func stops(of sampling: inout SamplingParameters) throws(FieldFault) {
        switch fields.take("stop") {
        case nil: break
        case .string(let text)?: sampling.stopTexts = [try JSONValue.string(text).text("stop", 1...DialectLimits.stop)]
        case .array(let elements)?:
            guard elements.count <= DialectLimits.stops else {
                throw .value("stop", expected: "an array with at most \(DialectLimits.stops) elements", code: "array_above_max_length")
            }
            for (index, element) in elements.enumerated() {
                sampling.stopTexts.append(try element.text("stop[\(index)]", 1...DialectLimits.stop))
            }
        case let value?: throw .type("stop", expected: "a string or an array of strings", got: value)
        }
        for (index, token) in (try fields.array("stop_token_ids", atMost: DialectLimits.stopTokens) ?? []).enumerated() {
            sampling.stopTokens.append(TokenID(try token.integer("stop_token_ids[\(index)]", in: 0...Int(TokenID.max))))
        }
        sampling.includesStop = try fields.flag("include_stop_str_in_output") ?? false
    }

    private mutating func logitBias() throws(FieldFault) -> [TokenBias] {
        guard let value = fields.take("logit_bias") else { return [] }
        guard let object = value.asObject else { throw .type("logit_bias", expected: "an object", got: value) }
        guard object.count <= DialectLimits.logitBiases else {
            throw .value(
                "logit_bias", expected: "at most \(DialectLimits.logitBiases) members", code: "object_above_max_properties")
        }
        var biases: [TokenBias] = []
        for member in object.members {
            guard let token = TokenID(member.name), String(token) == member.name else {
                throw .value("logit_bias", expected: "token ids as names, in decimal digits")
            }
            let bias = try member.value.number("logit_bias.\(token)", in: DialectLimits.logitBiasRange)
            biases.append(TokenBias(token: token, bias: Float(bias)))
        }
        return biases.sorted { $0.token < $1.token }
    }

    mutating func choices() throws(FieldFault) -> Int { try fields.integer("n", in: 1...DialectLimits.choices) ?? 1 }
}
