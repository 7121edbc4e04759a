import ClusterModel

/// What a worker needs in milliseconds, as far as it was measured. Small enough to stand beside a candidate's load.
package struct LatencyEstimate: Hashable, Sendable {
    /// Of a prefill, before its first token.
    package var prefillFixed: Float
    /// More for each token that is computed.
    package var prefillToken: Float
    /// Of a decoding step.
    package var step: Float
    /// More for each block that is held.
    package var stepBlock: Float

    package init(prefillFixed: Float, prefillToken: Float, step: Float, stepBlock: Float) {
        self.prefillFixed = prefillFixed
        self.prefillToken = prefillToken
        self.step = step
        self.stepBlock = stepBlock
    }

    /// Where nobody was measured yet: all workers are alike then, and only the proportion of the terms matters.
    package static let prior = LatencyEstimate(prefillFixed: 5, prefillToken: 0.05, step: 10, stepBlock: 0.001)

    static let zero = LatencyEstimate(prefillFixed: 0, prefillToken: 0, step: 0, stepBlock: 0)

    /// How far a placement may be from the usual before it counts as another machine: what is measured also tells of the load under which it was
    /// measured, and who is taken to be slow for being busy is left idle, and then taken to be fast.
    static let tolerance = 1.5

    static func + (left: LatencyEstimate, right: LatencyEstimate) -> LatencyEstimate {
        LatencyEstimate(
            prefillFixed: left.prefillFixed + right.prefillFixed, prefillToken: left.prefillToken + right.prefillToken,
            step: left.step + right.step, stepBlock: left.stepBlock + right.stepBlock)
    }

    func divided(by count: Float) -> LatencyEstimate {
        LatencyEstimate(
            prefillFixed: prefillFixed / count, prefillToken: prefillToken / count, step: step / count, stepBlock: stepBlock / count)
    }

    /// The better of both in each respect.
    func fastest(_ other: LatencyEstimate) -> LatencyEstimate {
        LatencyEstimate(
            prefillFixed: min(prefillFixed, other.prefillFixed), prefillToken: min(prefillToken, other.prefillToken),
            step: min(step, other.step), stepBlock: min(stepBlock, other.stepBlock))
    }
}

/// Learns what one placement needs from the durations that its worker reports. Recent ones count more; nothing is kept but sums.
package struct LatencyModel: Hashable, Sendable {
    /// A straight line through what was measured, by least squares with fading weights.
    private struct Line: Hashable, Sendable {
        private var weight = 0.0
        private var x = 0.0
        private var y = 0.0
        private var xx = 0.0
        private var xy = 0.0

        var isEmpty: Bool { weight == 0 }

        mutating func add(_ newX: Double, _ newY: Double) {
            weight = weight * LatencyModel.memory + 1
            x = x * LatencyModel.memory + newX
            y = y * LatencyModel.memory + newY
            xx = xx * LatencyModel.memory + newX * newX
            xy = xy * LatencyModel.memory + newX * newY
        }

        /// Both at least 0. Where all were measured at about the same x, or the slope comes out negative, `slopeShare` of the mean is laid on it.
        func solved(slopeShare: Double) -> (fixed: Double, slope: Double) {
            guard weight > 0 else { return (0, 0) }
            let meanX = x / weight, meanY = y / weight
            let spread = xx / weight - meanX * meanX
            var slope = meanX > 0 ? slopeShare * meanY / meanX : 0
            if spread > 0.01 * meanX * meanX, spread > 0 {
                let fitted = (xy / weight - meanX * meanY) / spread
                if fitted >= 0 { slope = fitted }
            }
            slope = meanX > 0 ? min(slope, meanY / meanX) : 0
            return (max(meanY - slope * meanX, 0), slope)
        }
    }

    /// What a measurement still weighs when the next one comes: about the last fifty count.
    private static let memory = 0.98
    private var prefill = Line()
    private var decode = Line()

    package init() {}

    /// A prefill took this long from its start to its end, for the tokens that were computed.
    package mutating func prefilled(tokens: UInt32, in duration: Duration) {
        guard tokens > 0, duration > .zero else { return }
        prefill.add(Double(tokens), duration.milliseconds)
    }

    /// A request made this many tokens after its first in so long, while about so many blocks were held there.
    package mutating func decoded(tokens: UInt32, in duration: Duration, heldBlocks: UInt64) {
        guard tokens > 0, duration > .zero else { return }
        decode.add(Double(heldBlocks), duration.milliseconds / Double(tokens))
    }

    /// Nil until both were measured.
    package var estimate: LatencyEstimate? { estimate(for: .aggregated) }

    /// Nil until what the role does was measured; of the rest, which its costs hardly touch, a prefill or decode worker may be unmeasured.
    package func estimate(for role: PlacementRole) -> LatencyEstimate? {
        guard !prefill.isEmpty || role == .decode, !decode.isEmpty || role == .prefill else { return nil }
        var estimate = LatencyEstimate.prior
        // A prefill is mostly its tokens, a decoding step mostly the weights, whatever is held.
        if !prefill.isEmpty {
            let line = prefill.solved(slopeShare: 1)
            (estimate.prefillFixed, estimate.prefillToken) = (Float(line.fixed), Float(line.slope))
        }
        if !decode.isEmpty {
            let line = decode.solved(slopeShare: 0)
            (estimate.step, estimate.stepBlock) = (Float(line.fixed), Float(line.slope))
        }
        return estimate
    }
}

extension Duration {
    fileprivate var milliseconds: Double { Double(inNanoseconds) * 1e-6 }
}
