import ClusterModel
import EventLoop
import Transport
import WireProtocol

/// What a scripted worker is, and how it misbehaves.
struct WorkerScript: Sendable {
    var id: UInt64
    var generation: UInt64
    var role = WorkerRole.aggregated
    var state = ProcessState.ready
    var events = EventsMode.exact
    var card = WorkerScript.card("model")
    var ranks: [UInt32] = [0]
    /// One hash of its parity answer is wrong.
    var hashesWrongly = false
    var answersParity = true
    /// Instead of the true one.
    var registration: (@Sendable (inout RegisterWorker) -> Void)?
    var registers = true

    init(id: UInt64, generation: UInt64) {
        self.id = id
        self.generation = generation
    }

    static func card(_ name: String, _ change: (inout ModelCard) -> Void = { _ in }) -> ModelCard {
        var card = ModelCard()
        card.name = name
        card.weights = "weights"
        card.blockSize = 16
        card.contextLength = 4_096
        card.vocabularySize = 1_000
        card.capabilities = [.exactEvents, .loRA, .multimodal, .saltedEvents]
        change(&card)
        card.digest = card.computedDigest
        return card
    }

    static func capacity(_ rank: UInt32) -> RankCapacity {
        RankCapacity(rank: rank, totalBlocks: 1_000, hostBlocks: 0, diskBlocks: 0, maxSequences: 64, maxBatchedTokens: 2_048)
    }
}

/// A worker without an engine: it registers, publishes what a test tells it to, and answers for its stream.
@LoopActor
final class ScriptedWorker: LinkHandler {
    var script: WorkerScript
    let loop: VirtualLoop
    let host: SimulatedHost
    /// Of the card it began with.
    let digest: Digest
    private(set) var link: Link?
    private(set) var answer: WorkerRegistered?
    private(set) var failure: Failure?
    private(set) var end: LinkEnd?
    private(set) var probes = 0
    private(set) var snapshots = 0
    private(set) var replays = 0
    /// Past events that it can tell again; 0: none.
    var ring = 0
    private var told: [WorkerEvent] = []
    private var endpoint: LinkEndpoint?
    private(set) var feed: FeedPublisher?
    /// What a snapshot says; `publish` keeps it.
    var held: [HeldRequest] = []
    var loads: [RankLoad] = []
    /// On the device; `publish` does not keep them.
    var blocks: [HeldBlocks] = []
    /// Pages of blocks instead: more than one message holds.
    var blockPage: (@LoopActor (SnapshotCursor) -> SnapshotPage)?
    /// Bound here; `bind` and `unbind` keep it.
    var sessions: [SessionBound] = []
    /// Sessions that it was told to give up.
    private(set) var closes: [CloseSession] = []
    /// Entries of one page of a snapshot.
    var pageEntries = 1_000
    /// Changes the page before it leaves.
    var corrupt: ((inout SnapshotPage) -> Void)?
    private var recovery: RecoveryHandler?

    init(_ script: WorkerScript, loop: VirtualLoop, host: SimulatedHost) {
        self.script = script
        digest = script.card.digest
        self.loop = loop
        self.host = host
    }

    var identity: Identity { Identity(role: .worker, id: script.id, generation: script.generation, name: "worker-\(script.id)") }

    func start() {
        var policy = LinkPolicy(identity: identity, cluster: ClusterValues(clusterID: "test"))
        policy.accepts = [.recovery: [.router, .frontend]]
        let endpoint = LinkEndpoint(loop: loop, network: host, policy: policy)
        self.endpoint = endpoint
        let recovery = RecoveryHandler(self)
        self.recovery = recovery
        _ = try? endpoint.listen(on: Address(host: host.name, port: 9_000), accepted: { $0.handler = recovery })
        feed = try? FeedPublisher(
            on: Address(host: host.name, port: 9_001), kind: .workerEvents, generation: script.generation, loop: loop, network: host)
        dial()
    }

    func dial() {
        end = nil
        answer = nil
        endpoint?.dial(RouterWorld.routerAddress, kind: .control, handler: self) { [weak self] result in
            guard let self else { return }
            switch result {
            case .failure(let end): self.end = end
            case .success(let link):
                self.link = link
                if script.registers { register() }
            }
        }
    }

