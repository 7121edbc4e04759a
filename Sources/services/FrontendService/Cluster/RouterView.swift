import ClusterModel
import EventLoop
import StreamFollowing
import Transport
import WireProtocol

/// What one router says of the cluster: its stream, followed by number, by replay and by snapshots.
///
/// While it is out of step it goes on saying what it knew.
@LoopActor
final class RouterView: StreamMirror {
    /// What a router says, as far as a frontend needs it. Bounded: more than a cluster may have is left out.
    struct Directory {
        fileprivate(set) var workers: [UInt64: WorkerEntry] = [:]
        fileprivate(set) var pools: [Digest: ModelPool] = [:]
        /// By their ids.
        fileprivate(set) var frontends: [UInt64: FrontendEntry] = [:]
        fileprivate(set) var health = RouterHealth()
        /// What it believes of ranks; for metrics.
        fileprivate(set) var loads: [RankKey: PlacementLoad] = [:]
        fileprivate(set) var queues: [Digest: QueueDepth] = [:]

        /// Cards of one cluster: a few in truth, each of some kilobytes.
        fileprivate static let mostPools = 1024
        /// As many as a router serves.
        fileprivate static let mostFrontends = 1024
        /// Four ranks of every worker that a directory may name; a load has some hundred bytes.
        fileprivate static let mostLoads = 4 * Limits.workerIDs

        fileprivate mutating func set(_ entry: WorkerEntry) {
            let known = workers[entry.workerID]
            guard known != nil || workers.count < Limits.workerIDs else { return }
            // Another life runs nothing of what the one before ran.
            if let known, known.generation != entry.generation { remove(worker: entry.workerID) }
            workers[entry.workerID] = entry
        }

        fileprivate mutating func set(_ entry: FrontendEntry) {
            guard frontends[entry.frontendID] != nil || frontends.count < Self.mostFrontends else { return }
            frontends[entry.frontendID] = entry
        }

        fileprivate mutating func remove(_ gone: FrontendGone) {
            if frontends[gone.frontendID]?.generation == gone.generation { frontends[gone.frontendID] = nil }
        }

        fileprivate mutating func set(_ pool: ModelPool) {
            guard pools[pool.card.digest] != nil || pools.count < Self.mostPools else { return }
            pools[pool.card.digest] = pool
        }

        /// Only of workers that it has named.
        fileprivate mutating func set(_ load: PlacementLoad) {
            let key = RankKey(worker: load.workerID, rank: load.load.rank)
            guard workers[load.workerID]?.generation == load.generation, loads[key] != nil || loads.count < Self.mostLoads else { return }
            loads[key] = load
        }

        fileprivate mutating func set(_ queue: QueueDepth) {
            guard queues[queue.pool] != nil || queues.count < Self.mostPools else { return }
            queues[queue.pool] = queue
        }

        fileprivate mutating func remove(worker: UInt64) {
            workers[worker] = nil
            loads = loads.filter { $0.key.worker != worker }
        }

        fileprivate mutating func remove(pool: Digest) {
            pools[pool] = nil
            queues[pool] = nil
        }
    }

    struct RankKey: Hashable {
        let worker: UInt64
        let rank: UInt32
    }

    private var directory = Directory()
    /// Gathered until the last page of a snapshot is there.
    private var found = Directory()
    /// Something that routing or models depend on is different now.
    private let changed: @LoopActor () -> Void
    private var follower: StreamFollower?
    private(set) var isInStep = false

    /// Questions go over `link`, the route link; nil while there is none.
    init(
        of router: Identity, feed address: Address, gate: RecoveryGate, loop: Loop, network: any Network,
        link: @escaping @LoopActor () -> Link?, changed: @escaping @LoopActor () -> Void
    ) throws(TransportError) {
        self.changed = changed
        // A router's stream has no blocks.
        var options = FollowingOptions()
        options.wantsBlocks = false
        options.longestPause = Self.longestPause
        let source = StreamSource(.routerState, publisher: router.id, generation: router.generation, feed: address)
        follower = try StreamFollower(
            source, mirror: self, line: RecoveryLine(over: link, loop: loop), gate: gate, options: options, loop: loop, network: network)
    }

