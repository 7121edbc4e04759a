import ClusterModel

/// How many further attempts the requests of one model may have: a share of what was asked lately. Past it a failure is told to its client, since
/// a cluster that fails much is not helped by being asked thrice as much.
struct RetryBudget {
    /// What happened in one second.
    private struct Slot {
        var second: Int64 = -1
        var requests = 0
        var retries = 0
    }

    private let limits: RetryLimits
    private var slots: [Slot]

    init(_ limits: RetryLimits) {
        self.limits = limits
        slots = Array(repeating: Slot(), count: RetryLimits.windowSeconds)
    }

    mutating func began(at now: Instant) { slots[slot(at: now)].requests += 1 }

    /// Whether one more attempt is within the budget; then it is counted.
    mutating func takes(at now: Instant) -> Bool {
        let slot = slot(at: now), (requests, retries) = counts(at: now)
        guard Double(retries) < max(Double(limits.fewest), limits.share * Double(requests)) else { return false }
        slots[slot].retries += 1
        return true
    }

    /// Of the last seconds.
    func counts(at now: Instant) -> (requests: Int, retries: Int) {
        let oldest = Self.second(now) - Int64(RetryLimits.windowSeconds)
        var counts = (requests: 0, retries: 0)
        for slot in slots where slot.second > oldest {
            counts.requests += slot.requests
            counts.retries += slot.retries
        }
        return counts
    }

    /// That of this second, emptied if it was an earlier one's.
    private mutating func slot(at now: Instant) -> Int {
        let second = Self.second(now), index = Int(second % Int64(slots.count))
        if slots[index].second != second { slots[index] = Slot(second: second) }
        return index
    }

    private static func second(_ now: Instant) -> Int64 { max(0, now.nanoseconds) / 1_000_000_000 }
}

/// How large the budget is.
struct RetryLimits: Hashable, Sendable {
    /// Of the requests of the window.
    var share = 0.1
    /// As many in a window as are harmless whatever else happens: where little is asked, a share of it would be none.
    var fewest = 10

    /// Long enough that a single burst of failures is carried by what was asked before it, short enough to forget it soon.
    static let windowSeconds = 10
}
