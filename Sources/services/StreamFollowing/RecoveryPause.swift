import ClusterModel

/// How long the next recovery of a stream waits: not at all the first time, then for a time that doubles.
struct RecoveryPause {
    private var next = Duration.zero

    /// A recovery begins without waiting: it has been waited for, or it is the first.
    mutating func begin() { next = max(next, FollowingLimits.firstPause) }

    /// With jitter, so that those who lost the same message do not ask together.
    mutating func take(atMost longest: Duration, _ random: inout SeededRandom) -> Duration {
        let wait = min(next, longest)
        next = max(next, min(max(next * 2, FollowingLimits.firstPause), longest))
        return wait > .zero ? wait + .nanoseconds(Int64(random.next() % UInt64(max(wait.inNanoseconds / 2, 1)))) : .zero
    }

    mutating func forgive() { next = .zero }
}
