/// How one direction of a path treats what travels on it. By default it passes everything on.
package struct PathCondition: Hashable, Sendable {
    /// Bytes, and the ends of connections, wait until this is over: a network that is parted for a while.
    package var holds = false
    /// Bytes are thrown away. What was open then never gets a byte through again, though both its ends stand: half-open connections.
    package var loses = false
    /// Each piece travels for so long,
    package var delay = Duration.zero
    /// and for up to so much longer. Pieces do not overtake each other.
    package var jitter = Duration.zero
    /// This share of the pieces, and all behind them, waits longer by `stall`: what TCP makes of packets that are lost.
    package var stalls = 0.0
    package var stall = Duration.zero

    package init() {}

    package static let held: PathCondition = {
        var condition = PathCondition()
        condition.holds = true
        return condition
    }()

    package static let losing: PathCondition = {
        var condition = PathCondition()
        condition.loses = true
        return condition
    }()

    package static func slow(_ delay: Duration, jitter: Duration = .zero) -> PathCondition {
        var condition = PathCondition()
        condition.delay = delay
        condition.jitter = jitter
        return condition
    }

    /// A retransmission takes 200 ms at the least (RFC 6298 says a second, Linux less).
    package static func lossy(_ share: Double, stall: Duration = .milliseconds(200)) -> PathCondition {
        var condition = PathCondition()
        condition.stalls = share
        condition.stall = stall
        return condition
    }
}

/// Both directions: towards whoever listens, and back.
package struct PathConditions: Hashable, Sendable {
    package var there = PathCondition()
    package var back = PathCondition()

    package init(there: PathCondition = PathCondition(), back: PathCondition = PathCondition()) {
        self.there = there
        self.back = back
    }

    package init(both: PathCondition) { self.init(there: both, back: both) }
}
