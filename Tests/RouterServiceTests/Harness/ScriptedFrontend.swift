import ClusterModel
import EventLoop
import Testing
import Transport
import WireProtocol

/// A frontend without clients: it registers, follows the router's stream as a frontend does, and asks for what a test tells it to.
@LoopActor
final class ScriptedFrontend: LinkHandler, FeedReader {
    let identity: Identity
    let loop: VirtualLoop
    let host: SimulatedHost
    private(set) var link: Link?
    private(set) var registered: FrontendRegistered?
    private(set) var end: LinkEnd?
    private(set) var plans: [PlanEntry] = []
    private(set) var planBatches: [Int] = []
    private var feed: FeedSubscriber?
    private var cursor: FeedCursor?
    private var endpoint: LinkEndpoint?
    /// What the stream said, in order; snapshots are what they are joined from.
    private(set) var changes: [RouterChange] = []
    private(set) var directory = Directory()
    private(set) var gaps = 0
    private var counter: UInt64 = 0

    /// The state that a frontend keeps of a router.
    struct Directory {
        var workers: [UInt64: WorkerEntry] = [:]
        var frontends: [UInt64: FrontendEntry] = [:]
        var pools: [Digest: ModelPool] = [:]
        var loads: [UInt64: PlacementLoad] = [:]
        var leases: [UInt64: LeaseMade] = [:]
        var queues: [Digest: QueueDepth] = [:]
        var health = RouterHealth()
        var sessions: [SessionKey: SessionPlaced] = [:]
    }

    init(_ identity: Identity, loop: VirtualLoop, host: SimulatedHost) {
        self.identity = identity
        self.loop = loop
        self.host = host
    }

    var isInStep: Bool { cursor != nil }

    func start() {
        let policy = LinkPolicy(identity: identity, cluster: ClusterValues(clusterID: "test"))
        let endpoint = LinkEndpoint(loop: loop, network: host, policy: policy)
        self.endpoint = endpoint
        endpoint.dial(RouterWorld.routerAddress, kind: .route, handler: self) { [weak self] result in
            guard let self else { return }
            switch result {
            case .failure(let end): self.end = end
            case .success(let link):
                self.link = link
                loop.spawn { await self.register() }
            }
        }
    }

    private func register() async {
        guard let link else { return }
        let message = RegisterFrontend(
            endpoints: Endpoints(linkAddress: "", feedAddress: "tcp://:9002"), httpAddress: "", state: .ready, streamPosition: 0)
        guard let answer = try? await link.ask(message, answeredBy: FrontendRegistered.self, within: .seconds(5)) else { return }
        registered = answer
        let port = answer.endpoints.feedAddress.split(separator: ":").last.flatMap { UInt16($0) } ?? 0
        feed = try? FeedSubscriber(
            to: Address(host: RouterWorld.routerName, port: port), kind: .routerState, loop: loop, network: host, reader: self)
    }

    // MARK: Asking

    /// A request of four blocks.
    func entry(_ change: (inout RouteEntry) -> Void = { _ in }) -> RouteEntry {
        counter += 1
        var entry = RouteEntry()
        entry.counter = counter
        entry.attempt = 1
        entry.choices = 1
        entry.model = "model"
        entry.blockSize = 16
        entry.tokenCount = 64
        entry.sequenceHashes = [1, 2, 3, 4]
        entry.remainingMilliseconds = 60_000
        change(&entry)
        return entry
    }

    func ask(_ entries: [RouteEntry], ended: [EndedLease] = []) {
        link?.send(RouteBatch(endedLeases: ended, entries: entries), origin: identity.generation)
    }

    func cancel(_ counter: UInt64, _ attempt: UInt8) {
        link?.send(CancelRoute(requests: [RequestRef(counter: counter, attempt: attempt)]), origin: identity.generation)
    }

    func give(back leg: PlanLeg, _ reason: LeaseEnd) {
        let ended = EndedLease(lease: leg.lease, workerID: leg.workerID, generation: leg.generation, rank: leg.rank, reason: reason)
        link?.send(LeasesEnded(leases: [ended]), origin: identity.generation)
    }

    func key(_ plan: PlanEntry) -> RequestKey { RequestKey(origin: identity.generation, counter: plan.counter, attempt: plan.attempt) }

    // MARK: LinkHandler

    func link(_ link: Link, received header: MessageHeader, body: RawSpan) {
        guard header.kind == .planBatch, let batch = try? Codec.decodeBody(PlanBatch.self, from: body) else { return }
        planBatches.append(batch.entries.count)
        plans.append(contentsOf: batch.entries)
    }

    func link(_ link: Link, ended: LinkEnd) { end = ended }

    // MARK: FeedReader

    func feed(_ feed: FeedSubscriber, batch header: MessageHeader, body: RawSpan) {
        guard let state = try? Codec.decodeBody(RouterState.self, from: body) else { return }
        guard var cursor else { return join() }
        switch cursor.batch(generation: header.origin, first: header.number, count: state.changes.count) {
        case .apply(let skip):
            self.cursor = cursor
            for change in state.changes.dropFirst(skip) { apply(change) }
        case .gap:
            gaps += 1
            join()
        case .behind, .otherGeneration: break
        }
    }

