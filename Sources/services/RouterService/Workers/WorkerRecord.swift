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
    /// What the worker's stream last said, and since when a refusal is believed instead.
    var told = RankLoad()
    var refusedAt: Instant?
    /// Since it was last published.
    var changed = true
    /// Its place in the block index; none if there was no room for it.
    var slot: PlacementSlot?
    /// It had to give it up, or found none.
    var hasLostSlot = false
    /// On the device there, as the index last counted them.
    var indexedBlocks: UInt64 = 0
    /// How often its cache was written anew; none before it is in a pool, whose others it is compared with.
    var turnover: CacheTurnover?
    /// How fast it was found to be.
    var meter = LatencyMeter()

    init(_ capacity: RankCapacity) {
        self.capacity = capacity
        load.rank = capacity.rank
        load.totalBlocks = capacity.totalBlocks
        told = load
    }

    /// It has other blocks now, of another model.
    mutating func startAnew() { (slot, hasLostSlot, indexedBlocks, turnover, meter) = (nil, false, 0, nil, LatencyMeter()) }

    /// The worker registered anew: the stream says only what changes, so what is known stays known.
    mutating func keep(_ old: RankRecord) {
        (load, number, slot, hasLostSlot) = (old.load, old.number, old.slot, old.hasLostSlot)
        (indexedBlocks, turnover, meter) = (old.indexedBlocks, old.turnover, old.meter)
        (told, refusedAt) = (old.told, old.refusedAt)
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
    /// How its cache events could be used, by what it registered and what its hashes were found to be, and why not better.
    var provenEvents = EventsMode.loadOnly
    var eventsReason = ""
    /// Whether they are believed.
    var trust = CacheTrust()
    /// What went wrong with them.
    var notes = IntakeNotes()
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
    var pooledKind: UInt16 = 0
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
        return declared == .degraded ? (.degraded, declaredReason) : (.ready, routingReason)
    }

    /// Whether it gets new plans. One that says itself that it is degraded still serves.
    var takesWork: Bool {
        isAttached && drain == .none && (declared == .ready || declared == .degraded) && isHeard && !isSuspected && !isFeedSilent
    }

    /// It takes nothing now, and is expected back soon: its engine begins anew, or it is silent, of which a second more makes a loss.
    var isReturning: Bool { isAttached && drain == .none && (declared == .starting || isSuspected) }

    /// How its cache events are used now.
    var events: EventsMode {
        guard provenEvents == .exact else { return provenEvents }
        switch trust.doubt {
        case nil: return .exact
        case .missing: return .loadOnly
        // What it computes is there, whether it says so or not.
        case .silent: return .approximate
        }
    }

    /// Why it is not routed by what it has, or not by its own word.
    var routingReason: String {
        switch trust.doubt {
        case .missing where provenEvents == .exact: "its requests find less in its cache than its events promise"
        case .silent where provenEvents == .exact: "it computes blocks and its events tell of none"
        default: eventsReason
        }
    }

    /// Whether decisions look at what the index has of it. What is being recovered is no better than nothing: it may name what is gone.
    var isRoutedByBlocks: Bool {
        switch events {
        case .exact: isInStep
        case .approximate: true
        case .loadOnly: false
        }
    }

    /// A loop, as every event asks: a closure would ask the runtime each time whether it runs on the loop.
    func index(of rank: UInt32) -> Int? {
        for index in ranks.indices where ranks[index].capacity.rank == rank { return index }
        return nil
    }

    func slot(of rank: UInt32) -> PlacementSlot? {
        guard let index = index(of: rank) else { return nil }
        return ranks[index].slot
    }

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
        entry.reason = reason.cut(toBytes: Limits.reasonBytes)
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
