package import ClusterModel

/// What a client calls its session. Two tenants may use the same word.
package struct SessionID: Hashable, Comparable, Sendable {
    /// Empty: the default tenant.
    package let tenant: String
    package let name: String

    package init(tenant: String, name: String) {
        self.tenant = tenant
        self.name = name
    }

    package static func < (left: SessionID, right: SessionID) -> Bool { (left.tenant, left.name) < (right.tenant, right.name) }
}

/// A session among the workers of one model card: blocks of one card serve no other, so each has its own binding.
package struct PooledSession: Hashable, Sendable {
    package let id: SessionID
    package let pool: Digest

    package init(_ id: SessionID, in pool: Digest) {
        self.id = id
        self.pool = pool
    }
}

/// A worker's word that a session is bound to one of its ranks.
package struct SessionBinding: Hashable, Sendable {
    package let session: PooledSession
    package let life: WorkerLife
    package let rank: Rank
    /// Ascends on its worker.
    package let counter: UInt64
    package let ttlSeconds: UInt32
    package let heldBlocks: UInt32

    package init(_ session: PooledSession, on life: WorkerLife, rank: Rank, counter: UInt64, ttlSeconds: UInt32, heldBlocks: UInt32 = 0) {
        self.session = session
        self.life = life
        self.rank = rank
        self.counter = counter
        self.ttlSeconds = ttlSeconds
        self.heldBlocks = heldBlocks
    }

    package var placement: Placement { Placement(worker: life.worker, rank: rank) }

    /// Of two bindings of one session this one counts, wherever both are seen.
    package func wins(over other: SessionBinding) -> Bool { (counter, life) < (other.counter, other.life) }

    /// The same for everybody who routes by it.
    func isPlaced(as other: SessionBinding) -> Bool {
        life == other.life && rank == other.rank && counter == other.counter && ttlSeconds == other.ttlSeconds
    }
}

/// Why a binding is no more.
package enum SessionEnd: UInt8, CaseIterable, Sendable {
    case closed = 1
    case expired
    case conflict
    case evicted
    case drained
    /// That life of its worker is over.
    case workerLost
    /// A snapshot of its worker does not name it.
    case unnamed

    /// It ended for its worker's sake, not its client's: whoever comes back is told that it was lost.
    package var isLoss: Bool { self == .drained || self == .workerLost }
}

/// What a change of bindings means for others.
package enum SessionChange: Hashable, Sendable {
    /// This binding counts from now on.
    case placed(SessionBinding)
    /// The last binding of a session has ended.
    case gone(SessionBinding, SessionEnd)
    /// Another binding of its session counts: its worker is to give it up.
    case conflicts(SessionBinding)
}
