import ClusterModel

/// Logprobs of what a model says could follow: before biases, penalties and temperature.
struct TokenScores {
    private let logits: UnsafeBufferPointer<Float>
    /// What is taken from a logit to make it a logprob.
    private let normalizer: Double

    init(_ logits: UnsafeBufferPointer<Float>) {
        self.logits = logits
        var highest = -Float.greatestFiniteMagnitude
        for logit in logits where logit > highest { highest = logit }
        var sum = 0.0
        for logit in logits { sum += Double(Exponential.of(logit - highest)) }
        normalizer = Double(highest) + Exponential.logarithm(sum)
    }

    func score(_ token: TokenID) -> ScoredToken {
        let logprob = Float(Double(logits[Int(token)]) - normalizer)
        return ScoredToken(token: token, logprob: logprob < 0 ? logprob : 0)
    }

    /// The likeliest ones, the first first; of equal ones the lower token.
    func append(best count: Int, to output: inout [ScoredToken]) {
        var best: [Int] = []
        for token in logits.indices where count > 0 {
            if best.count == count {
                guard let last = best.last, logits[token] > logits[last] else { continue }
                best.removeLast()
            }
            let place = best.lastIndex { logits[$0] >= logits[token] }.map { $0 + 1 } ?? 0
            best.insert(token, at: place)
        }
        for token in best { output.append(score(TokenID(token))) }
    }
}