    var registration: RegisterWorker {
        var message = RegisterWorker()
        message.endpoints = Endpoints(linkAddress: "tcp://:9000", feedAddress: "tcp://:9001")
        message.role = script.role
        message.state = script.state
        message.events = script.events
        message.card = script.card
        message.ranks = script.ranks.map(WorkerScript.capacity)
        message.engineName = "script"
        message.engineBuild = "1"
        message.streamPosition = (feed?.nextSequence ?? 1) - 1
        script.registration?(&message)
        return message
    }

    func register() {
        guard let link else { return }
        let message = registration
        loop.spawn { [self] in
            do throws(LinkFailure) {
                answer = try await link.ask(message, answeredBy: WorkerRegistered.self, within: .seconds(5))
            } catch {
                if case .failed(let failure) = error { self.failure = failure }
            }
        }
    }

    // MARK: Stream

    func publish(_ events: [WorkerEvent]) {
        told += events
        feed?.publish(count: events.count) { bytes in
            var message: [UInt8] = []
            Codec.append(WorkerEvents(events: events), to: &message)
            bytes.append(contentsOf: message.dropFirst(MessageHeader.byteCount))
        }
    }

    /// Numbers from 1 again, in the same life.
    func restartFeed() {
        told = []
        feed?.close()
        feed = try? FeedPublisher(
            on: Address(host: host.name, port: 9_001), kind: .workerEvents, generation: script.generation, loop: loop, network: host)
    }

    /// Bytes that claim to be so many events.
    func publishRaw(count: Int, _ body: [UInt8]) { feed?.publish(count: count) { $0.append(contentsOf: body) } }

    func load(waiting: UInt64, rank: UInt32 = 0, running: UInt32 = 0) {
        var load = RankLoad()
        load.rank = rank
        load.waitingTokens = waiting
        load.runningRequests = running
        load.totalBlocks = 1_000
        loads.removeAll { $0.rank == rank }
        loads.append(load)
        publish([.rankLoad(load)])
    }

    func accept(_ leg: PlanLeg, _ request: RequestKey, prefill: UInt32 = 64) {
        var accepted = RequestAccepted()
        accepted.lease = leg.lease
        accepted.request = request
        accepted.rank = leg.rank
        accepted.leg = leg.leg
        accepted.promptTokens = 64
        accepted.prefillTokens = prefill
        publish([.requestAccepted(accepted)])
        var held = HeldRequest()
        held.lease = leg.lease
        held.request = request
        held.rank = leg.rank
        held.promptTokens = 64
        held.prefillTokens = prefill
        self.held.append(held)
    }

    func end(_ leg: PlanLeg, _ request: RequestKey, _ reason: EndReason = .finished) {
        var ended = RequestEnded()
        ended.lease = leg.lease
        ended.request = request
        ended.rank = leg.rank
        ended.reason = reason
        publish([.requestEnded(ended)])
        held.removeAll { $0.lease == leg.lease }
    }

    func bind(_ name: String, counter: UInt64, rank: UInt32 = 0, ttl: UInt32 = 300) {
        let bound = SessionBound(
            key: SessionKey(tenant: "", id: name), rank: rank, bindCounter: counter, ttlSeconds: ttl, heldBlocks: 0)
        sessions.removeAll { $0.key == bound.key }
        sessions.append(bound)
        publish([.sessionBound(bound)])
    }

    func unbind(_ name: String, _ reason: SessionEndReason) {
        let gone = sessions.filter { $0.key.id == name }
        sessions.removeAll { $0.key.id == name }
        publish(gone.map { .sessionUnbound(SessionUnbound(key: $0.key, bindCounter: $0.bindCounter, reason: reason)) })
    }

    // MARK: LinkHandler

