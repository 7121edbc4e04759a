import ClusterModel

/// Chooses tokens from what a model says could follow. It keeps memory for one choice after another, and nothing else.
///
/// The order is that of vLLM: biases and penalties, temperature, min-p, top-k, top-p. What is drawn depends on seed and position alone, so that
/// a text that goes on in another engine goes on with the same tokens.
struct TokenSampler {
    /// What a choice depends on, beside the logits.
    struct Place {
        /// Of the choice: the request's, with the choice's number added.
        var seed: UInt64
        var position: UInt32
        /// That must not come here.
        var forbidden: [TokenID]
    }

    /// Temperatures below count as 0: what they divide would leave what numbers can hold.
    private static let lowestTemperature: Float = 1e-5
    private static let bounds: (lowest: Float, highest: Float) = (-1e30, 1e30)

    private var scores: [Float] = []
    private var counts: [UInt32] = []
    private var candidates: [(token: Int, weight: Double)] = []

    /// `earlier` are the tokens that penalties count.
    mutating func choose(
        _ logits: UnsafeBufferPointer<Float>, _ sampling: EngineSampling, at place: Place, after earlier: ArraySlice<TokenID>
    ) -> TokenID {
        // In this order a value that is no number becomes the lowest.
        let bounds = Self.bounds
        scores.removeAll(keepingCapacity: true)
        scores.append(contentsOf: logits.lazy.map { $0 > bounds.lowest ? ($0 < bounds.highest ? $0 : bounds.highest) : bounds.lowest })
        for bias in sampling.logitBias where bias.token < scores.count { scores[Int(bias.token)] += bias.bias }
        if sampling.hasPenalties { penalize(earlier, sampling) }
        for token in place.forbidden where token < scores.count { scores[Int(token)] = -.infinity }
        let best = bestToken
        guard sampling.temperature >= Self.lowestTemperature else { return TokenID(best) }
        collect(sampling, best: scores[best])
        return TokenID(draw(at: place) ?? best)
    }

    /// Of equal ones the first.
    private var bestToken: Int {
        var best = 0
        for token in scores.indices where scores[token] > scores[best] { best = token }
        return best
    }

    private mutating func penalize(_ earlier: ArraySlice<TokenID>, _ sampling: EngineSampling) {
        if counts.count < scores.count { counts = Array(repeating: 0, count: scores.count) }
        for token in earlier where token < scores.count { counts[Int(token)] += 1 }
        for token in earlier where token < scores.count && counts[Int(token)] > 0 {
            let token = Int(token), score = scores[token]
            let repeated = score > 0 ? score / sampling.repetitionPenalty : score * sampling.repetitionPenalty
            scores[token] = repeated - sampling.presencePenalty - sampling.frequencyPenalty * Float(counts[token])
            // Each token once, and the counts are zero again for the next choice.
            counts[token] = 0
        }
    }

    // MARK: Drawing

    /// What can be drawn, and with which weight; the best one has the weight 1.
    private mutating func collect(_ sampling: EngineSampling, best: Float) {
        candidates.removeAll(keepingCapacity: true)
        for token in scores.indices where scores[token] > -.infinity {
            let weight = Exponential.of((scores[token] - best) / sampling.temperature)
            if weight >= sampling.minP { candidates.append((token, Double(weight))) }
        }
        let cutsCount = sampling.topK > 0 && Int(sampling.topK) < candidates.count
        guard cutsCount || sampling.topP < 1 else { return }
        candidates.sort { $0.weight != $1.weight ? $0.weight > $1.weight : $0.token < $1.token }
        if cutsCount { candidates.removeLast(candidates.count - Int(sampling.topK)) }
        guard sampling.topP < 1 else { return }
        let wanted = Double(sampling.topP) * candidates.reduce(0) { $0 + $1.weight }
        var sum = 0.0, kept = 0
        while kept < candidates.count, kept == 0 || sum < wanted {
            sum += candidates[kept].weight
            kept += 1
        }
        candidates.removeLast(candidates.count - kept)
    }

    private func draw(at place: Place) -> Int? {
        var seeds = SeededRandom(seed: place.seed)
        var random = SeededRandom(seed: seeds.next() ^ UInt64(place.position))
        let share = Double(random.next() >> 11) / 9_007_199_254_740_992
        var left = share * candidates.reduce(0) { $0 + $1.weight }
        for candidate in candidates {
            left -= candidate.weight
            if left < 0 { return candidate.token }
        }
        return candidates.last?.token
    }
}

extension EngineSampling {
    var hasPenalties: Bool { presencePenalty != 0 || frequencyPenalty != 0 || repetitionPenalty != 1 }
}
