import ClusterModel

/// How requests of an open load come: at which moments, whatever becomes of those before them.
package enum ArrivalPattern: Hashable, Sendable {
    /// One after another in equal steps.
    case constant
    /// As from many users who know nothing of each other: the steps are exponential.
    case poisson
    /// Steps by a gamma distribution of this shape: below 1 in bursts, at 1 as `poisson`, above it evener than that.
    case gamma(shape: Double)
}

/// The moments at which the requests of an open load are due, without end: the same ones for the same seed.
package struct ArrivalTimes: Sendable {
    package let pattern: ArrivalPattern
    /// A second, in the mean.
    package let rate: Double
    private var random: SeededRandom
    private var count = 0.0
    /// In steps of the mean, so that sums keep their digits whatever the rate.
    private var elapsed = 0.0

    /// - Parameter rate: requests a second; above 0.
    package init(_ pattern: ArrivalPattern, rate: Double, seed: UInt64) {
        precondition(rate > 0 && rate.isFinite, "a load has a rate")
        self.pattern = pattern
        self.rate = rate
        random = SeededRandom(seed: seed)
    }

    /// The first step leads to the first moment: nothing is due at the very begin but with `constant`.
    package mutating func next() -> Duration {
        switch pattern {
        case .constant:
            // Counted and not summed up, so that a million steps are exactly as long as one times a million.
            defer { count += 1 }
            return moment(count)
        case .poisson: elapsed += random.exponential()
        case .gamma(let shape): elapsed += random.gamma(shape: shape) / shape
        }
        return moment(elapsed)
    }

    private func moment(_ steps: Double) -> Duration {
        // Beyond a century nobody waits, and the number could not be held.
        .nanoseconds(Int64(min(steps / rate * 1e9, 3e18)))
    }
}