    /// Between recoveries that fail: a directory is small, and nobody is served without one.
    private static let longestPause = Duration.seconds(5)

    var workers: [UInt64: WorkerEntry] { directory.workers }
    var pools: [Digest: ModelPool] { directory.pools }
    // Order: whoever follows them puts them into a table.
    var frontends: some Collection<FrontendEntry> { directory.frontends.values }
    var health: RouterHealth { directory.health }
    // Order: whoever reads them adds them up.
    var loads: some Collection<PlacementLoad> { directory.loads.values }
    var queues: some Collection<QueueDepth> { directory.queues.values }
    var gaps: UInt64 { follower?.counters.gaps ?? 0 }

    /// What was known stays known.
    func close() {
        follower?.close()
        follower = nil
        isInStep = false
        found = Directory()
    }

    // MARK: Snapshots

    func restarted(_ follower: StreamFollower) { found = Directory() }

    func apply(_ page: SnapshotPage, from follower: StreamFollower) {
        for entry in page.entries {
            switch entry {
            case .workerEntry(let entry): found.set(entry)
            case .modelPool(let pool): found.set(pool)
            case .frontendEntry(let entry): found.set(entry)
            case .routerHealth(let health): found.health = health
            case .placementLoad(let load): found.set(load)
            case .queueDepth(let depth): found.set(depth)
            default: break
            }
        }
    }

    func completed(through number: UInt64, _ follower: StreamFollower) {
        directory = found
        found = Directory()
        changed()
    }

    // MARK: Changes

    func apply(_ batch: borrowing StreamBatch, from follower: StreamFollower) {
        do throws(WireError) {
            var changes = try RouterChangeCursor(batch.body, skip: batch.skip, kinds: Self.followed), matters = false
            while let change = try changes.next() { matters = apply(change) || matters }
            if matters { changed() }
        } catch { preconditionFailure("the batch was checked: \(error)") }
    }

    func apply(_ event: WorkerEvent, number: UInt64, from follower: StreamFollower) {}

    /// The tags of what is applied below.
    private static let followed = RouterChangeCursor.Kinds(
        tags: [
            RouterChange.workerEntry(WorkerEntry()), .workerGone(WorkerGone()), .modelPool(ModelPool()), .modelPoolGone(ModelPoolGone()),
            .frontendEntry(FrontendEntry()), .frontendGone(FrontendGone()), .placementLoad(PlacementLoad()), .queueDepth(QueueDepth()),
            .routerHealth(RouterHealth()),
        ].map(\.tag))

    /// True if models, workers or their states changed.
    private func apply(_ change: RouterChange) -> Bool {
        switch change {
        case .workerEntry(let entry): directory.set(entry)
        case .workerGone(let gone):
            // Of a life that was followed by another one, the other one's entry stays.
            guard workers[gone.workerID]?.generation == gone.generation else { return false }
            directory.remove(worker: gone.workerID)
        case .modelPool(let pool): directory.set(pool)
        case .modelPoolGone(let gone): directory.remove(pool: gone.digest)
        case .frontendEntry(let entry): directory.set(entry)
        case .frontendGone(let gone): directory.remove(gone)
        case .placementLoad(let load):
            directory.set(load)
            return false
        case .queueDepth(let depth):
            directory.set(depth)
            return false
        case .routerHealth(let health):
            let before = self.health.state
            directory.health = health
            return before != health.state
        default: return false
        }
        return true
    }

    // MARK: How it goes

    /// Whether plans can be had is judged by the route link, not by the feed.
    func follower(_ follower: StreamFollower, became state: StreamState) {
        let isInStep = state == .inStep
        guard isInStep != self.isInStep else { return }
        self.isInStep = isInStep
        if isInStep { changed() }
    }
}
