import ClusterModel
import EventLoop
import Transport
import WireProtocol

/// A worker that does not exist: its feed, and links on which its state is asked for, which is empty.
@LoopActor
final class SyntheticWorker: LinkHandler {
    private(set) var entry = WorkerEntry()
    private let feed: FeedPublisher
    private let endpoint: LinkEndpoint
    private var links: [ObjectIdentifier: Link] = [:]

    private static let blocks: UInt32 = 16_384
    private static let eventsPerMessage = 400

    init(
        _ number: Int, _ card: ModelCard, role: WorkerRole, links: Address, feed: Address, generation: UInt64, policy base: LinkPolicy,
        loop: Loop, network: any Network
    ) throws {
        var policy = base
        policy.identity = Identity(role: .worker, id: UInt64(number + 1), generation: generation, name: "\(role)-\(number + 1)")
        policy.accepts = [.recovery: [.tool, .frontend, .router], .data: [.frontend]]
        endpoint = LinkEndpoint(loop: loop, network: network, policy: policy)
        self.feed = try FeedPublisher(
            on: feed, kind: .workerEvents, publisher: policy.identity.id, generation: generation, loop: loop, network: network)
        self.feed.state = .ready
        let address = try endpoint.listen(on: links) { [weak self] link in
            guard let self else { return link.abort() }
            self.links[ObjectIdentifier(link)] = link
            link.handler = self
        }
        entry.workerID = policy.identity.id
        entry.generation = generation
        entry.name = policy.identity.name
        entry.role = role
        entry.state = .ready
        entry.endpoints = Endpoints(linkAddress: address.description, feedAddress: self.feed.address.description)
        entry.model = card.name
        entry.pool = card.digest
        entry.ranks = [
            RankCapacity(rank: 0, totalBlocks: Self.blocks, hostBlocks: 0, diskBlocks: 0, maxSequences: 256, maxBatchedTokens: 8_192)
        ]
        entry.engineBuild = "synthetic"
    }

    var openLinks: Int { links.count }

    func tell(_ events: [WorkerEvent]) {
        for start in stride(from: 0, to: events.count, by: Self.eventsPerMessage) {
            let part = Array(events[start..<min(start + Self.eventsPerMessage, events.count)])
            feed.publish(count: part.count) { Codec.appendBody(WorkerEvents(events: part), to: &$0) }
        }
    }

    /// - Parameter draw: what it is about.
    func load(_ draw: UInt64) -> PlacementLoad {
        let active = UInt32(draw % UInt64(Self.blocks) / 2), running = UInt32(draw >> 20 % 64)
        return PlacementLoad(
            workerID: entry.workerID, generation: entry.generation,
            load: RankLoad(
                rank: 0, waitingTokens: draw >> 30 & 0xFFF, waitingRequests: UInt32(draw >> 40 & 7), runningRequests: running,
                activeBlocks: active, usedBlocks: min(2 * active, Self.blocks), totalBlocks: Self.blocks, sessionBlocks: 0),
            prefillTokens: draw >> 30 & 0xFFF, activeBlocks: active, requests: running, indexedBlocks: 1_000, busy: draw & 31 == 0)
    }

    func close() {
        endpoint.stopListening()
        feed.close()
        for link in links.values.sorted(by: { $0.peer.id < $1.peer.id }) { link.goodbye(.leaving) }
    }

    // MARK: LinkHandler

    func link(_ link: Link, received header: MessageHeader, body: RawSpan) {
        guard header.kind == .snapshotQuestion else {
            return link.answer(header, with: Failure(.notFound, reason: "there is nothing behind this worker"))
        }
        var page = SnapshotPage()
        page.generation = entry.generation
        page.sequence = feed.nextSequence - 1
        page.throughHash = .max
        link.answer(header, with: page)
    }

    func link(_ link: Link, ended: LinkEnd) { links[ObjectIdentifier(link)] = nil }
}
