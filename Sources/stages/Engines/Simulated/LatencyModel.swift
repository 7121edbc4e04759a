/// How long a step of a simulated engine takes.
package struct LatencyModel: Hashable, Sendable {
    package enum Form: Hashable, Sendable {
        /// Fitted to a large accelerator: quadratic in the tokens of prefill, and in the share of KV memory that decode reads.
        case polynomial
        /// The same at every load: for measuring what stands around the engine.
        case fixed(prefillPerToken: Duration, decodeStep: Duration)
    }

    package var form = Form.polynomial
    /// All times are divided by it; 0: no time passes at all.
    package var speedup = 1.0
    /// Decode is divided by this as well.
    package var decodeSpeedup = 1.0

    package init(form: Form = .polynomial, speedup: Double = 1, decodeSpeedup: Double = 1) {
        self.form = form
        self.speedup = speedup
        self.decodeSpeedup = decodeSpeedup
    }

    /// - Parameters:
    ///   - prefill: tokens that this step computes of prompts.
    ///   - decodes: sequences that get a token by decode.
    ///   - usedShare: of KV memory, 0 to 1.
    package func stepDuration(prefill: Int, decodes: Int, usedShare: Double) -> Duration {
        guard speedup > 0 else { return .zero }
        var milliseconds = 0.0
        switch form {
        case .polynomial:
            if prefill > 0 {
                let tokens = Double(prefill)
                milliseconds += 4.209989e-7 * tokens * tokens + 1.518344e-2 * tokens + 16.50142
            }
            if decodes > 0, decodeSpeedup > 0 {
                let share = min(max(usedShare, 0), 1)
                milliseconds += max(1, -25.74 * share * share + 54.01 * share + 5.74) / decodeSpeedup
            }
        case .fixed(let prefillPerToken, let decodeStep):
            milliseconds += Double(prefill) * prefillPerToken.milliseconds
            if decodes > 0, decodeSpeedup > 0 { milliseconds += decodeStep.milliseconds / decodeSpeedup }
        }
        return .nanoseconds(Int64(min(milliseconds / speedup, Self.longestMilliseconds) * 1_000_000))
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
