/// How one placement is preferred over another. The raw value is what options and requests call it.
package enum SelectionPolicy: String, CaseIterable, Sendable {
    /// Prefill still to do there and blocks held there, less what is cached: the smallest sum.
    case kv
    /// The same two terms, multiplied: a rank that is bad in one is not redeemed by the other.
    case lmetric
    /// As `kv`, in milliseconds by what each worker was measured to need.
    case latency
    /// Fewest requests, a full engine step of waiting prefill counted as one.
    case leastLoaded = "least-loaded"
    /// The less loaded of two that are drawn.
    case powerOfTwo = "power-of-two"
    /// The one whose last turn lies furthest back.
    case roundRobin = "round-robin"
    case random
    /// Only where requests are pinned, or their sessions bound.
    case direct

    package static var names: String { allCases.map(\.rawValue).joined(separator: ", ") }

    /// Whether what is cached counts and costs are amounts: only then does a temperature mean anything.
    package var weighsCosts: Bool {
        switch self {
        case .kv, .lmetric, .latency: true
        case .leastLoaded, .powerOfTwo, .roundRobin, .random, .direct: false
        }
    }

    /// What a leg and the one that follows it cost together, where the two are of one unit. Turns and lots are each leg's own.
    @inline(__always)
    func joined(_ total: Double, partner: Double) -> Double {
        switch self {
        case .kv, .latency, .leastLoaded: total + partner
        case .lmetric: total * (partner + 1)
        case .powerOfTwo, .roundRobin, .random, .direct: total
        }
    }
}
