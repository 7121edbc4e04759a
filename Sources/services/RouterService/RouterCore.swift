import ClusterModel
import EventLoop
import ProcessKit
import Scheduling
import StreamFollowing
import Telemetry
import Transport
import WireProtocol

/// The parts of a running router, which know each other through it.
@LoopActor
final class RouterCore {
    let context: ProcessContext
    let loop: Loop
    let log: Logger
    let metrics: RouterMetrics
    let overhead: RoutingOverhead
    let placements: PlacementReporter
    let publisher: StatePublisher
    let cache: CacheIndex
    let ledger: LeaseLedger
    /// Above which load a placement counts as busy.
    let busy: BusyBook
    private(set) lazy var queue = PlanQueue(self, queueSettings)
    private let queueSettings: QueueSettings
    let workers: WorkerDirectory
    let frontends: FrontendDirectory
    let sessions: RouterSessions
    /// Of the last decisions.
    let decisions: DecisionLog
    let recoveries = RecoveryGate()
    /// Of this router's own links.
    let endpoint: LinkEndpoint
    private(set) lazy var peers = PeerDirectory(self)
    private(set) lazy var spans = PlanSpans(self)
    private(set) lazy var planner = RoutePlanner(self, selection)
    private let selection: SelectionSettings
    /// What is said of this router in registrations.
    var endpoints = Endpoints()
    var isDraining = false
    /// Shared by askers until something changes.
    private var lastSnapshot: StateSnapshot?
    private var lastHealth: RouterHealth?
    private let startedAt: Instant

    init(_ context: ProcessContext, config: RouterConfig) throws(TransportError) {
        self.context = context
        selection = config.selection
        loop = context.loop
        startedAt = context.loop.now
        log = context.log
        metrics = RouterMetrics(registry: context.metrics)
        overhead = RoutingOverhead(registry: context.metrics, router: context.identity.id)
        publisher = try StatePublisher(
            on: config.publish, ring: config.ring, identity: context.identity, dialect: context.policy.dialect, loop: loop,
            network: context.network, metrics: metrics, log: log)
        cache = CacheIndex(loop: loop, limits: config.index)
        placements = PlacementReporter(publisher, registry: context.metrics, secret: cache.secret)
        ledger = LeaseLedger(loop: loop, publisher: publisher, metrics: metrics, cache: cache)
        busy = BusyBook(config.busy)
        decisions = DecisionLog(bytes: config.decisionBytes, log: log)
        queueSettings = config.queue
        workers = WorkerDirectory(
            loop: loop, publisher: publisher, ledger: ledger, cache: cache, thresholds: busy, metrics: metrics, log: log)
        frontends = FrontendDirectory(publisher: publisher, metrics: metrics)
        sessions = RouterSessions(loop: loop, publisher: publisher, workers: workers, registry: context.metrics, log: log)
        endpoint = LinkEndpoint(loop: loop, network: context.network, policy: context.policy)
        ledger.changed = { [weak workers] placement in workers?.leasesChanged(on: placement) }
        ledger.fell = { [weak self] in self?.queue.stirred() }
        ledger.ended = { [weak sessions] lease in sessions?.ended(lease) }
        workers.lifeEnded = { [weak sessions] life in sessions?.drop(life) }
    }

    // MARK: State

    /// Whether everybody who knew this router before has had the time to find it again.
    var isAcquainted: Bool { startedAt.duration(to: loop.now) >= RouterLimits.acquaintance }

    var health: RouterHealth {
        var health = RouterHealth()
        health.state = isDraining ? .draining : isSettling ? .starting : .ready
        health.reason = isDraining ? "this router leaves" : isSettling ? "workers are still coming" : ""
        health.workers = UInt32(clamping: workers.attached)
        health.resyncing = UInt32(clamping: workers.resyncing)
        health.leases = UInt32(clamping: ledger.table.count)
        health.indexedBlocks = UInt64(clamping: cache.counts.blocks)
        return health
    }

    /// A router that has just begun does not know yet who is there: workers look for it with pauses. Until they had the time, frontends go
    /// on with what they heard before.
    private(set) var isSettling = true
    private var lastArrival: (attached: Int, at: Instant)?

    func settle() {
        guard isSettling else { return }
        let attached = workers.attached, now = loop.now
        if lastArrival?.attached != attached { lastArrival = (attached, now) }
        let isQuiet = attached > 0 && (lastArrival.map { $0.at.duration(to: now) >= RouterLimits.settlingQuiet } ?? false)
        if isQuiet || startedAt.duration(to: now) >= RouterLimits.settling { isSettling = false }
    }

    func publishHealth() {
        let health = health
        guard health != lastHealth else { return }
        lastHealth = health
        publisher.becomes(health.state)
        publisher.publish(.routerHealth(health))
    }

    /// Everything as it stands in the stream now.
    func snapshot() -> StateSnapshot {
        // What waits to be published is part of what is said here, so it gets its number first.
        publisher.flushNow()
        if let lastSnapshot, lastSnapshot.sequence == publisher.sequence { return lastSnapshot }
        var entries: [SnapshotEntry] = []
        for record in workers.all { if let entry = record.entry { entries.append(.workerEntry(entry)) } }
        for session in frontends.all { if let entry = session.entry { entries.append(.frontendEntry(entry)) } }
        for pool in workers.pools.all { entries.append(.modelPool(pool.entry)) }
        for record in workers.all where record.isAnnounced {
            for index in record.ranks.indices { entries.append(.placementLoad(workers.load(of: record, index))) }
        }
        for depth in queue.depths { entries.append(.queueDepth(depth)) }
        for lease in ledger.ours { entries.append(.leaseMade(LeaseLedger.made(lease, hashes: []))) }
        entries += sessions.entries
        entries.append(.routerHealth(health))
        let snapshot = StateSnapshot(entries, generation: context.identity.generation, sequence: publisher.sequence)
        lastSnapshot = snapshot
        return snapshot
    }

    /// Lets go of what nobody will ask for again.
    func forgetSnapshot() { lastSnapshot = nil }
}
