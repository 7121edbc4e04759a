package import ClusterModel
import JSONText

/// A model's own sampling, as its `generation_config.json` has it: what a client leaves open is taken from here.
package enum GenerationDefaults {
    /// Members that are no sampling, or no sensible value, are left out: a model's file must not make every request fail.
    package static func parse(_ json: [UInt8]) -> SamplingParameters {
        var defaults = SamplingParameters()
        guard !json.isEmpty, let value = try? JSONValue(parsing: json), let object = value.asObject else { return defaults }
        func number(_ name: String, _ range: ClosedRange<Double>) -> Float? {
            guard case .number(let number)? = object[name], let value = number.asDouble, range.contains(value) else { return nil }
            return Float(value)
        }
        defaults.temperature = number("temperature", 0...2)
        defaults.topP = number("top_p", 0...1)
        defaults.topK = number("top_k", 0...1_000_000).map { UInt32($0) }
        defaults.minP = number("min_p", 0...1)
        defaults.repetitionPenalty = number("repetition_penalty", 0.01...10)
        // Models that say so are greedy whatever else stands there.
        if case .bool(false)? = object["do_sample"] { defaults.temperature = 0 }
        return defaults
    }
}
