package import ClusterModel

/// What all workers have said of their sessions. The workers are the truth: nothing expires here, and a binding is gone when its worker says so,
/// or when that life of its worker is.
///
/// If two workers of a pool hold one session, the smaller (counter, worker) counts, whichever was heard first; the others are named once, to be
/// closed, and are kept until their workers have done so: should the winner leave before, they are all there is.
package struct SessionMirror: Sendable {
    /// One life of a worker: what it has bound, each with its counter.
    private struct Holder {
        /// Of the card that it had when its first session was heard.
        let pool: Digest
        var counters: [SessionID: UInt64] = [:]
    }

    /// What became of a worker's word.
    package enum Verdict: Hashable, Sendable {
        case applied
        /// More than is kept: the session is routed as if it were unknown.
        case full
    }

    package let limits: SessionLimits
    private var claims: [PooledSession: SessionClaims] = [:]
    private var holders: [WorkerLife: Holder] = [:]
    /// Bindings, those that have lost among them.
    package private(set) var bindings = 0

    package init(limits: SessionLimits = SessionLimits()) { self.limits = limits }

    // MARK: Reading

    /// Sessions that are bound somewhere.
    package var count: Int { claims.count }

    /// The binding that counts.
    package subscript(session: PooledSession) -> SessionBinding? { claims[session]?.first }

    /// All bindings of it, best first.
    package func bindings(of session: PooledSession) -> [SessionBinding] { claims[session].map { [$0.first] + $0.others } ?? [] }

    package func count(on life: WorkerLife) -> Int { holders[life]?.counters.count ?? 0 }

    /// The bindings that count, in an order that does not depend on how they came.
    package var all: [SessionBinding] {
        claims.values.map(\.first).sorted { ($0.life, $0.counter, $0.session.id) < ($1.life, $1.counter, $1.session.id) }
    }

    /// Bindings of that life that have lost: to be said again to a worker that may not have heard it.
    package func conflicts(of life: WorkerLife) -> [SessionBinding] {
        sessions(of: life).compactMap { session in
            guard let known = claims[session], known.first.life != life else { return nil }
            return known.claim(of: life)
        }
    }

    // MARK: Words of a worker

    package mutating func bound(
        _ id: SessionID, on life: WorkerLife, in pool: Digest, rank: Rank, counter: UInt64, ttlSeconds: UInt32, heldBlocks: UInt32,
        _ changes: inout [SessionChange]
    ) -> Verdict {
        let holder = holders[life]
        if holder?.counters[id] == nil {
            guard holder?.counters.count ?? 0 < limits.bindingsOfWorker, bindings < limits.bindings else { return .full }
            bindings += 1
        }
        let session = PooledSession(id, in: holder?.pool ?? pool)
        let binding = SessionBinding(
            session, on: life, rank: rank, counter: counter, ttlSeconds: ttlSeconds, heldBlocks: heldBlocks)
        holders[life, default: Holder(pool: pool)].counters[id] = counter
        if claims[session]?.put(binding, &changes) == nil {
            claims[session] = SessionClaims(binding)
            changes.append(.placed(binding))
        }
        return .applied
    }

    /// The end of that binding; of an earlier one of the session nothing is left to end.
    package mutating func unbound(
        _ id: SessionID, on life: WorkerLife, counter: UInt64, _ end: SessionEnd, _ changes: inout [SessionChange]
    ) {
        guard let holder = holders[life], holder.counters[id] == counter else { return }
        remove(PooledSession(id, in: holder.pool), of: life, end, &changes)
    }

    /// The worker's whole word, as a snapshot has it, was said with `bound`: what it did not name is no more.
    package mutating func retain(_ named: Set<SessionID>, on life: WorkerLife, _ changes: inout [SessionChange]) {
        for session in sessions(of: life) where !named.contains(session.id) { remove(session, of: life, .unnamed, &changes) }
    }

    /// That life of the worker is over.
    package mutating func drop(_ life: WorkerLife, _ changes: inout [SessionChange]) {
        for session in sessions(of: life) { remove(session, of: life, .workerLost, &changes) }
    }

    // MARK: Helpers

    /// In the order in which they were bound.
    private func sessions(of life: WorkerLife) -> [PooledSession] {
        guard let holder = holders[life] else { return [] }
        return holder.counters.sorted { ($0.value, $0.key) < ($1.value, $1.key) }.map { PooledSession($0.key, in: holder.pool) }
    }

    private mutating func remove(_ session: PooledSession, of life: WorkerLife, _ end: SessionEnd, _ changes: inout [SessionChange]) {
        bindings -= 1
        holders[life]?.counters[session.id] = nil
        if holders[life]?.counters.isEmpty ?? false { holders[life] = nil }
        guard let known = claims[session] else { return }
        let left = known.without(life, &changes)
        claims[session] = left
        if left == nil { changes.append(.gone(known.first, end)) }
    }
}
