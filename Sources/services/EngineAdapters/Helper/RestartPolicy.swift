import ClusterModel

/// When a process that died is started again: at once almost, then with growing pauses, and not for ever.
struct RestartPolicy {
    enum Verdict: Hashable {
        case again(after: Duration)
        case giveUp
    }

    private let limits: HelperLimits
    private var deaths: [Instant] = []

    init(_ limits: HelperLimits) { self.limits = limits }

    /// Of the span that is looked at.
    var count: Int { deaths.count }

    mutating func died(at now: Instant) -> Verdict {
        deaths.removeAll { $0 + limits.span <= now }
        deaths.append(now)
        guard deaths.count < limits.deaths else { return .giveUp }
        var pause = limits.firstPause
        for _ in 1..<deaths.count { pause = min(pause + pause, limits.longestPause) }
        return .again(after: pause)
    }
}
