/// The numbers that make a model of the llama architecture, as a file's metadata give them.
struct LlamaShape: Hashable, Sendable {
    var layers: Int
    /// Numbers of a token between layers.
    var width: Int
    var heads: Int
    /// Several heads share one of keys and values.
    var keyHeads: Int
    var headDimension: Int
    /// Of a head, from its first number on.
    var rotatedDimensions: Int
    var rotationBase: Double
    var feedForward: Int
    var normEpsilon: Float
    var contextLength: Int
    var vocabulary: Int

    var queryWidth: Int { heads * headDimension }
    var keyWidth: Int { keyHeads * headDimension }
    var headsPerKey: Int { heads / keyHeads }
}

extension LlamaShape {
    private static let architecture = "llama"

    init(of file: GGUFFile) throws(WeightsError) {
        guard file.metadata["general.architecture"] == .text(Self.architecture) else {
            throw WeightsError("general.architecture", file.metadata["general.architecture"] == nil ? .missing : .unfit("\"llama\""))
        }
        let read = MetadataReader(file: file, prefix: Self.architecture)
        layers = try read.count("block_count", atMost: LlamaLimits.layers)
        width = try read.count("embedding_length", atMost: LlamaLimits.width)
        heads = try read.count("attention.head_count", atMost: LlamaLimits.heads)
        keyHeads = try read.count("attention.head_count_kv", atMost: heads, default: heads)
        headDimension = try read.count("attention.key_length", atMost: LlamaLimits.headDimension, default: width / heads)
        // What is counted up to it needs at least one.
        guard headDimension > 0 else { throw read.unfit("embedding_length", "at least the number of heads") }
        rotatedDimensions = try read.count("rope.dimension_count", atMost: headDimension, default: headDimension)
        rotationBase = try read.number("rope.freq_base", in: 1...1e12, default: 10_000)
        feedForward = try read.count("feed_forward_length", atMost: LlamaLimits.width)
        normEpsilon = Float(try read.number("attention.layer_norm_rms_epsilon", in: 1e-12...1e-1))
        contextLength = try read.count("context_length", atMost: LlamaLimits.contextLength)
        guard let table = file.tensors["token_embd.weight"] else { throw WeightsError("token_embd.weight", .missing) }
        vocabulary = table.dimensions.last ?? 0
        guard vocabulary <= LlamaLimits.vocabulary else { throw WeightsError(table.name, .aboveLimit(LlamaLimits.vocabulary)) }
        try checkParts(read)
    }

    private func checkParts(_ read: MetadataReader) throws(WeightsError) {
        guard heads % keyHeads == 0 else { throw read.unfit("attention.head_count_kv", "a divisor of the number of heads") }
        guard rotatedDimensions % 2 == 0 else { throw read.unfit("rope.dimension_count", "even") }
        guard try read.count("attention.value_length", atMost: LlamaLimits.headDimension, default: headDimension) == headDimension else {
            throw read.unfit("attention.value_length", "the length of keys")
        }
        try read.refuse("rope.scaling.type", unless: .text("none"))
        try read.refuse("expert_count", unless: .unsigned(0))
    }
}

/// Takes numbers out of metadata, and names the key of what does not fit.
private struct MetadataReader {
    let file: GGUFFile
    let prefix: String

    func unfit(_ key: String, _ expected: String) -> WeightsError { WeightsError("\(prefix).\(key)", .unfit(expected)) }

    func count(_ key: String, atMost limit: Int, default usual: Int? = nil) throws(WeightsError) -> Int {
        guard let value = file.metadata["\(prefix).\(key)"] else {
            guard let usual else { throw WeightsError("\(prefix).\(key)", .missing) }
            return usual
        }
        guard let count = value.count.flatMap(Int.init(exactly:)), (1...limit).contains(count) else {
            throw unfit(key, "a whole number from 1 to \(limit)")
        }
        return count
    }

    func number(_ key: String, in range: ClosedRange<Double>, default usual: Double? = nil) throws(WeightsError) -> Double {
        guard let value = file.metadata["\(prefix).\(key)"] else {
            guard let usual else { throw WeightsError("\(prefix).\(key)", .missing) }
            return usual
        }
        guard case .number(let number) = value, range.contains(number) else {
            throw unfit(key, "a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// What would make the model another one than this engine computes.
    func refuse(_ key: String, unless neutral: GGUFValue) throws(WeightsError) {
        guard let value = file.metadata["\(prefix).\(key)"], value != neutral else { return }
        throw WeightsError("\(prefix).\(key)", .unsupported)
    }
}
