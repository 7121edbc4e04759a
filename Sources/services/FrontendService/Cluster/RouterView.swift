import ClusterModel
import EventLoop
import Transport
import WireProtocol

/// What one router says of the cluster, followed on its feed: joined by a snapshot, kept in step by number.
///
/// Rules: `proto-spec/03-exchanges.md#the-cursor`. A gap is answered by a new snapshot: a directory is small.
@LoopActor
final class RouterView: FeedReader {
    private enum Phase {
        /// Subscribed; the first batch or beat says that the subscription stands.
        case listening
        /// Live batches wait until the last page is there.
        case snapshot
        case inStep(FeedCursor)
    }

    /// How a router's snapshot is asked for: a question on its route link.
    typealias Asker = @LoopActor (SnapshotQuestion) async -> Result<SnapshotPage, LinkFailure>

    private(set) var workers: [UInt64: WorkerEntry] = [:]
    private(set) var pools: [Digest: ModelPool] = [:]
    private(set) var health = RouterHealth()
    /// Something that routing or models depend on is different now.
    private let changed: @LoopActor () -> Void
    private let loop: Loop
    private let generation: UInt64
    private let ask: Asker
    private var feed: FeedSubscriber?
    private var phase = Phase.listening
    private var kept: [(first: UInt64, changes: [RouterChange])] = []
    private var keptBytes = 0
    private(set) var gaps = 0
    private var isClosed = false

    /// Live batches that may wait for a snapshot: many ticks of a large cluster; past it the join starts over.
    private static let keptBytesLimit = 4 << 20
    /// A snapshot page is one question; a router that does not answer it in this time is asked again from the start.
    static let pageLimit = Duration.seconds(2)
    /// Before a join that failed is tried again.
    private static let rejoin = Duration.milliseconds(250)

    init(
        feed address: Address, generation: UInt64, loop: Loop, network: any Network, ask: @escaping Asker,
        changed: @escaping @LoopActor () -> Void
    ) throws(TransportError) {
        self.loop = loop
        self.generation = generation
        self.ask = ask
        self.changed = changed
        feed = try FeedSubscriber(to: address, kind: .routerState, loop: loop, network: network, reader: self)
    }

    var isInStep: Bool { if case .inStep = phase { true } else { false } }

    func close() {
        isClosed = true
        feed?.close()
        feed = nil
    }

    // MARK: FeedReader

    func feed(_ feed: FeedSubscriber, batch header: MessageHeader, body: RawSpan) {
        guard header.origin == generation, !isClosed else { return }
        let state: RouterState
        do throws(WireError) { state = try Codec.decodeBody(RouterState.self, from: body) } catch { return lost() }
        guard !state.changes.isEmpty else { return }
        switch phase {
        case .listening:
            keep(header.number, state.changes, bytes: body.byteCount)
            join()
        case .snapshot: keep(header.number, state.changes, bytes: body.byteCount)
        case .inStep(var cursor): advance(&cursor, first: header.number, state.changes)
        }
    }

    func feed(_ feed: FeedSubscriber, beat last: UInt64, generation: UInt64) {
        guard generation == self.generation, !isClosed else { return }
        switch phase {
        case .listening: join()
        case .snapshot: break
        case .inStep(let cursor): if case .gap = cursor.beat(generation: generation, last: last) { lost() }
        }
    }

    /// Whether plans can be had is judged by the route link, not by the feed.
    func feed(_ feed: FeedSubscriber, became verdict: Liveness.Verdict) {}

    // MARK: In step

    private func advance(_ cursor: inout FeedCursor, first: UInt64, _ changes: [RouterChange]) {
        switch cursor.batch(generation: generation, first: first, count: changes.count) {
        case .apply(let skip):
            var matters = false
            for change in changes.dropFirst(skip) { matters = apply(change) || matters }
            phase = .inStep(cursor)
            if matters { changed() }
        case .behind, .otherGeneration: break
        case .gap:
            keep(first, changes, bytes: 0)
            lost()
        }
    }

    private func lost() {
        gaps += 1
        join()
    }

    /// True if models, workers or their states changed.
    private func apply(_ change: RouterChange) -> Bool {
        switch change {
        case .workerEntry(let entry): workers[entry.workerID] = entry
        case .workerGone(let gone):
            // Of a life that was followed by another one, the other one's entry stays.
            guard workers[gone.workerID]?.generation == gone.generation else { return false }
            workers[gone.workerID] = nil
        case .modelPool(let pool): pools[pool.card.digest] = pool
        case .modelPoolGone(let gone): pools[gone.digest] = nil
        case .routerHealth(let health):
            let before = self.health.state
            self.health = health
            return before != health.state
        default: return false
        }
        return true
    }

    // MARK: Joining

    private func keep(_ first: UInt64, _ changes: [RouterChange], bytes: Int) {
        keptBytes += bytes
        guard keptBytes <= Self.keptBytesLimit else {
            kept.removeAll()
            keptBytes = 0
            if case .snapshot = phase { phase = .listening }  // the snapshot under way is dropped when it finds itself overtaken
            return
        }
        kept.append((first, changes))
    }

    private func join() {
        if case .snapshot = phase { return }
        phase = .snapshot
        loop.spawn { [weak self] in await self?.takeSnapshot() }
    }

    private func takeSnapshot() async {
        let question = SnapshotQuestion(stream: .routerState, publisher: 0, generation: generation, cursor: SnapshotCursor())
        guard let pages = await pages(from: question), case .snapshot = phase, !isClosed else { return await tryAgain() }
        workers.removeAll()
        pools.removeAll()
        for page in pages { for entry in page.entries { take(entry) } }
        var cursor = FeedCursor(generation: generation, next: (pages.map(\.sequence).min() ?? 0) + 1)
        let waiting = kept
        kept.removeAll()
        keptBytes = 0
        phase = .inStep(cursor)
        for (first, changes) in waiting {
            guard case .inStep(let now) = phase else { break }
            cursor = now
            advance(&cursor, first: first, changes)
        }
        changed()
    }

    private func take(_ entry: SnapshotEntry) {
        switch entry {
        case .workerEntry(let entry): workers[entry.workerID] = entry
        case .modelPool(let pool): pools[pool.card.digest] = pool
        case .routerHealth(let health): self.health = health
        default: break
        }
    }

    /// All pages, read at one moment, or nil.
    private func pages(from first: SnapshotQuestion) async -> [SnapshotPage]? {
        var question = first, pages: [SnapshotPage] = []
        while !isClosed {
            guard case .success(let page) = await ask(question), page.generation == generation else { return nil }
            // A directory has no hash ranges: pages that were read at different moments do not fit together.
            if let sequence = pages.first?.sequence, sequence != page.sequence { return nil }
            pages.append(page)
            guard let next = page.next else { return pages }
            guard pages.count < Self.mostPages else { return nil }
            question.cursor = next
        }
        return nil
    }

    /// 4,096 workers with long names fit many times over.
    private static let mostPages = 4096

    private func tryAgain() async {
        guard !isClosed else { return }
        await loop.sleep(for: Self.rejoin)
        guard !isClosed, !isInStep else { return }
        phase = .listening
        join()
    }
}
