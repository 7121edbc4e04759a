import ClusterModel

/// What a worker needs in milliseconds, as far as it was measured: both terms of a prefill are 0 where none was, and both of a step. Small enough to
/// stand beside a candidate's load.
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

    /// How far a placement may be from the usual before it counts as another machine: what is measured also tells of the load under which it was
    /// measured, and who is taken to be slow for being busy is left idle, and then taken to be fast.
    static let tolerance = 1.5

    package var knowsPrefill: Bool { prefillFixed > 0 || prefillToken > 0 }
    package var knowsStep: Bool { step > 0 || stepBlock > 0 }

    /// With the other's terms where this one has none.
    @inline(__always)
    func filled(from other: LatencyEstimate) -> LatencyEstimate {
        var filled = self
        if !knowsPrefill { (filled.prefillFixed, filled.prefillToken) = (other.prefillFixed, other.prefillToken) }
        if !knowsStep { (filled.step, filled.stepBlock) = (other.step, other.stepBlock) }
        return filled
    }
}

/// What was measured of several placements: the best of it and the usual, each term of those who have it.
struct LatencyField {
    private var least = LatencyEstimate(prefillFixed: .infinity, prefillToken: .infinity, step: .infinity, stepBlock: .infinity)
    private var sum = LatencyEstimate(prefillFixed: 0, prefillToken: 0, step: 0, stepBlock: 0)
    private var prefills: Float = 0
    private var steps: Float = 0

    var isEmpty: Bool { prefills == 0 && steps == 0 }

    @inline(__always)
    mutating func add(_ one: LatencyEstimate) {
        if one.knowsPrefill {
            prefills += 1
            sum.prefillFixed += one.prefillFixed
            sum.prefillToken += one.prefillToken
            least.prefillFixed = min(least.prefillFixed, one.prefillFixed)
            least.prefillToken = min(least.prefillToken, one.prefillToken)
        }
        if one.knowsStep {
            steps += 1
            sum.step += one.step
            sum.stepBlock += one.stepBlock
            least.step = min(least.step, one.step)
            least.stepBlock = min(least.stepBlock, one.stepBlock)
        }
    }

    /// In each respect; what nobody was measured in is unmeasured.
    var fastest: LatencyEstimate {
        LatencyEstimate(
            prefillFixed: prefills > 0 ? least.prefillFixed : 0, prefillToken: prefills > 0 ? least.prefillToken : 0,
            step: steps > 0 ? least.step : 0, stepBlock: steps > 0 ? least.stepBlock : 0)
    }

    var mean: LatencyEstimate {
        let prefills = max(prefills, 1), steps = max(steps, 1)
        return LatencyEstimate(
            prefillFixed: sum.prefillFixed / prefills, prefillToken: sum.prefillToken / prefills, step: sum.step / steps,
            stepBlock: sum.stepBlock / steps)
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

    /// Nil until something was measured.
    package var estimate: LatencyEstimate? {
        guard !prefill.isEmpty || !decode.isEmpty else { return nil }
        // A prefill is mostly its tokens, a decoding step mostly the weights, whatever is held.
        let prefill = prefill.solved(slopeShare: 1), decode = decode.solved(slopeShare: 0)
        return LatencyEstimate(
            prefillFixed: Float(prefill.fixed), prefillToken: Float(prefill.slope), step: Float(decode.fixed),
            stepBlock: Float(decode.slope))
    }
}

extension Duration {
    fileprivate var milliseconds: Double { Double(inNanoseconds) * 1e-6 }
}
