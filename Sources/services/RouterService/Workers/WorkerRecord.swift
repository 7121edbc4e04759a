import ClusterModel
import EventLoop
import Scheduling
import Transport
import WireProtocol

/// What a router knows of one rank of a worker.
struct RankRecord {
    let capacity: RankCapacity
    /// As the worker last said.
    var load = RankLoad()
    /// The number of the event that said so.
    var number: UInt64 = 0
    /// Since it was last published.
    var changed = true

    init(_ capacity: RankCapacity) {
        self.capacity = capacity
        load.rank = capacity.rank
        load.totalBlocks = capacity.totalBlocks
    }
}

/// A worker in one of its lives, as this router sees it.
///
/// It is *attached* while its control link is open. A lost link alone ends no request: the record stays, without new plans, until the worker's
/// feed falls silent too, or the same life comes back.
@LoopActor
final class WorkerRecord: StateEntry {
    /// A drain that the control link announced counts until the stream has said it too: older words of the stream do not undo it.
    enum Drain { case none, noticed, confirmed }

    let life: WorkerLife
    let name: String
    var link: Link?
    var registration: RegisterWorker?
    /// As others dial them.
    var endpoints = Endpoints()
    var linkAddress: Address?
    var intake: EventIntake?
    var declared = ProcessState.starting
    var declaredReason = ""
    var drain = Drain.none
    /// How its cache events are used, and why not better.
    var events = EventsMode.loadOnly
    var eventsReason = ""
    var isHeard = false
    var isFeedSilent = false
    var isSuspected = false
    var isInStep = false
    /// Ascending by rank.
    var ranks: [RankRecord] = []
    weak var pool: Pool?
    /// What the pool counts of it: kept by the pool.
    var isPooledReady = false
    var pooledLabels: (served: [String], loRAs: [String]) = ([], [])
    /// The feed has an entry of it.
    var isAnnounced = false
    var isPending = false

    init(_ identity: Identity) {
        life = WorkerLife(worker: WorkerID(identity.id), generation: Generation(identity.generation))
        name = identity.name
    }

    var isAttached: Bool { link != nil && registration != nil }

    /// As the router sees it, and why it is no better.
    var state: (ProcessState, reason: String) {
        if drain != .none { return (.draining, "it drains") }
        switch declared {
        case .starting, .draining, .stopped: return (declared, declaredReason)
        case .ready, .degraded: break
        }
        if !isHeard { return (.starting, "its events have not been heard yet") }
        if isSuspected { return (.degraded, "no sign of life on its control link for a second") }
        if isFeedSilent { return (.degraded, "its events are heard no more") }
        return declared == .degraded ? (.degraded, declaredReason) : (.ready, eventsReason)
    }

    /// Whether it gets new plans. One that says itself that it is degraded still serves.
    var takesWork: Bool {
        isAttached && drain == .none && (declared == .ready || declared == .degraded) && isHeard && !isSuspected && !isFeedSilent
    }

    func index(of rank: UInt32) -> Int? { ranks.firstIndex { $0.capacity.rank == rank } }

    func placement(_ index: Int) -> Placement { Placement(worker: life.worker, rank: Rank(ranks[index].capacity.rank)) }

    // MARK: StateEntry

    func change() -> RouterChange? { isAnnounced ? entry.map { .workerEntry($0) } : nil }

    var entry: WorkerEntry? {
        guard isAttached, let registration else { return nil }
        var entry = WorkerEntry()
        entry.workerID = life.worker.rawValue
        entry.generation = life.generation.rawValue
        entry.name = name
        entry.role = registration.role
        let (state, reason) = state
        entry.state = state
        entry.reason = reason.cut(to: Limits.reasonBytes)
        entry.endpoints = endpoints
        entry.events = events
        entry.resyncing = !isInStep
        entry.model = registration.card.name
        entry.pool = registration.card.digest
        entry.capabilities = registration.card.capabilities
        entry.loRAs = registration.card.loRAs
        entry.ranks = registration.ranks
        entry.kvShape = registration.kvShape
        entry.engineBuild = registration.engineBuild
        return entry
    }
}

extension WorkerRole {
    var placementRole: PlacementRole {
        switch self {
        case .aggregated: .aggregated
        case .prefill: .prefill
        case .decode: .decode
        }
    }
}
