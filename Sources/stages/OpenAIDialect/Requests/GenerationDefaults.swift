package import ClusterModel
import JSONText

/// A model's own wishes for sampling: the object that its card carries, in the words of `generation_config.json`.
package enum GenerationDefaults {
    /// Empty: none. Members that say nothing of sampling are passed over, since such files hold much else.
    package static func parse(_ json: [UInt8]) throws(DialectError) -> SamplingParameters {
        guard !json.isEmpty else { return SamplingParameters() }
        let object = try RequestBody.object(json.span.bytes)
        do throws(FieldFault) { return try sampling(object) } catch { throw error.error }
    }

    private static func sampling(_ object: JSONObject) throws(FieldFault) -> SamplingParameters {
        var fields = try ObjectReader(object)
        var sampling = SamplingParameters()
        sampling.temperature = try fields.float("temperature", in: 0...2)
        sampling.topP = try fields.float("top_p", in: 0...1)
        sampling.topK = try fields.integer("top_k", in: -1...DialectLimits.maxTokens).map { UInt32(max(0, $0)) }
        sampling.minP = try fields.float("min_p", in: 0...1)
        sampling.presencePenalty = try fields.float("presence_penalty", in: -2...2)
        sampling.frequencyPenalty = try fields.float("frequency_penalty", in: -2...2)
        sampling.repetitionPenalty = try fields.float("repetition_penalty", in: DialectLimits.repetitionPenalties)
        sampling.maxTokens = try fields.integer("max_new_tokens", in: 1...DialectLimits.maxTokens).map { UInt32($0) }
        return sampling
    }
}
