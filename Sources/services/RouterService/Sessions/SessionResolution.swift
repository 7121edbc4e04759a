import ClusterModel
import Scheduling
import WireProtocol

/// What is known of a request's session before its placement is chosen.
struct SessionResolution {
    let session: PooledSession
    let action: SessionAction
    /// Where it is bound.
    var binding: SessionBinding?
    /// Its worker left, and nobody has placed it anew since.
    var isLost = false
    /// What the choice is to follow.
    var place: SessionPlace?

    /// The frontend is going to bind it where the request is placed.
    var opens: Bool { binding == nil && (action == .open || isLost && action == .use) }

    /// What the frontend is told of a request that was placed there.
    func outcome(on leg: PlanLeg) -> SessionOutcome {
        guard let binding else { return isLost ? .lost : .none }
        let isThere =
            binding.life.worker.rawValue == leg.workerID && binding.life.generation.rawValue == leg.generation
            && binding.rank.rawValue == leg.rank
        return isThere ? .bound : .spilled
    }
}

/// No worker of the pool can hold a session that a request is to open.
struct SessionUnsupported: Error {}

extension SessionID {
    init(_ key: SessionKey) { self.init(tenant: key.tenant, name: key.id) }
    var key: SessionKey { SessionKey(tenant: tenant, id: name) }
}

extension SessionBinding {
    /// As the router's stream and its snapshots say it.
    var placed: SessionPlaced {
        SessionPlaced(
            key: session.id.key, workerID: life.worker.rawValue, generation: life.generation.rawValue, rank: rank.rawValue,
            bindCounter: counter, ttlSeconds: ttlSeconds)
    }
}

extension SessionEnd {
    init(_ reason: SessionEndReason) {
        switch reason {
        case .closed: self = .closed
        case .expired: self = .expired
        case .conflict: self = .conflict
        case .evicted: self = .evicted
        case .drained: self = .drained
        }
    }

    /// The wire knows no worse end of a worker than that it leaves; nor does it say why a snapshot does not name what was there.
    var reason: SessionEndReason {
        switch self {
        case .closed, .unnamed: .closed
        case .expired: .expired
        case .conflict: .conflict
        case .evicted: .evicted
        case .drained, .workerLost: .drained
        }
    }
}
