import ClusterModel
import EventLoop
import Transport
import WireProtocol

/// The router of a cluster that does not exist: it knows its workers, says what it is told to say, and places nothing.
@LoopActor
final class SyntheticRouter: LinkHandler {
    let id: UInt64 = 0xA
    private let generation: UInt64
    private let feed: FeedPublisher
    private let endpoint: LinkEndpoint
    private(set) var address: Address
    private let entries: [SnapshotEntry]
    private var links: [ObjectIdentifier: Link] = [:]

    private static let entriesPerPage = 100

    init(
        _ card: ModelCard, _ workers: [WorkerEntry], _ frontend: FrontendEntry, links: Address, feed: Address, generation: UInt64,
        policy base: LinkPolicy, loop: Loop, network: any Network
    ) throws {
        self.generation = generation
        var policy = base
        policy.identity = Identity(role: .router, id: id, generation: generation, name: "synthetic-router")
        policy.accepts = [.route: [.frontend, .tool]]
        endpoint = LinkEndpoint(loop: loop, network: network, policy: policy)
        self.feed = try FeedPublisher(on: feed, kind: .routerState, publisher: id, generation: generation, loop: loop, network: network)
        self.feed.state = .ready
        let count = UInt32(workers.count)
        entries =
            [
                .routerHealth(
                    RouterHealth(state: .ready, reason: "", workers: count, resyncing: 0, leases: 5_000, indexedBlocks: 1_000_000)),
                .modelPool(ModelPool(card: card, workers: count, readyWorkers: count, current: true)), .frontendEntry(frontend),
            ] + workers.map { .workerEntry($0) }
        address = links
        address = try endpoint.listen(on: links) { [weak self] link in
            guard let self else { return link.abort() }
            self.links[ObjectIdentifier(link)] = link
            link.handler = self
        }
    }

    var openLinks: Int { links.count }

    func tell(_ changes: [RouterChange], inMessagesOf most: Int) {
        for start in stride(from: 0, to: changes.count, by: most) {
            let part = Array(changes[start..<min(start + most, changes.count)])
            feed.publish(count: part.count) { Codec.appendBody(RouterState(changes: part), to: &$0) }
        }
    }

    func close() {
        endpoint.stopListening()
        feed.close()
        for link in links.values.sorted(by: { $0.peer.id < $1.peer.id }) { link.goodbye(.leaving) }
    }

    // MARK: LinkHandler

    func link(_ link: Link, received header: MessageHeader, body: RawSpan) {
        do throws(WireError) {
            switch header.kind {
            case .registerFrontend:
                let endpoints = Endpoints(linkAddress: address.description, feedAddress: feed.address.description)
                link.answer(header, with: FrontendRegistered(endpoints: endpoints, streamPosition: feed.nextSequence - 1, warnings: []))
            case .snapshotQuestion:
                link.answer(header, with: page(try Codec.decodeBody(SnapshotQuestion.self, from: body)), compressed: true)
            case .routeBatch, .cancelRoute, .leasesEnded: break
            default: link.answer(header, with: Failure(.notFound, reason: "there is nothing behind this router"))
            }
        } catch { link.malformed(header, error) }
    }

    func link(_ link: Link, ended: LinkEnd) { links[ObjectIdentifier(link)] = nil }

    private func page(_ question: SnapshotQuestion) -> SnapshotPage {
        let start = min(Int(clamping: question.cursor.fromHash), entries.count), end = min(start + Self.entriesPerPage, entries.count)
        var page = SnapshotPage()
        page.generation = generation
        page.sequence = feed.nextSequence - 1
        page.fromHash = question.cursor.fromHash
        page.throughHash = end == entries.count ? .max : UInt64(end) - 1
        page.entries = Array(entries[start..<end])
        if end < entries.count { page.next = SnapshotCursor(section: 0, fromHash: UInt64(end)) }
        return page
    }
}
