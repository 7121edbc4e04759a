import ClusterModel
import EventLoop
import Telemetry
import Transport
import WireProtocol

/// Something that the router publishes whole whenever it changed: a worker, a frontend, a pool.
@LoopActor
protocol StateEntry: AnyObject {
    /// Kept by the publisher: it waits to be published already.
    var isPending: Bool { get set }
    /// As it is now; nil if there is nothing to say any more.
    func change() -> RouterChange?
}

/// The router's stream: what changed, each thing once a batch, in the order in which it first changed.
@LoopActor
final class StatePublisher: EndOfTurn {
    private enum Pending {
        case entry(any StateEntry)
        case change(RouterChange)
    }

    private let loop: Loop
    private let feed: FeedPublisher
    private let metrics: RouterMetrics
    private let log: Logger
    private var pending: [Pending] = []
    private var flushing: [Pending] = []
    private var batch = StateBatch()
    private var body: [UInt8] = []
    /// For subscribers that missed some.
    private var ring: FeedRing
    private var lastPublished: Instant?
    private var timer: TimerHandle?
    private var wantsFlush = false
    private var isClosed = false

    init(
        on address: Address, ring bounds: FeedRing.Bounds, identity: Identity, dialect: WireDialect, loop: Loop, network: any Network,
        metrics: RouterMetrics, log: Logger
    ) throws(TransportError) {
        ring = FeedRing(bounds)
        self.loop = loop
        self.metrics = metrics
        self.log = log
        feed = try FeedPublisher(
            on: address, kind: .routerState, publisher: identity.id, generation: identity.generation, dialect: dialect, loop: loop,
            network: network)
    }

    var address: Address { feed.address }
    /// The last number given.
    var sequence: UInt64 { feed.nextSequence - 1 }

    /// What was published in a range of numbers, as far as it is kept.
    func answer(_ question: ReplayQuestion) -> ReplayAnswer { ring.answer(question, generation: feed.generation) }

    /// It changed, and is published as it will be when the batch leaves.
    func mark(_ entry: any StateEntry) {
        guard !entry.isPending, !isClosed else { return }
        entry.isPending = true
        pending.append(.entry(entry))
        flushSoon()
    }

    /// What every beat says from now on.
    func becomes(_ state: ProcessState) { feed.state = state }

    func publish(_ change: RouterChange) {
        guard !isClosed else { return }
        pending.append(.change(change))
        flushSoon()
    }

    /// Everything that waits leaves now.
    func flushNow() {
        guard !isClosed else { return }
        loop.cancel(timer)
        timer = nil
        while !pending.isEmpty {
            swap(&pending, &flushing)
            for item in flushing {
                switch item {
                case .change(let change): append(change)
                case .entry(let entry):
                    // Before it is asked: what it finds changed while it answers is marked anew.
                    entry.isPending = false
                    if let change = entry.change() { append(change) }
                }
            }
            flushing.removeAll(keepingCapacity: true)
        }
        send()
    }

    func close() {
        isClosed = true
        loop.cancel(timer)
        pending = []
        feed.close()
    }

    // MARK: EndOfTurn

    var endOfTurn: EndOfTurnStage { .told }

    func flush() {
        wantsFlush = false
        guard !pending.isEmpty, timer == nil, !isClosed else { return }
        if let lastPublished, lastPublished + RouterLimits.publishingPace > loop.now {
            timer = loop.schedule(at: lastPublished + RouterLimits.publishingPace) { [weak self] in self?.flushNow() }
        } else {
            flushNow()
        }
    }

    private func flushSoon() {
        guard !wantsFlush else { return }
        wantsFlush = true
        loop.atEndOfTurn(self)
    }

    private func append(_ change: RouterChange) {
        if batch.append(change) { return }
        send()
        // Registrations are bounded so that this cannot be; if it is, the entry is missing and the rest is not.
        if !batch.append(change) { log.error("a change is too long to be published", ["tag": .count(Int(change.tag))]) }
    }

    private func send() {
        guard !batch.isEmpty else { return }
        body.removeAll(keepingCapacity: true)
        batch.write(to: &body)
        do {
            // Held here while it is read in place, and no longer: it is filled anew without a copy.
            let body = body
            ring.append(body.span.bytes, count: batch.count)
        }
        loop.reaches("router's state about to be published")
        feed.publish(count: batch.count) { $0.append(contentsOf: body) }
        metrics.published(batch.count, ring: ring.heldBytes)
        lastPublished = loop.now
        batch.removeAll()
    }
}
