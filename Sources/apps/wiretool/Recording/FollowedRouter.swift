import ClusterModel
import EventLoop
import ProcessKit
import StreamFollowing
import Transport
import WireProtocol

/// One router as a recorder sees it: a route link, on which it registers as a frontend that asks for nothing, and the router's stream.
@LoopActor
final class FollowedRouter: LinkKeeperHandler, StreamMirror {
    let ordinal: Int
    private let address: Address
    private let registration: RegisterFrontend
    private let endpoint: LinkEndpoint
    private let loop: Loop
    private let network: any Network
    private weak var recorder: Recorder?
    private var keeper: LinkKeeper?
    private var follower: StreamFollower?
    private let gate = RecoveryGate()
    private(set) var isInStep = false
    /// Why it was not reached.
    private(set) var problem: String?

    /// By worker id, frontend id and digest; what was known stays known while the router is away.
    private(set) var workers: [UInt64: WorkerEntry] = [:]
    private(set) var frontends: [UInt64: FrontendEntry] = [:]
    private(set) var pools: [Digest: ModelCard] = [:]
    private var queues: [Digest: UInt32] = [:]
    /// Gathered until the last page of a snapshot is there.
    private var found: [SnapshotEntry] = []

    /// As every router has at most.
    private static let most = Limits.workerIDs
    private static let registrationLimit = Duration.seconds(2)

    init(
        _ ordinal: Int, _ address: Address, _ registration: RegisterFrontend, endpoint: LinkEndpoint, loop: Loop, network: any Network,
        recorder: Recorder
    ) {
        self.ordinal = ordinal
        self.address = address
        self.registration = registration
        self.endpoint = endpoint
        self.loop = loop
        self.network = network
        self.recorder = recorder
        keeper = LinkKeeper(address, kind: .route, endpoint: endpoint, loop: loop, handler: self)
    }

    func start() { keeper?.start() }

    func stop() {
        unfollow()
        keeper?.stop(.done)
        keeper = nil
    }

    /// Open, or nil.
    var link: Link? { keeper?.link.flatMap { $0.isOpen ? $0 : nil } }
    /// Requests in its queues.
    var parked: UInt64 { queues.values.reduce(0) { $0 + UInt64($1) } }

    private func unfollow() {
        follower?.close()
        follower = nil
        found = []
        isInStep = false
    }

    // MARK: The link

    func keeper(_ keeper: LinkKeeper, opened link: Link) {
        loop.spawn { [weak self] in await self?.register(on: link) }
    }

    private func register(on link: Link) async {
        do {
            let answer = try await link.ask(registration, answeredBy: FrontendRegistered.self, within: Self.registrationLimit)
            guard link === keeper?.link, let feed = Address(advertised: answer.endpoints.feedAddress, peer: link.remoteAddress) else {
                return link.goodbye(.leaving, detail: "no feed")
            }
            unfollow()
            // A router's stream has no blocks.
            var options = FollowingOptions()
            options.wantsBlocks = false
            follower = try StreamFollower(
                StreamSource(.routerState, publisher: link.peer.id, generation: link.peer.generation, feed: feed), mirror: self,
                line: RecoveryLine(over: { [weak self, weak link] in self?.keeper?.link === link ? link : nil }, loop: loop), gate: gate,
                options: options, loop: loop, network: network)
            problem = nil
        } catch {
            problem = "\(address): \(error)"
            link.goodbye(.leaving, detail: "not registered")
        }
    }

    func keeper(_ keeper: LinkKeeper, received header: MessageHeader, body: RawSpan, on link: Link) {
        switch header.kind {
        case .replayQuestion, .snapshotQuestion:
            link.answer(header, with: Failure(.notFound, reason: "nothing is ever said on this stream"))
        default: link.malformed(header, WireError(.unexpectedKind, "kind"))
        }
    }

    func keeper(_ keeper: LinkKeeper, ended: LinkEnd, wasOpen: Bool, retryAfter: Duration) {
        problem = "\(address): \(ended)"
        unfollow()
    }

    // MARK: Its stream

    func restarted(_ follower: StreamFollower) { found = [] }

    func apply(_ page: SnapshotPage, from follower: StreamFollower) {
        for entry in page.entries {
            switch entry {
            case .workerEntry, .frontendEntry, .modelPool, .queueDepth: found.append(entry)
            default: break
            }
        }
    }

    func completed(through number: UInt64, _ follower: StreamFollower) {
        workers = [:]
        frontends = [:]
        pools = [:]
        queues = [:]
        for entry in found {
            switch entry {
            case .workerEntry(let entry): set(entry)
            case .frontendEntry(let entry): set(entry)
            case .modelPool(let pool): set(pool)
            case .queueDepth(let depth): set(depth)
            default: break
            }
        }
        found = []
        recorder?.directoryChanged()
    }

    func apply(_ batch: borrowing StreamBatch, from follower: StreamFollower) {
        do throws(WireError) {
            var isOther = false
            for change in try Codec.decodeBody(RouterState.self, from: batch.body).changes.dropFirst(batch.skip) {
                let matters = apply(change)
                isOther = isOther || matters
                // What comes behind may be about a worker that has just come.
                if matters { recorder?.directoryChanged() }
                recorder?.told(change, by: self)
            }
        } catch { preconditionFailure("the batch was checked: \(error)") }
    }

    func apply(_ event: WorkerEvent, number: UInt64, from follower: StreamFollower) {}

    /// True if the directory is another one now.
    private func apply(_ change: RouterChange) -> Bool {
        switch change {
        case .workerEntry(let entry): set(entry)
        case .workerGone(let gone):
            guard workers[gone.workerID]?.generation == gone.generation else { return false }
            workers[gone.workerID] = nil
        case .frontendEntry(let entry): set(entry)
        case .frontendGone(let gone):
            guard frontends[gone.frontendID]?.generation == gone.generation else { return false }
            frontends[gone.frontendID] = nil
        case .modelPool(let pool): set(pool)
        case .queueDepth(let depth):
            set(depth)
            return false
        default: return false
        }
        return true
    }

    private func set(_ entry: WorkerEntry) {
        if workers[entry.workerID] != nil || workers.count < Self.most { workers[entry.workerID] = entry }
    }

    private func set(_ entry: FrontendEntry) {
        if frontends[entry.frontendID] != nil || frontends.count < Self.most { frontends[entry.frontendID] = entry }
    }

    private func set(_ pool: ModelPool) {
        if pools[pool.card.digest] != nil || pools.count < Self.most { pools[pool.card.digest] = pool.card }
    }

    private func set(_ depth: QueueDepth) {
        if queues[depth.pool] != nil || queues.count < Self.most { queues[depth.pool] = depth.requests }
    }

    func follower(_ follower: StreamFollower, became state: StreamState) { isInStep = state == .inStep }
    func follower(_ follower: StreamFollower, noted notice: StreamNotice) { recorder?.noted(notice) }
}
