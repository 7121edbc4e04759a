package import ClusterModel

/// One observer's verdict on a peer that says something at least every so often.
///
/// Liveness is per observer. What this process could not hear because it did not run is not held against anyone: a pause moves the time of
/// the last sign of life.
package struct Liveness: Sendable {
    package enum Verdict: Sendable { case alive, suspected, dead }

    package let suspectedAfter: Duration
    package let deadAfter: Duration
    package private(set) var lastHeard: Instant

    package init(now: Instant, suspectedAfter: Duration = TransportLimits.suspectedAfter, deadAfter: Duration = TransportLimits.deadAfter) {
        lastHeard = now
        self.suspectedAfter = suspectedAfter
        self.deadAfter = deadAfter
    }

    /// When it is dead, unless it is heard before.
    package var deadAt: Instant { lastHeard + deadAfter }

    package mutating func heard(at now: Instant) { lastHeard = max(lastHeard, now) }

    /// This process did not run for `gap` until `now`.
    package mutating func paused(for gap: Duration, until now: Instant) { lastHeard = min(now, lastHeard + gap) }

    package func verdict(at now: Instant) -> Verdict {
        let silence = lastHeard.duration(to: now)
        if silence >= deadAfter { return .dead }
        return silence >= suspectedAfter ? .suspected : .alive
    }
}