    func feed(_ feed: FeedSubscriber, beat last: UInt64, generation: UInt64) {
        guard let cursor else { return join() }
        if case .gap = cursor.beat(generation: generation, last: last) {
            gaps += 1
            join()
        }
    }

    func feed(_ feed: FeedSubscriber, became verdict: Liveness.Verdict) {}

    private var isJoining = false

    /// Tests do not change anything while a frontend joins, so nothing has to be kept meanwhile.
    private func join() {
        guard !isJoining, let link else { return }
        isJoining = true
        loop.spawn { [self] in
            defer { isJoining = false }
            var question = SnapshotQuestion(
                stream: .routerState, publisher: link.peer.id, generation: link.peer.generation, cursor: SnapshotCursor())
            var fresh = Directory(), sequence: UInt64?
            while true {
                guard let page = try? await link.ask(question, answeredBy: SnapshotPage.self, within: .seconds(5)),
                    sequence == nil || sequence == page.sequence
                else { return }
                sequence = page.sequence
                for entry in page.entries { Self.take(entry, into: &fresh) }
                guard let next = page.next else { break }
                question.cursor = next
            }
            directory = fresh
            cursor = FeedCursor(generation: link.peer.generation, next: (sequence ?? 0) + 1)
        }
    }

    private static func take(_ entry: SnapshotEntry, into directory: inout Directory) {
        switch entry {
        case .workerEntry(let entry): directory.workers[entry.workerID] = entry
        case .frontendEntry(let entry): directory.frontends[entry.frontendID] = entry
        case .modelPool(let pool): directory.pools[pool.card.digest] = pool
        case .placementLoad(let load): directory.loads[load.workerID << 8 | UInt64(load.load.rank)] = load
        case .leaseMade(let lease): directory.leases[lease.lease] = lease
        case .sessionPlaced(let placed): directory.sessions[placed.key] = placed
        case .queueDepth(let depth): directory.queues[depth.pool] = depth
        case .routerHealth(let health): directory.health = health
        default: break
        }
    }

    private func apply(_ change: RouterChange) {
        changes.append(change)
        switch change {
        case .workerEntry(let entry): directory.workers[entry.workerID] = entry
        case .workerGone(let gone):
            if directory.workers[gone.workerID]?.generation == gone.generation { directory.workers[gone.workerID] = nil }
        case .frontendEntry(let entry): directory.frontends[entry.frontendID] = entry
        case .frontendGone(let gone): directory.frontends[gone.frontendID] = nil
        case .modelPool(let pool): directory.pools[pool.card.digest] = pool
        case .modelPoolGone(let gone): directory.pools[gone.digest] = nil
        case .placementLoad(let load): directory.loads[load.workerID << 8 | UInt64(load.load.rank)] = load
        case .leaseMade(let lease): directory.leases[lease.lease] = lease
        case .leaseReleased(let lease): directory.leases[lease.lease] = nil
        case .sessionPlaced(let placed): directory.sessions[placed.key] = placed
        case .sessionGone(let gone): directory.sessions[gone.key] = nil
        case .queueDepth(let depth): directory.queues[depth.pool] = depth
        case .routerHealth(let health): directory.health = health
        default: break
        }
    }
}

extension RouterWorld {
    /// Asks, and gives the plans in the order in which they came.
    func plans(_ frontend: ScriptedFrontend, _ entries: [RouteEntry], ended: [EndedLease] = []) -> [PlanEntry] {
        let before = frontend.loop.perform { frontend.plans.count }
        frontend.loop.perform { frontend.ask(entries, ended: ended) }
        until("\(entries.count) plans") { frontend.loop.perform { frontend.plans.count >= before + entries.count } }
        return frontend.loop.perform { Array(frontend.plans.dropFirst(before)) }
    }

    func plan(_ frontend: ScriptedFrontend, _ change: (inout RouteEntry) -> Void = { _ in }) -> PlanEntry {
        var entry = frontend.loop.perform { frontend.entry() }
        change(&entry)
        return plans(frontend, [entry]).first ?? PlanEntry()
    }

    func failure(_ frontend: ScriptedFrontend, _ change: (inout RouteEntry) -> Void) -> FailureCode? {
        plan(frontend, change).failure?.code
    }

    func directory(_ frontend: ScriptedFrontend) -> ScriptedFrontend.Directory { frontend.loop.perform { frontend.directory } }
    func on<Result>(_ frontend: ScriptedFrontend, _ body: @LoopActor (ScriptedFrontend) -> Result) -> Result {
        frontend.loop.perform { body(frontend) }
    }
    func on<Result>(_ worker: ScriptedWorker, _ body: @LoopActor (ScriptedWorker) -> Result) -> Result {
        worker.loop.perform { body(worker) }
    }
}
