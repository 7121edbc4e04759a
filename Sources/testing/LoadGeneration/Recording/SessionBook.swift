import WireProtocol

/// Which request was of which session, as far as streams let one know.
///
/// No event says it. But a worker says anew what a session holds in the step in which a request of it ends, and that is the request's own
/// blocks; and where a rank has one session alone, a request that was sent there for its session is of that one.
struct SessionBook: Sendable {
    /// What an end was held against. Whether it counts is judged when the router's decision is known.
    struct Evidence: Hashable, Sendable {
        /// One session said, as the request ended, that it holds as many blocks as the request has.
        var held: SessionKey?
        /// When that session was bound.
        var boundAt = Duration.zero
        /// The only session of the rank.
        var only: SessionKey?
    }

    private struct Session: Sendable {
        let rank: UInt32
        let counter: UInt64
        let boundAt: Duration
    }

    private struct Hold: Sendable {
        let rank: UInt32
        let key: SessionKey
        let blocks: UInt32
        let at: Duration
    }

    private struct Life: Sendable {
        var sessions: [SessionKey: Session] = [:]
        var byRank: [UInt32: Set<SessionKey>] = [:]
        var holds: [Hold] = []
    }

    private var lives: [RecordedLife: Life] = [:]
    private var count = 0

    /// Both are said in one step, which leaves the worker in one message or two.
    private static let together = Duration.milliseconds(250)

    // MARK: What workers say

    mutating func bound(_ event: SessionBound, on life: RecordedLife, at now: Duration) {
        let known = lives[life]?.sessions[event.key]
        if known?.counter != event.bindCounter {
            if let known { forget(event.key, known.rank, on: life) }
            guard count < RecordLimits.names else { return }
            count += 1
            lives[life, default: Life()].sessions[event.key] = Session(rank: event.rank, counter: event.bindCounter, boundAt: now)
            lives[life]?.byRank[event.rank, default: []].insert(event.key)
        }
        guard event.heldBlocks > 0 else { return }
        let hold = Hold(rank: event.rank, key: event.key, blocks: event.heldBlocks, at: now)
        lives[life]?.holds.removeAll { $0.at + Self.together < now }
        guard lives[life]?.holds.count ?? 0 < RecordLimits.recentHolds else { return }
        lives[life]?.holds.append(hold)
    }

    mutating func unbound(_ event: SessionUnbound, on life: RecordedLife) {
        guard let known = lives[life]?.sessions[event.key], known.counter == event.bindCounter else { return }
        forget(event.key, known.rank, on: life)
    }

    private mutating func forget(_ key: SessionKey, _ rank: UInt32, on life: RecordedLife) {
        lives[life]?.sessions[key] = nil
        lives[life]?.byRank[rank]?.remove(key)
        count -= 1
    }

    /// Its stream begins anew, or has ended.
    mutating func forget(_ life: RecordedLife) {
        count -= lives[life]?.sessions.count ?? 0
        lives[life] = nil
    }

    // MARK: What follows

    /// What is known as a request ends there. A hold is one request's.
    mutating func evidence(of ended: RequestEnded, on life: RecordedLife, blockTokens: UInt32, at now: Duration) -> Evidence {
        guard let known = lives[life] else { return Evidence() }
        var evidence = Evidence()
        if let keys = known.byRank[ended.rank], keys.count == 1 { evidence.only = keys.first }
        // Of the last token no state is computed.
        let tokens = UInt64(ended.promptTokens) + UInt64(ended.outputTokens), size = UInt64(max(blockTokens, 1))
        let expected = (tokens - min(tokens, 1)) / size...tokens / size
        let matching = known.holds.filter { hold in
            hold.rank == ended.rank && expected.contains(UInt64(hold.blocks)) && hold.at + Self.together >= now
        }
        guard let first = matching.first, matching.allSatisfy({ $0.key == first.key }) else { return evidence }
        evidence.held = first.key
        evidence.boundAt = known.sessions[first.key]?.boundAt ?? .zero
        lives[life]?.holds.removeAll { $0.key == first.key }
        return evidence
    }
}
