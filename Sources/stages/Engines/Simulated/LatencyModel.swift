/// How long a step of a simulated engine takes.
package struct LatencyModel: Hashable, Sendable {
    package enum Form: Hashable, Sendable {
        /// Fitted to a large accelerator: quadratic in the tokens of prefill, and in the share of KV memory that decode reads.
        case polynomial
        /// The same at every load: for measuring what stands around the engine.
        case fixed(prefillPerToken: Duration, decodeStep: Duration)
        /// Between measured points of one machine and model.
        case interpolated(LatencyProfile)
    }

    /// What a step did, as far as its time depends on it.
    package struct Work: Hashable, Sendable {
        /// Computed of prompts: cached ones are not among them.
        package var prefillTokens = 0
        /// Sequences that get a token by decode.
        package var decodes = 0
        /// Room of the blocks that requests hold.
        package var activeTokens = 0
        /// That fit into KV memory.
        package var totalTokens = 0
        /// Of the sequences that decode: prompt and output so far, on average.
        package var meanContext = 0.0

        package init() {}
    }

    package var form = Form.polynomial
    /// All times are divided by it; 0: no time passes at all.
    package var speedup = 1.0
    /// Decode is divided by this as well; 0: decode takes no time.
    package var decodeSpeedup = 1.0

    package init(form: Form = .polynomial, speedup: Double = 1, decodeSpeedup: Double = 1) {
        self.form = form
        self.speedup = speedup
        self.decodeSpeedup = decodeSpeedup
    }

    package func stepDuration(_ work: Work) -> Duration {
        guard speedup > 0 else { return .zero }
        var milliseconds = 0.0
        if work.prefillTokens > 0 { milliseconds += prefill(Double(work.prefillTokens)) }
        if work.decodes > 0, decodeSpeedup > 0 { milliseconds += decode(work) / decodeSpeedup }
        return .nanoseconds(Int64(min(milliseconds / speedup, Self.longestMilliseconds) * 1_000_000))
    }

    private func prefill(_ tokens: Double) -> Double {
        switch form {
        case .polynomial: 4.209989e-7 * tokens * tokens + 1.518344e-2 * tokens + 16.50142
        case .fixed(let perToken, _): tokens * perToken.milliseconds
        case .interpolated(let profile): profile.prefillMilliseconds(tokens: tokens)
        }
    }

    private func decode(_ work: Work) -> Double {
        switch form {
        case .polynomial:
            // An engine of unknown size counts as full.
            let share = work.totalTokens > 0 ? min(max(Double(work.activeTokens) / Double(work.totalTokens), 0), 1) : 1
            return max(1, -25.74 * share * share + 54.01 * share + 5.74)
        case .fixed(_, let step): return step.milliseconds
        case .interpolated(let profile):
            return profile.decodeMilliseconds(activeTokens: Double(work.activeTokens), contextLength: work.meanContext)
        }
    }

    /// A quarter of an hour: no configuration makes a step that nobody would wait for.
    private static let longestMilliseconds = 900_000.0
}

extension Duration {
    fileprivate var milliseconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) * 1_000 + Double(attoseconds) / 1e15
    }
}
