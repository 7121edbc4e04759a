/// How a pool's queue orders and bounds what is parked in it. Each value is an option of the router.
package struct QueueSettings: Hashable, Sendable {
    package var policy = QueuePolicy.fcfs
    /// Requests parked in one pool: more than a minute's work of most pools, and a few megabytes.
    package var entries = 5_000
    /// Tokens still to be computed, in engine steps of the pool's workers together: what they do in some seconds.
    package var batches = 16
    /// How long a request may be parked: clients rarely wait longer for a first byte.
    package var longest = Duration.seconds(60)
    /// Parked for so long, a request has a right to every fourth placement, whatever its policy puts before it.
    package var aging = Duration.seconds(10)

    package init() {}
}

/// Bounds of a queue that are no options, and the reasons for them.
package enum QueueLimits {
    /// Tenants with shares of their own in one pool at a time; those above it share one, with the weight 1. Each costs a few operations a placement.
    package static let tenants = 256
    /// So much of a queue may be filled by whoever comes. The rest is for tenants with names that have less parked than their share of this part, so
    /// that one who sends far more than its share does not have everybody else turned away.
    static let commonPart = 0.75
    /// Tokens that a tenant of weight 1 may add in its turn: small, so that tenants alternate request by request.
    package static let quantum = 256.0
    /// Weights are taken to lie in here, so that no tenant is shut out, and none shuts out all others.
    package static let weights = 0.001...1_000.0
    /// Of so many placements one goes to the request that has waited longest, if that is past the aging bound.
    package static let agedTurn = 4
    /// Of what is drained, what happened this long ago counts 7/8 of what happens now.
    static let meterStep = Duration.seconds(1)
    static let meterDecay = 0.875
    /// A rate is told once something was parked for this long.
    static let meterLeast = Duration.milliseconds(500)
    /// What clients are told to wait, at least and at most: they round to seconds, and give up if asked for more.
    package static let retry = Duration.seconds(1)...(.seconds(120))
}
