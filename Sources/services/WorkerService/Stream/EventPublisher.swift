import ClusterModel
import EventLoop
import Transport
import WireProtocol

/// The worker's numbered stream: events gather for at most 10 ms, and leave with the loads that changed meanwhile. What left is kept for
/// whoever missed it.
@LoopActor
final class EventPublisher: EndOfTurn {
    private let feed: FeedPublisher
    private let loop: Loop
    private let metrics: StreamMetrics
    private let loads: @LoopActor () -> [RankLoad]
    /// As last published, by rank.
    private var publishedLoads: [RankLoad] = []
    private var ring: FeedRing
    /// What was not published yet.
    private var pending = WorkerEventWriter()
    private var lastPublished: Instant?
    private var timer: TimerHandle?
    private var wantsFlush = false
    private var isClosed = false

    init(
        _ feed: FeedPublisher, ring: FeedRing.Bounds = .init(), loop: Loop, metrics: StreamMetrics,
        loads: @escaping @LoopActor () -> [RankLoad]
    ) {
        self.feed = feed
        self.ring = FeedRing(ring)
        self.loop = loop
        self.metrics = metrics
        self.loads = loads
    }

    var address: Address { feed.address }

    /// The last number given, to events that wait for their batch too.
    var lastSequence: UInt64 { feed.nextSequence - 1 + UInt64(pending.count) }

    // MARK: Saying

    func append(_ event: WorkerEvent) {
        guard !isClosed else { return }
        encode(event)
        publishSoon()
    }

    /// A chain of blocks behind `parent`, no longer than an event may be.
    func appendStored(rank: UInt32, tier: Tier, parent: UInt64?, hashes: Span<UInt64>) {
        guard !isClosed else { return }
        makeRoom(forHashes: hashes.count)
        pending.appendStored(rank: rank, tier: tier, parent: parent, hashes: hashes)
        publishSoon()
    }

    func appendRemoved(rank: UInt32, tier: Tier, hashes: Span<UInt64>) {
        guard !isClosed else { return }
        makeRoom(forHashes: hashes.count)
        pending.appendRemoved(rank: rank, tier: tier, hashes: hashes)
        publishSoon()
    }

    /// Said at once, and by every beat from now on.
    func say(_ state: ProcessState, reason: String) {
        feed.state = state
        append(.stateChanged(StateChanged(state: state, reason: reason)))
        publish()
    }

    /// Something that the loads show may have changed.
    func touch() { publishSoon() }

    /// Everything that is to be said, now.
    func publish() {
        guard !isClosed else { return }
        loop.cancel(timer)
        timer = nil
        for (index, load) in loads().enumerated() where index >= publishedLoads.count || publishedLoads[index] != load {
            encode(.rankLoad(load))
            if index < publishedLoads.count { publishedLoads[index] = load } else { publishedLoads.append(load) }
        }
        send()
        lastPublished = loop.now
    }

    func close() {
        guard !isClosed else { return }
        publish()
        isClosed = true
        feed.close()
    }

    var endOfTurn: EndOfTurnStage { .told }

    func flush() {
        wantsFlush = false
        guard timer == nil else { return }
        publish()
    }

    /// The first event after a pause leaves with its turn; those behind it wait for one another.
    private func publishSoon() {
        guard !wantsFlush, timer == nil, !isClosed else { return }
        if let lastPublished, lastPublished + WorkerLimits.eventPause > loop.now {
            timer = loop.schedule(at: lastPublished + WorkerLimits.eventPause) { [weak self] in
                self?.timer = nil
                self?.publish()
            }
        } else {
            wantsFlush = true
            loop.atEndOfTurn(self)
        }
    }

    // MARK: Past events

    /// What waits gets its number first, so that the answer knows the newest.
    func replay(_ question: ReplayQuestion) -> ReplayAnswer {
        publish()
        let answer = ring.answer(question, generation: feed.generation)
        metrics.replayed(answer)
        return answer
    }

    // MARK: Batches

    private func encode(_ event: WorkerEvent) {
        let mark = pending.mark
        pending.append(event)
        guard mark.count > 0, pending.body.count > Self.mostBytes || pending.count > Limits.eventsPerBatch else { return }
        // One too many: the others leave, and it is the first of the next batch.
        let last = pending.cut(at: mark)
        send()
        pending.append(last)
    }

    private func makeRoom(forHashes count: Int) {
        let bytes = pending.body.count + WorkerEventWriter.mostBytes(hashes: count)
        if bytes > Self.mostBytes || pending.count == Limits.eventsPerBatch { send() }
    }

    private func send() {
        guard pending.count > 0 else { return }
        loop.reaches("worker's events about to be published")
        feed.publish(count: pending.count) { [pending] in $0.append(contentsOf: pending.body) }
        do {
            // Held here while it is read in place, and no longer: what is emptied below is nobody else's.
            let body = pending.body
            ring.append(body.span.bytes, count: pending.count)
        }
        metrics.published(events: pending.count, bytes: pending.body.count, ring: ring.heldBytes)
        pending.removeAll()
    }

    private static let mostBytes = Limits.feedMessageBytes - WorkerLimits.feedReserveBytes
}
