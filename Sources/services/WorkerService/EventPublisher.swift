import ClusterModel
import EventLoop
import Transport
import WireProtocol

/// The worker's numbered stream: events gather for at most 10 ms, and leave with the loads that changed meanwhile.
@LoopActor
final class EventPublisher: EndOfTurn {
    private let feed: FeedPublisher
    private let loop: Loop
    private let loads: @LoopActor () -> [RankLoad]
    /// As last published, by rank.
    private var publishedLoads: [RankLoad] = []
    /// Encoded events that were not published yet, without the count that stands before them.
    private var pending: [UInt8] = []
    private var pendingCount = 0
    private var writer = WireWriter()
    private var lastPublished: Instant?
    private var timer: TimerHandle?
    private var wantsFlush = false
    private var isClosed = false
    private(set) var published: UInt64 = 0

    init(_ feed: FeedPublisher, loop: Loop, loads: @escaping @LoopActor () -> [RankLoad]) {
        self.feed = feed
        self.loop = loop
        self.loads = loads
    }

    var address: Address { feed.address }

    /// The last number given, to events that wait for their batch too.
    var lastSequence: UInt64 { feed.nextSequence - 1 + UInt64(pendingCount) }

    func append(_ event: WorkerEvent) {
        guard !isClosed else { return }
        encode(event)
        publishSoon()
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

    private func encode(_ event: WorkerEvent) {
        writer.bytes.removeAll(keepingCapacity: true)
        var events = [event]
        do throws(WireError) { try writer.variants("events", &events, atMost: 1) } catch {
            preconditionFailure("an event of our own does not encode: \(error)")
        }
        let count = writer.bytes.count - Self.countBytes
        if pending.count + count > Self.mostBytes || pendingCount == Limits.eventsPerBatch { send() }
        pending.append(contentsOf: writer.bytes.dropFirst(Self.countBytes))
        pendingCount += 1
    }

    private func send() {
        guard pendingCount > 0 else { return }
        feed.publish(count: pendingCount) { [pending, pendingCount] body in
            body.appendLittleEndian(UInt32(pendingCount))
            body.append(contentsOf: pending)
        }
        published += UInt64(pendingCount)
        pending.removeAll(keepingCapacity: true)
        pendingCount = 0
    }

    private static let countBytes = 4
    private static let mostBytes = Limits.feedMessageBytes - WorkerLimits.feedReserveBytes
}
