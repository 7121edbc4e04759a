package import ClusterModel

/// Whether what a worker's cache events say can be believed, judged by what its requests really find.
///
/// An index is only as good as the stream it is made of: events that are never sent, a cache that was emptied without a word, hashes that mean other
/// tokens. None of these breaks a number of the stream, so they show only in what becomes of the requests that were placed by it.
package struct CacheTrust: Sendable {
    package enum Doubt: Hashable, Sendable {
        /// Requests keep finding less than the events promised.
        case missing
        /// It computes blocks, and says of none that it keeps it.
        case silent
    }

    /// What follows from something that was seen.
    package enum Change: Hashable, Sendable {
        /// Believed no more: read everything anew, and route by load alone (or by prediction, where it is silent) until then.
        case doubted(Doubt)
        /// Believed again. After a silence everything is to be read anew: nobody knows what it did not tell.
        case restored(after: Doubt)
    }

    package struct Limits: Hashable, Sendable {
        /// Requests that are judged before anything follows from them.
        package var samples = 4
        /// Of what was promised, so much missing on an average: losing half of a prompt's prefix is more than an eviction on the way.
        package var missing = 0.5
        /// How much one more request weighs in that average: a cache that was emptied shows within five of them.
        package var weight = 0.25
        /// Prefills in a row that stored nothing, over at least `silence`: one batch may be lost or late, these are not.
        package var silentPrefills = 16
        package var silence = Duration.seconds(10)
        /// How long a worker is not believed that lost its trust again soon after it was read anew; doubles each time.
        package var firstPause = Duration.seconds(30)
        package var longestPause = Duration.seconds(600)
        /// So many good ones in a row, and what was before is forgotten.
        package var forgiving = 64

        package init() {}
    }

    private let limits: Limits
    /// Nil: believed.
    package private(set) var doubt: Doubt?
    /// Not before this moment is it read anew.
    package private(set) var until = Instant.zero
    private var average = 0.0
    private var judged = 0
    private var agreed = 0
    private var strikes = 0
    private var prefills = 0
    private var firstPrefill = Instant.zero

    package init(limits: Limits = Limits()) { self.limits = limits }

    package var isTrusted: Bool { doubt == nil }

    // MARK: What is seen

    /// A request of which the events promised so many blocks has found so many. The last block of a prompt is computed even if it is there, so one
    /// block less is what was promised.
    package mutating func found(_ found: UInt32, promised: UInt32, at now: Instant) -> Change? {
        guard doubt == nil, promised >= 2 else { return nil }
        let missing = found >= promised - 1 ? 0 : 1 - Double(found) / Double(promised)
        average = judged == 0 ? missing : average + limits.weight * (missing - average)
        judged += 1
        agreed = missing < limits.missing ? agreed + 1 : 0
        if agreed >= limits.forgiving { strikes = 0 }
        guard judged >= limits.samples, average >= limits.missing else { return nil }
        return doubted(.missing, at: now)
    }

    /// A request has computed blocks of its prompt that it did not find.
    package mutating func prefilled(at now: Instant) -> Change? {
        guard doubt == nil else { return nil }
        if prefills == 0 { firstPrefill = now }
        prefills += 1
        guard prefills >= limits.silentPrefills, firstPrefill.duration(to: now) >= limits.silence else { return nil }
        return doubted(.silent, at: now)
    }

    /// Its events have named blocks that it keeps.
    package mutating func stored() -> Change? {
        prefills = 0
        guard doubt == .silent else { return nil }
        doubt = nil
        return .restored(after: .silent)
    }

    /// Everything was read anew.
    package mutating func readAnew(at now: Instant) -> Change? {
        guard doubt == .missing, now >= until else { return nil }
        doubt = nil
        average = 0
        judged = 0
        return .restored(after: .missing)
    }

    private mutating func doubted(_ doubt: Doubt, at now: Instant) -> Change {
        self.doubt = doubt
        prefills = 0
        agreed = 0
        // The first time it may have been an accident that reading anew mends.
        var pause = Duration.zero
        if strikes > 0 {
            pause = limits.firstPause
            for _ in 1..<max(strikes, 1) where pause < limits.longestPause { pause = min(pause * 2, limits.longestPause) }
        }
        until = now + pause
        strikes += 1
        return .doubted(doubt)
    }
}
