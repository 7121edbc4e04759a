package import ClusterModel
package import WireProtocol

/// What one router says of the cluster, as far as its followers need it. Bounded: more than a cluster may have is left out.
package struct RouterDirectory {
    /// By worker id, frontend id and digest.
    package private(set) var workers: [UInt64: WorkerEntry] = [:]
    package private(set) var frontends: [UInt64: FrontendEntry] = [:]
    package private(set) var pools: [Digest: ModelPool] = [:]
    package private(set) var health = RouterHealth()
    package var state: ProcessState { health.state }
    package private(set) var queues: [Digest: QueueDepth] = [:]
    /// Of the lives that are in `workers`.
    package private(set) var loads: [LoadPlace: PlacementLoad] = [:]

    package init() {}

    private static let most = Limits.workerIDs
    /// Of all workers together; few have more than eight.
    private static let mostRanks = 8 * Limits.workerIDs

    /// Requests in its queues.
    package var parked: UInt64 {
        // Order: a sum.
        queues.values.reduce(0) { $0 + UInt64($1.requests) }
    }

    package mutating func take(_ entry: SnapshotEntry) {
        switch entry {
        case .workerEntry(let entry): set(entry)
        case .frontendEntry(let entry): set(entry)
        case .modelPool(let pool): set(pool)
        case .queueDepth(let depth): set(depth)
        case .placementLoad(let load): set(load)
        case .routerHealth(let health): self.health = health
        default: break
        }
    }

    /// True if workers, frontends or pools are others now.
    package mutating func take(_ change: RouterChange) -> Bool {
        switch change {
        case .workerEntry(let entry): set(entry)
        case .workerGone(let gone):
            guard workers[gone.workerID]?.generation == gone.generation else { return false }
            workers[gone.workerID] = nil
            // Order: each goes.
            for place in loads.keys.filter({ $0.worker == gone.workerID }) { loads[place] = nil }
        case .frontendEntry(let entry): set(entry)
        case .frontendGone(let gone):
            guard frontends[gone.frontendID]?.generation == gone.generation else { return false }
            frontends[gone.frontendID] = nil
        case .modelPool(let pool): set(pool)
        case .modelPoolGone(let gone):
            pools[gone.digest] = nil
            queues[gone.digest] = nil
        case .queueDepth(let depth):
            set(depth)
            return false
        case .placementLoad(let load):
            set(load)
            return false
        case .routerHealth(let health):
            self.health = health
            return false
        default: return false
        }
        return true
    }

    private mutating func set(_ entry: WorkerEntry) {
        if workers[entry.workerID] != nil || workers.count < Self.most { workers[entry.workerID] = entry }
    }

    private mutating func set(_ entry: FrontendEntry) {
        if frontends[entry.frontendID] != nil || frontends.count < Self.most { frontends[entry.frontendID] = entry }
    }

    private mutating func set(_ pool: ModelPool) {
        if pools[pool.card.digest] != nil || pools.count < Self.most { pools[pool.card.digest] = pool }
    }

    private mutating func set(_ depth: QueueDepth) {
        if queues[depth.pool] != nil || queues.count < Self.most { queues[depth.pool] = depth }
    }

    private mutating func set(_ load: PlacementLoad) {
        let place = LoadPlace(worker: load.workerID, rank: load.load.rank)
        if loads[place] != nil || loads.count < Self.mostRanks { loads[place] = load }
    }
}

/// One rank of one worker.
package struct LoadPlace: Hashable, Comparable, Sendable {
    package let worker: UInt64
    package let rank: UInt32

    package init(worker: UInt64, rank: UInt32) {
        self.worker = worker
        self.rank = rank
    }

    package static func < (left: LoadPlace, right: LoadPlace) -> Bool { (left.worker, left.rank) < (right.worker, right.rank) }
}
