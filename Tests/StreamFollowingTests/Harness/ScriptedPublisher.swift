import ClusterHarness
import ClusterModel
import EventLoop
import Transport
import WireProtocol

/// A worker's stream with everything that belongs to it, in the plainest form: all events in a list, the truth beside it.
final class ScriptedPublisher: LinkHandler, @unchecked Sendable {
    // Safety: lives on one virtual loop; the test looks between turns.
    static let id: UInt64 = 0x30
    static let feedAddress = Address(host: "publisher", port: 9_001), linkAddress = Address(host: "publisher", port: 9_000)

    let loop: VirtualLoop
    let host: SimulatedHost
    private(set) var generation: UInt64
    private(set) var feed: FeedPublisher?
    private var endpoint: LinkEndpoint?
    private(set) var links: [Link] = []
    /// From number 1 on.
    private(set) var events: [WorkerEvent] = []
    private(set) var truth = StreamTruth()

    // How it answers.
    var ring = Int.max
    var replayPart = 7
    var hashesPerPage = 10
    var entriesPerPage = 100
    var corruptPage: ((inout SnapshotPage) -> Void)?
    /// The body of a page on its way.
    var damage: ((inout [UInt8]) -> Void)?
    var corruptReplay: ((inout ReplayAnswer) -> Void)?
    var isMute = false
    private(set) var pagesAsked = 0
    private(set) var firstPagesAsked: [Instant] = []
    private(set) var replaysAsked: [ClosedRange<UInt64>] = []

    init(loop: VirtualLoop, host: SimulatedHost, generation: UInt64) {
        self.loop = loop
        self.host = host
        self.generation = generation
        loop.perform { open() }
    }

    static func policy(_ role: PeerRole, id: UInt64, generation: UInt64) -> LinkPolicy {
        var policy = LinkPolicy(
            identity: Identity(role: role, id: id, generation: generation, name: "\(role)"), cluster: ClusterValues(clusterID: "test"))
        policy.secret = Array("of the cluster".utf8)
        policy.accepts = [.recovery: [.router]]
        return policy
    }

    @LoopActor private func open() {
        do {
            feed = try FeedPublisher(on: Self.feedAddress, kind: .workerEvents, generation: generation, loop: loop, network: host)
            let endpoint = LinkEndpoint(
                loop: loop, network: host, policy: Self.policy(.worker, id: Self.id, generation: generation))
            try endpoint.listen(
                on: Self.linkAddress,
                accepted: { [weak self] link in
                    link.handler = self
                    self?.links.append(link)
                })
            self.endpoint = endpoint
        } catch { preconditionFailure("\(error)") }
    }

    func on<Result>(_ body: @LoopActor (ScriptedPublisher) -> Result) -> Result { loop.perform { body(self) } }

    // MARK: Publishing

    @LoopActor func publish(_ batch: [WorkerEvent]) {
        for event in batch { truth.apply(event) }
        events += batch
        publishOnly(batch)
    }

    /// The truth of an event that is published with others, afterwards.
    @LoopActor func prepare(_ event: WorkerEvent) { truth.apply(event) }

    @LoopActor func publishPrepared(_ batch: [WorkerEvent]) {
        events += batch
        publishOnly(batch)
    }

    @LoopActor private func publishOnly(_ batch: [WorkerEvent]) {
        var message: [UInt8] = []
        Codec.append(WorkerEvents(events: batch), to: &message)
        publishRaw(batch.count, Array(message.dropFirst(MessageHeader.byteCount)))
    }

    /// Bytes that claim to be so many events.
    @LoopActor func publishRaw(_ count: Int, _ body: [UInt8]) { feed?.publish(count: count) { $0.append(contentsOf: body) } }

    /// Another life, or the same one that begins to count anew.
    @LoopActor func restart(generation: UInt64? = nil) {
        self.generation = generation ?? self.generation
        feed?.close()
        endpoint?.stopListening()
        for link in links { link.abort() }
        links = []
        events = []
        truth = StreamTruth()
        open()
    }

    @LoopActor func breakLinks() {
        for link in links { link.abort() }
        links = []
    }

    // MARK: LinkHandler

    func link(_ link: Link, ended: LinkEnd) { links.removeAll { $0 === link } }

    func link(_ link: Link, received header: MessageHeader, body: RawSpan) {
        guard !isMute else { return }
        do throws(WireError) {
            switch header.kind {
            case .snapshotQuestion: page(try Codec.decodeBody(SnapshotQuestion.self, from: body), header, link)
            case .replayQuestion: replay(try Codec.decodeBody(ReplayQuestion.self, from: body), header, link)
            default: link.protocolError(WireError(.unexpectedKind, "kind"))
            }
        } catch { link.malformed(header, error) }
    }

