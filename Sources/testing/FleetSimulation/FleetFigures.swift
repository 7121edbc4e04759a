package import LoadGeneration

/// What a simulated run came to, beside what its clients saw.
package struct FleetFigures: Equatable, Sendable {
    /// Of all prompts, also where the last one is not full.
    package var promptBlocks: UInt64 = 0
    /// Found where the request started.
    package var hitBlocks: UInt64 = 0
    /// What one cache without a bound would have found, asked in the order of arrival.
    package var reachableBlocks: UInt64 = 0
    /// By worker, of those that compute prompts.
    package var requests: [Int] = []
    package var prefillTokens: [Int] = []
    package var busyShares: [Double] = []
    package var queueWaits = LatencyHistogram()
    package var parked = 0
    package var shed = 0
    package var refused = 0
    package var moved = 0
    package var split = 0
    package var preempted = 0
    package var steps = 0
    package var duration = Duration.zero
    /// When requests were complete, in order.
    package var completions: [Duration] = []
    /// Nanoseconds of each decision, where there was a clock; sorted.
    package var decisions: [UInt64] = []
    /// Leases that routers held when all was over: none.
    package var leasesLeft = 0

    package init() {}

    package var hitRate: Double { share(hitBlocks) }
    package var reachableHitRate: Double { share(reachableBlocks) }
    package var requestSkew: Double { Self.skew(requests.map(Double.init)) }
    package var prefillSkew: Double { Self.skew(prefillTokens.map(Double.init)) }

    private func share(_ blocks: UInt64) -> Double { promptBlocks > 0 ? Double(blocks) / Double(promptBlocks) : 0 }

    /// The largest against the mean.
    private static func skew(_ values: [Double]) -> Double {
        let sum = values.reduce(0, +)
        return sum > 0 ? (values.max() ?? 0) * Double(values.count) / sum : 1
    }

    /// 0 to 1.
    package func decision(_ quantile: Double) -> Double {
        decisions.isEmpty ? 0 : Double(decisions[min(Int(Double(decisions.count) * quantile), decisions.count - 1)]) * 1e-3
    }
}
