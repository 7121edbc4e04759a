package import ClusterModel

/// Where sessions are about to be bound: between the plan of the request that opens one and its worker's word.
///
/// Requests of one session that race each other meet there. Nothing is bound by it: it ends with the leases of those requests, or after a short time.
package struct TentativePlaces: Sendable {
    package struct Place: Hashable, Sendable {
        package let life: WorkerLife
        package let rank: Rank

        package init(life: WorkerLife, rank: Rank) {
            self.life = life
            self.rank = rank
        }
    }

    private struct Entry {
        let place: Place
        let until: Instant
        /// Of requests that may open the session; it stands as long as one of them may.
        var leases: [UInt64]
    }

    private let limits: SessionLimits
    private var entries: [PooledSession: Entry] = [:]
    private var byLease: [UInt64: PooledSession] = [:]
    private var order = Fifo<(session: PooledSession, until: Instant)>()

    /// Requests of one session that race each other; one more is served there as well, and not waited for.
    private static let mostLeases = 16

    package init(limits: SessionLimits = SessionLimits()) { self.limits = limits }

    package var count: Int { entries.count }

    package func place(of session: PooledSession, at now: Instant) -> Place? {
        guard let entry = entries[session], entry.until > now else { return nil }
        return entry.place
    }

    /// A request that is to open the session was placed. The first one decides.
    package mutating func opens(_ session: PooledSession, at place: Place, lease: UInt64, at now: Instant) {
        expire(at: now)
        guard let known = entries[session] else {
            guard entries.count < limits.tentative else { return }
            let until = now + limits.opening
            entries[session] = Entry(place: place, until: until, leases: [lease])
            byLease[lease] = session
            order.append((session, until))
            return
        }
        guard known.place == place, known.leases.count < Self.mostLeases else { return }
        entries[session]?.leases.append(lease)
        byLease[lease] = session
    }

    /// That request opens nothing any more. With the last of them the place is free again.
    package mutating func ended(_ lease: UInt64) {
        guard let session = byLease.removeValue(forKey: lease) else { return }
        entries[session]?.leases.removeAll { $0 == lease }
        if entries[session]?.leases.isEmpty ?? false { forget(session) }
    }

    /// Its worker has spoken.
    package mutating func settle(_ session: PooledSession) { forget(session) }

    package mutating func expire(at now: Instant) {
        while let oldest = order.first, oldest.until <= now {
            order.removeFirst()
            // Another one may stand in its place since.
            if entries[oldest.session]?.until == oldest.until { forget(oldest.session) }
        }
    }

    private mutating func forget(_ session: PooledSession) {
        guard let entry = entries.removeValue(forKey: session) else { return }
        for lease in entry.leases { byLease[lease] = nil }
        // Those that were settled leave their marks behind.
        guard order.count > 2 * max(entries.count, 64) else { return }
        let entries = entries
        order.removeAll { entries[$0.session]?.until != $0.until }
    }
}
