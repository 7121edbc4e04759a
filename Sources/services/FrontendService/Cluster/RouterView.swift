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
        case closed
    }

    /// How a router's snapshot is asked for: a question on its route link.
    typealias Asker = @LoopActor (SnapshotQuestion) async -> Result<SnapshotPage, LinkFailure>

    /// What a router says, as far as a frontend needs it. Bounded: more than a cluster may have is left out.
    struct Directory {
        fileprivate(set) var workers: [UInt64: WorkerEntry] = [:]
        fileprivate(set) var pools: [Digest: ModelPool] = [:]
        fileprivate(set) var health = RouterHealth()

        /// Cards of one cluster: a few in truth, each of some kilobytes.
        fileprivate static let mostPools = 1024

        fileprivate mutating func set(_ entry: WorkerEntry) {
            guard workers[entry.workerID] != nil || workers.count < Limits.workerIDs else { return }
            workers[entry.workerID] = entry
        }

        fileprivate mutating func set(_ pool: ModelPool) {
            guard pools[pool.card.digest] != nil || pools.count < Self.mostPools else { return }
            pools[pool.card.digest] = pool
        }
    }

    private var directory = Directory()
    /// Something that routing or models depend on is different now.
    private let changed: @LoopActor () -> Void
    private let loop: Loop
    private let generation: UInt64
    private var ask: Asker?
    private var feed: FeedSubscriber?
    private var phase = Phase.listening
    /// One task takes snapshots until the view is in step.
    private var isJoining = false
    private var kept: [(first: UInt64, changes: [RouterChange])] = []
    private var keptBytes = 0
    private(set) var gaps = 0

    /// Live batches that may wait for a snapshot: many ticks of a large cluster; past it the join starts over.
    private static let keptBytesLimit = 4 << 20
    /// A snapshot page is one question; a router that does not answer it in this time is asked again from the start.
    static let pageLimit = Duration.seconds(2)
    /// Before a join that failed is tried again; doubles up to the longest, with jitter, so that frontends do not ask together.
    private static let firstRejoin = Duration.milliseconds(250)
    private static let longestRejoin = Duration.seconds(5)
    /// 4,096 workers with long names fit many times over.
    private static let mostPages = 4096

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

    var workers: [UInt64: WorkerEntry] { directory.workers }
    var pools: [Digest: ModelPool] { directory.pools }
    var health: RouterHealth { directory.health }
    /// It may fall out of step, and then says what it knew until it is in step again.
    var isInStep: Bool { if case .inStep = phase { true } else { false } }
    private var isClosed: Bool { if case .closed = phase { true } else { false } }

    /// What was known stays known.
    func close() {
        phase = .closed
        feed?.close()
        feed = nil
        ask = nil  // it holds the link
        forgetKept()
    }

    // MARK: FeedReader

    func feed(_ feed: FeedSubscriber, batch header: MessageHeader, body: RawSpan) {
        guard header.origin == generation, !isClosed else { return }
        let state: RouterState
        do throws(WireError) { state = try Codec.decodeBody(RouterState.self, from: body) } catch { return lost() }
        guard !state.changes.isEmpty else { return }
        switch phase {
        case .listening, .snapshot:
            keep(header.number, state.changes, bytes: body.byteCount)
            join()
        case .inStep(var cursor):
            if !advance(&cursor, first: header.number, state.changes) {
                keep(header.number, state.changes, bytes: body.byteCount)
                lost()
            }
        case .closed: break
        }
    }

    func feed(_ feed: FeedSubscriber, beat last: UInt64, generation: UInt64) {
        guard generation == self.generation else { return }
        switch phase {
        case .listening: join()
        case .snapshot, .closed: break
        case .inStep(let cursor): if case .gap = cursor.beat(generation: generation, last: last) { lost() }
        }
    }

    /// Whether plans can be had is judged by the route link, not by the feed.
    func feed(_ feed: FeedSubscriber, became verdict: Liveness.Verdict) {}

    // MARK: In step

    /// False if batches before this one are missing.
    private func advance(_ cursor: inout FeedCursor, first: UInt64, _ changes: [RouterChange]) -> Bool {
        switch cursor.batch(generation: generation, first: first, count: changes.count) {
        case .apply(let skip):
            phase = .inStep(cursor)
            var matters = false
            for change in changes.dropFirst(skip) { matters = apply(change) || matters }
            if matters { changed() }
            return true
        case .behind, .otherGeneration: return true
        case .gap: return false
        }
    }

    private func lost() {
        gaps += 1
        join()
    }

    /// True if models, workers or their states changed.
    private func apply(_ change: RouterChange) -> Bool {
        switch change {
        case .workerEntry(let entry): directory.set(entry)
        case .workerGone(let gone):
            // Of a life that was followed by another one, the other one's entry stays.
            guard workers[gone.workerID]?.generation == gone.generation else { return false }
            directory.workers[gone.workerID] = nil
        case .modelPool(let pool): directory.set(pool)
        case .modelPoolGone(let gone): directory.pools[gone.digest] = nil
        case .routerHealth(let health):
            let before = self.health.state
            directory.health = health
            return before != health.state
        default: return false
        }
        return true
    }

    // MARK: Joining

    private func keep(_ first: UInt64, _ changes: [RouterChange], bytes: Int) {
        if keptBytes + bytes > Self.keptBytesLimit {
            // The numbers will show that something is missing, and the next snapshot is taken.
            forgetKept()
        }
        keptBytes += bytes
        kept.append((first, changes))
    }

    private func forgetKept() {
        kept = []
        keptBytes = 0
    }

    private func join() {
        phase = .snapshot
        guard !isJoining else { return }
        isJoining = true
        loop.spawn { [weak self] in await self?.takeSnapshots() }
    }

    private func takeSnapshots() async {
        var pause = Self.firstRejoin
        while case .snapshot = phase {
            if let (found, sequence) = await snapshot(), case .snapshot = phase {
                directory = found
                enter(at: sequence)
                changed()
            }
            guard case .snapshot = phase else { break }
            await loop.sleep(for: pause / 2 + .nanoseconds(Int64(loop.random.next() % UInt64((pause / 2).inNanoseconds))))
            pause = min(pause * 2, Self.longestRejoin)
        }
        isJoining = false
    }

    /// In step from the snapshot on, unless what was kept does not follow it.
    private func enter(at sequence: UInt64) {
        phase = .inStep(FeedCursor(generation: generation, next: sequence &+ 1))
        var rest = kept[...]
        keptBytes = 0
        kept = []
        while case .inStep(var cursor) = phase, let (first, changes) = rest.first {
            guard advance(&cursor, first: first, changes) else {
                gaps += 1
                kept = Array(rest)
                phase = .snapshot
                return
            }
            rest.removeFirst()
        }
    }

    /// All pages, read at one moment, and its number; or nil.
    private func snapshot() async -> (Directory, sequence: UInt64)? {
        var question = SnapshotQuestion(stream: .routerState, publisher: 0, generation: generation, cursor: SnapshotCursor())
        var found = Directory(), sequence: UInt64?
        for _ in 0..<Self.mostPages {
            guard let ask, case .success(let page) = await ask(question), page.generation == generation else { return nil }
            // A directory has no hash ranges: pages that were read at different moments do not fit together.
            if let sequence, sequence != page.sequence { return nil }
            sequence = page.sequence
            for entry in page.entries {
                switch entry {
                case .workerEntry(let entry): found.set(entry)
                case .modelPool(let pool): found.set(pool)
                case .routerHealth(let health): found.health = health
                default: break
                }
            }
            guard let next = page.next else { return (found, page.sequence) }
            question.cursor = next
        }
        return nil
    }
}
