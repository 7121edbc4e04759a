import ClusterModel
import Scheduling
import WireProtocol

// The scheduler's words and those of the wire.

extension Leg {
    init(_ role: PlacementRole) {
        switch role {
        case .aggregated: self = .aggregated
        case .prefill: self = .prefill
        case .decode: self = .decode
        }
    }
}

extension PlacementRole {
    init(_ leg: Leg) {
        switch leg {
        case .aggregated: self = .aggregated
        case .prefill: self = .prefill
        case .decode: self = .decode
        }
    }
}

extension HandOverPath {
    init(_ path: SplitPath?) {
        switch path {
        case nil: self = .none
        case .concurrent: self = .concurrent
        case .sequential: self = .sequential
        }
    }

    var splitPath: SplitPath? {
        switch self {
        case .none: nil
        case .concurrent: .concurrent
        case .sequential: .sequential
        }
    }
}

extension PlacementWish {
    init(_ wish: LegWish) {
        switch wish {
        case .any: self = .any
        case .aggregated: self = .aggregated
        case .prefill: self = .prefill
        case .decode: self = .decode
        }
    }
}

extension LeaseRelease {
    init(_ end: LeaseEnd) {
        switch end {
        case .finished: self = .finished
        case .cancelled: self = .cancelled
        case .neverDispatched: self = .neverDispatched
        case .refused: self = .refused
        case .workerLost: self = .workerLost
        case .expired: self = .expired
        }
    }
}

extension LeaseEnd {
    init(_ release: LeaseRelease) {
        switch release {
        case .finished: self = .finished
        case .cancelled: self = .cancelled
        case .neverDispatched: self = .neverDispatched
        case .refused: self = .refused
        case .workerLost: self = .workerLost
        case .expired: self = .expired
        }
    }
}

extension Tristate {
    var setting: Bool? {
        switch self {
        case .unset: nil
        case .off: false
        case .on: true
        }
    }
}

extension PlacementTarget {
    init(_ reference: PlacementRef) { self.init(worker: WorkerID(reference.workerID), rank: reference.rank.map(Rank.init)) }
}

extension RouteQuery {
    /// What the scheduler needs of an entry. `adapter` where the model's name is one.
    init(_ entry: RouteEntry, origin: UInt64, adapter: String?) {
        self.init()
        request = RequestID(origin: origin, counter: entry.counter)
        wish = PlacementWish(entry.wish)
        tokenCount = entry.tokenCount
        choices = UInt32(entry.choices)
        maxTokens = entry.maxTokens
        expectedOutputTokens = entry.options.expectedOutputTokens
        hashes = entry.sequenceHashes
        var needs = entry.needs
        if entry.task == .embed { needs.insert(.embeddings) }
        self.needs = needs.rawValue
        loRA = entry.loRA.isEmpty ? adapter ?? "" : entry.loRA
        pins = entry.options.pins.map {
            PlacementPin(role: PlacementRole($0.leg), target: PlacementTarget(worker: WorkerID($0.workerID), rank: $0.rank.map(Rank.init)))
        }
        preferred = entry.options.preferred.map(PlacementTarget.init)
        allowed = WorkerList(entry.options.allowedWorkers)
        excluded = WorkerList(entry.options.excludedWorkers)
        unreachable = WorkerList(entry.options.unreachableWorkers)
        blockSize = entry.blockSize
        isQuestion = entry.queryOnly
        maySplit = entry.task == .generate
        policy = entry.options.policy
        overlapWeight = entry.options.overlapWeight
        temperature = entry.options.temperature
        assumeReuse = entry.options.assumeReuse.setting
        trackPrefill = entry.options.trackPrefill.setting
    }
}
