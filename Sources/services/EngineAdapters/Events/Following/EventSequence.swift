import ClusterModel

/// Keeps an engine's batches in order: which is applied, when a part must be replayed, and when nothing that was known holds any more.
///
/// Each batch has a number that goes up by one from zero in each life of the engine. What was applied last is known by number and digest, so that a
/// replay that begins with it proves that this is the same life; only by that a gap, or a connection that was lost, leaves the cache as it is.
/// Whatever is not proved ends with `clear`: too little is known then, and nothing wrong.
struct EventSequence {
    enum Action: Hashable {
        case apply([UInt8])
        case clear(ClearReason)
        /// The replay that is under way, if any, is dropped.
        case replay(from: UInt64)
    }

    enum ClearReason: String, CaseIterable, Hashable, Sendable {
        /// Numbers went back, or what they stand for is another.
        case restarted
        /// The engine does not have any more what we missed, or cannot replay at all.
        case gap
        /// It could have it, and we did not get it.
        case replayFailed = "replay_failed"
        /// Its events cannot be had for a while.
        case away
        /// A batch that cannot be read.
        case unreadable
    }

    private struct Batch {
        let number: UInt64
        let payload: [UInt8]
    }

    private struct Replay {
        /// The first batch must be the last one that was applied.
        var owesProof: Bool
        /// Asked without need: if it fails nothing is lost.
        let isCheck: Bool
    }

    private enum Phase { case away, following, replaying(Replay) }

    private let canReplay: Bool
    private var phase = Phase.away
    /// Digests of the latest batches by number, in a ring.
    private var known: [(number: UInt64, digest: UInt64)] = []
    private var last: (number: UInt64, digest: UInt64)?
    private var held: [Batch] = []
    private var heldBytes = 0
    private var attempts = 0
    /// What is missed before the next batch is not asked for: it was tried.
    private var takesAnyNext = false
    private var duplicates = 0

    init(canReplay: Bool) { self.canReplay = canReplay }

    var isFollowing: Bool { if case .following = phase { true } else { false } }
    private var isReplaying: Bool { if case .replaying = phase { true } else { false } }

    /// Batches that came twice since this was last asked.
    mutating func takeDuplicates() -> Int {
        defer { duplicates = 0 }
        return duplicates
    }

    // MARK: The subscription

    mutating func subscribed() -> [Action] {
        attempts = 0
        guard canReplay else {
            phase = .following
            // Nothing proves that it is the same life, and that nothing was missed.
            return forget(.gap)
        }
        return beginReplay()
    }

    mutating func lost() {
        phase = .away
        dropHeld()
    }

    /// What was known is not believed any more; the next batches are taken as they come.
    mutating func giveUp(_ reason: ClearReason) -> [Action] { forget(reason) }

    /// Nothing was heard for a while: is there anything to hear?
    mutating func check() -> [Action] { canReplay && isFollowing ? beginReplay(isCheck: true) : [] }

    mutating func live(_ number: UInt64, _ payload: [UInt8]) -> [Action] {
        switch phase {
        case .away: return []
        case .replaying:
            hold(Batch(number: number, payload: payload))
            return []
        case .following: return follow(Batch(number: number, payload: payload))
        }
    }

    private mutating func follow(_ batch: Batch) -> [Action] {
        let digest = Self.digest(batch.payload)
        guard let last else {
            // The first that is heard of this life; with nothing held, what was removed before it is of no account.
            guard canReplay, batch.number > 0, !takesAnyNext else { return take(batch, digest) }
            hold(batch)
            return beginReplay()
        }
        if batch.number == last.number &+ 1 {
            attempts = 0
            return take(batch, digest)
        }
        if batch.number <= last.number, isKnown(batch.number, digest) {
            duplicates += 1
            return []
        }
        let isRestart = batch.number <= last.number
        guard canReplay else { return forget(isRestart ? .restarted : .gap) + take(batch, digest) }
        hold(batch)
        return (isRestart ? forget(.restarted) : []) + beginReplay()
    }

    // MARK: The replay