    func link(_ link: Link, received header: MessageHeader, body: RawSpan) {
        if header.kind == .closeSession, let close = try? Codec.decodeBody(CloseSession.self, from: body) { closes.append(close) }
        guard header.kind == .parityProbe, let probe = try? Codec.decodeBody(ParityProbe.self, from: body) else { return }
        probes += 1
        guard script.answersParity else { return }
        var answer = ParityAnswer(lists: probe.lists.map(Self.hashes))
        if script.hashesWrongly { answer.lists[1].blockHashes[0] ^= 1 }
        link.answer(header, with: answer)
    }

    func link(_ link: Link, ended: LinkEnd) { end = ended }

    private static func hashes(_ list: ParityList) -> ParityHashes {
        let hasher = BlockHasher(blockSize: list.blockSize, adapter: list.loRA, salt: CacheSalt(bytes: list.salt))
        let media = list.multimodal.map { BlockMedium(block: Int($0.firstToken / list.blockSize), hash: $0.hash) }
        var blocks: [BlockHash] = [], sequence: [SequenceHash] = []
        hasher.appendBlockHashes(of: list.tokens.span, media: media, to: &blocks)
        BlockHasher.appendSequenceHashes(of: blocks.span, after: nil, to: &sequence)
        return ParityHashes(blockHashes: blocks.map(\.rawValue), sequenceHashes: sequence.map(\.rawValue))
    }

    private func answer(_ question: ReplayQuestion) -> ReplayAnswer {
        replays += 1
        var answer = ReplayAnswer()
        answer.generation = script.generation
        answer.newestSequence = (feed?.nextSequence ?? 1) - 1
        answer.outcome = .tooOld
        let first = Int(question.firstSequence), last = min(told.count, Int(question.lastSequence))
        guard ring > 0, first > told.count - ring, first <= last else { return answer }
        var bytes: [UInt8] = []
        Codec.append(WorkerEvents(events: Array(told[(first - 1)..<last])), to: &bytes)
        answer.outcome = .events
        (answer.firstSequence, answer.lastSequence) = (UInt64(first), UInt64(last))
        answer.batch = Array(bytes.dropFirst(MessageHeader.byteCount))
        return answer
    }

    /// Answers snapshot and replay questions.
    @LoopActor
    private final class RecoveryHandler: LinkHandler {
        private weak var worker: ScriptedWorker?

        init(_ worker: ScriptedWorker) { self.worker = worker }

        func link(_ link: Link, received header: MessageHeader, body: RawSpan) {
            guard let worker else { return }
            if header.kind == .replayQuestion, let question = try? Codec.decodeBody(ReplayQuestion.self, from: body) {
                return link.answer(header, with: worker.answer(question))
            }
            guard header.kind == .snapshotQuestion,
                let question = try? Codec.decodeBody(SnapshotQuestion.self, from: body)
            else { return }
            worker.snapshots += 1
            if question.cursor.section == 1, let page = worker.blockPage { return link.answer(header, with: page(question.cursor)) }
            if question.cursor.section == 1 {
                var page = SnapshotPage()
                page.generation = worker.script.generation
                page.sequence = (worker.feed?.nextSequence ?? 1) - 1
                page.section = 1
                page.fromHash = question.cursor.fromHash
                page.throughHash = .max
                page.entries = worker.blocks.map { .heldBlocks($0) }
                return link.answer(header, with: page)
            }
            var entries: [SnapshotEntry] = [.stateChanged(StateChanged(state: worker.script.state, reason: ""))]
            entries += worker.loads.map { .rankLoad($0) } + worker.held.map { .heldRequest($0) }
            entries += worker.sessions.map { .sessionBound($0) }
            let start = Int(question.cursor.fromHash), end = min(start + worker.pageEntries, entries.count)
            var page = SnapshotPage()
            page.generation = worker.script.generation
            page.sequence = (worker.feed?.nextSequence ?? 1) - 1
            page.fromHash = question.cursor.fromHash
            page.throughHash = UInt64(end)
            page.entries = Array(entries[min(start, end)..<end])
            page.next = end < entries.count ? SnapshotCursor(section: 0, fromHash: UInt64(end)) : SnapshotCursor(section: 1, fromHash: 0)
            worker.corrupt?(&page)
            link.answer(header, with: page)
        }

        func link(_ link: Link, ended: LinkEnd) {}
    }
}