    @LoopActor private func page(_ question: SnapshotQuestion, _ header: MessageHeader, _ link: Link) {
        pagesAsked += 1
        if question.cursor == SnapshotCursor() { firstPagesAsked.append(loop.now) }
        var page = truth.page(question.cursor, hashes: hashesPerPage, entries: entriesPerPage)
        page.generation = generation
        page.sequence = UInt64(events.count)
        corruptPage?(&page)
        guard let damage else { return link.answer(header, with: page) }
        var bytes: [UInt8] = []
        Codec.appendBody(page, to: &bytes)
        damage(&bytes)
        link.answer(header, with: DamagedPage(bytes: bytes))
    }

    @LoopActor private func replay(_ question: ReplayQuestion, _ header: MessageHeader, _ link: Link) {
        replaysAsked.append(question.firstSequence...question.lastSequence)
        var answer = ReplayAnswer()
        answer.generation = generation
        answer.newestSequence = UInt64(events.count)
        let first = Int(question.firstSequence)
        if question.generation != generation {
            answer.outcome = .wrongGeneration
        } else if first > events.count {
            answer.outcome = .tooNew
        } else if events.count - first >= ring {
            answer.outcome = .tooOld
        } else {
            let last = min(first + replayPart - 1, Int(question.lastSequence), events.count)
            var bytes: [UInt8] = []
            Codec.append(WorkerEvents(events: Array(events[(first - 1)..<last])), to: &bytes)
            answer.firstSequence = UInt64(first)
            answer.lastSequence = UInt64(last)
            answer.batch = Array(bytes.dropFirst(MessageHeader.byteCount))
        }
        corruptReplay?(&answer)
        link.answer(header, with: answer)
    }
}

/// Any bytes where a page belongs.
private struct DamagedPage: WireMessage {
    static let kind = MessageKind.snapshotPage
    var bytes: [UInt8] = []

    mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) { try coder.rest("bytes", &bytes) }
}

/// What a publisher's events have led to, and its pages.
struct StreamTruth {
    private(set) var blocks: [WorkerPicture.Place: [UInt64: UInt64]] = [:]
    private(set) var leases: [UInt64: HeldRequest] = [:]
    private(set) var load: RankLoad?

    mutating func apply(_ event: WorkerEvent) {
        switch event {
        case .blocksStored(let stored):
            var parent = stored.parent ?? 0
            for hash in stored.hashes {
                blocks[.init(rank: stored.rank, tier: stored.tier), default: [:]][hash] = parent
                parent = hash
            }
        case .blocksRemoved(let removed):
            for hash in removed.hashes { blocks[.init(rank: removed.rank, tier: removed.tier)]?[hash] = nil }
        case .rankCleared(let cleared): blocks = blocks.filter { $0.key.rank != cleared.rank }
        case .requestAccepted(let event):
            var held = HeldRequest()
            held.lease = event.lease
            held.request = event.request
            held.rank = event.rank
            held.promptTokens = event.promptTokens
            leases[event.lease] = held
        case .requestEnded(let event): leases[event.lease] = nil
        case .rankLoad(let load): self.load = load
        default: break
        }
    }

    func page(_ cursor: SnapshotCursor, hashes: Int, entries: Int) -> SnapshotPage {
        var page = SnapshotPage()
        page.section = cursor.section
        page.fromHash = cursor.fromHash
        page.throughHash = .max
        guard cursor.section > 0, let tier = Tier(rawValue: cursor.section - 1) else {
            let all: [SnapshotEntry] =
                (load.map { [.rankLoad($0)] } ?? []) + leases.keys.sorted().compactMap { leases[$0] }.map { .heldRequest($0) }
            let first = Int(cursor.fromHash), end = min(first + entries, all.count)
            page.entries = Array(all[min(first, end)..<end])
            page.next = end < all.count ? SnapshotCursor(section: 0, fromHash: UInt64(end)) : SnapshotCursor(section: 1, fromHash: 0)
            return page
        }
        let places = blocks.keys.filter { $0.tier == tier }.sorted { $0.rank < $1.rank }
        let all = Set(places.flatMap { (blocks[$0] ?? [:]).keys }).filter { $0 >= cursor.fromHash }.sorted()
        let some = all.prefix(hashes)
        if some.count < all.count, let last = some.last {
            page.throughHash = last
            page.next = SnapshotCursor(section: cursor.section, fromHash: last + 1)
        } else if tier != .disk {
            page.next = SnapshotCursor(section: cursor.section + 1, fromHash: 0)
        }
        for place in places {
            let mine = some.filter { blocks[place]?[$0] != nil }
            guard !mine.isEmpty else { continue }
            page.entries.append(
                .heldBlocks(
                    HeldBlocks(rank: place.rank, tier: tier, hashes: Array(mine), parents: mine.map { blocks[place]?[$0] ?? 0 })))
        }
        return page
    }
}