    private mutating func beginReplay(isCheck: Bool = false) -> [Action] {
        guard attempts < EngineEventLimits.replayAttempts else { return abandonReplay() }
        attempts += 1
        takesAnyNext = false
        phase = .replaying(Replay(owesProof: last != nil, isCheck: isCheck))
        return [.replay(from: last?.number ?? 0)]
    }

    mutating func replayed(_ number: UInt64, _ payload: [UInt8]) -> [Action] {
        guard case .replaying(var replay) = phase else { return [] }
        let digest = Self.digest(payload)
        guard let last else { return take(Batch(number: number, payload: payload), digest) }
        if replay.owesProof, number >= last.number {
            replay.owesProof = false
            phase = .replaying(replay)
            if number == last.number {
                if digest == last.digest { return [] }
                // Another life under the same numbers: it is told from its beginning.
                return forget(.restarted) + beginReplay()
            }
        }
        if number <= last.number { return [] }  // the engine began before what was asked for
        let isNext = number == last.number &+ 1
        return (isNext ? [] : forget(.gap)) + take(Batch(number: number, payload: payload), digest)
    }

    /// The engine says that this was all.
    mutating func replayEnded() -> [Action] {
        guard case .replaying(let replay) = phase else { return [] }
        // It does not have the batch that we had last: another life, or one that forgot it.
        if replay.owesProof { return forget(.restarted) + beginReplay() }
        phase = .following
        takesAnyNext = last == nil
        let actions = releaseHeld()
        if isFollowing { attempts = 0 }
        return actions
    }

    mutating func replayFailed() -> [Action] {
        guard case .replaying(let replay) = phase else { return [] }
        if replay.isCheck {
            phase = .following
            attempts = 0
            // Nothing was missed as far as is known: a gap among them begins a replay of its own.
            return releaseHeld()
        }
        return beginReplay()
    }

    private mutating func abandonReplay() -> [Action] {
        phase = .following
        attempts = 0
        let cleared = forget(.replayFailed)
        takesAnyNext = true
        return cleared + releaseHeld()
    }

    // MARK: Batches

    private mutating func releaseHeld() -> [Action] {
        var actions: [Action] = [], waiting = held
        dropHeld()
        waiting.reverse()
        // One of them may begin another replay: those behind it wait for that.
        while let batch = waiting.popLast() {
            if isReplaying { hold(batch) } else if isLongPassed(batch.number) { duplicates += 1 } else { actions += follow(batch) }
        }
        return actions
    }

    /// A replay went so far beyond it that it is not remembered: it was among what was replayed.
    private func isLongPassed(_ number: UInt64) -> Bool {
        guard let last, number < last.number else { return false }
        return last.number - number >= UInt64(EngineEventLimits.knownBatches)
    }

    private mutating func hold(_ batch: Batch) {
        guard held.count < EngineEventLimits.heldBatches, heldBytes + batch.payload.count <= EngineEventLimits.heldBytes else { return }
        held.append(batch)
        heldBytes += batch.payload.count
    }

    private mutating func dropHeld() {
        held = []
        heldBytes = 0
    }

    private mutating func take(_ batch: Batch, _ digest: UInt64) -> [Action] {
        takesAnyNext = false
        last = (batch.number, digest)
        if known.isEmpty { known = Array(repeating: (.max, 0), count: EngineEventLimits.knownBatches) }
        known[Self.place(batch.number)] = (batch.number, digest)
        return [.apply(batch.payload)]
    }

    private mutating func forget(_ reason: ClearReason) -> [Action] {
        guard last != nil else { return [] }
        last = nil
        known = []
        return [.clear(reason)]
    }

    private func isKnown(_ number: UInt64, _ digest: UInt64) -> Bool {
        guard !known.isEmpty else { return false }
        let entry = known[Self.place(number)]
        return entry.number == number && entry.digest == digest
    }

    private static func place(_ number: UInt64) -> Int { Int(number % UInt64(EngineEventLimits.knownBatches)) }
    private static func digest(_ payload: [UInt8]) -> UInt64 { payload.withUnsafeBytes { XXH3.hash($0) } }
}
