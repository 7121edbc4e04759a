import ClusterModel

/// Keeps new requests from a worker that fails all it is given, and lets one of them through now and then: whoever has healed is seen to by that.
///
/// A worker that is dead, or says that it leaves or begins anew, needs none of it: its link or its state tells. This is for one that seems well.
struct WorkerBreaker {
    /// Requests that it failed since it last ended one well, as far as they count.
    private(set) var failuresInARow = 0
    /// Barred; from this moment on, one request may try.
    private(set) var tryAt: Instant?
    private var pause: Duration
    /// One request was let through, and has not told yet what came of it.
    private var isOnTrial = false

    private let limits: BreakerLimits

    init(_ limits: BreakerLimits) {
        self.limits = limits
        pause = limits.firstPause
    }

    var isBarred: Bool { tryAt != nil }

    /// True if it is barred from now on.
    mutating func failed(at now: Instant) -> Bool {
        guard limits.failures > 0 else { return false }
        failuresInARow = min(failuresInARow + 1, limits.failures)
        guard tryAt == nil, failuresInARow == limits.failures else { return false }
        tryAt = now + pause
        return true
    }

    /// It gave tokens: it is not barred any more. Until a request has ended well, the next failure bars it again. True if it was barred.
    mutating func gaveTokens() -> Bool {
        defer { (tryAt, isOnTrial) = (nil, false) }
        return tryAt != nil
    }

    /// True if it was barred.
    mutating func endedWell() -> Bool {
        failuresInARow = 0
        pause = limits.firstPause
        return gaveTokens()
    }

    /// Whether a request may go there now. Of a worker that is barred each yes is for one request; the next one waits longer, up to a bound.
    mutating func admits(at now: Instant) -> Bool {
        guard let tryAt else { return true }
        guard tryAt <= now else { return false }
        pause = min(pause * 2, limits.longestPause)
        self.tryAt = now + pause
        isOnTrial = true
        return true
    }

    /// Whether what it failed now was the one request that was let through. Where no other worker is left all are asked, which is no trial.
    mutating func takeTrial() -> Bool {
        defer { isOnTrial = false }
        return isOnTrial
    }

    /// Whoever was let through went elsewhere, and nothing was learned: the next one may try.
    mutating func wasNotTried(at now: Instant) {
        isOnTrial = false
        if tryAt != nil { tryAt = now }
    }
}

/// When a worker is barred, and for how long.
struct BreakerLimits: Hashable, Sendable {
    /// Failures in a row: fewer than this come by chance, or by one request that is tried here and there. 0: nobody is ever barred.
    var failures = 5
    /// A hiccup is over by then.
    var firstPause = Duration.milliseconds(250)
    /// Whoever has healed is used again within two seconds: this, and the time that one request takes to its first token.
    var longestPause = Duration.seconds(1)
}
