import ClusterModel
import EventLoop
import WireProtocol

/// A publishing socket: for each subscriber a queue that drops its oldest.
final class SimulatedPublisher: PublishingSocket, InboxReceiver, @unchecked Sendable {
    // Safety: belongs to the thread of its world.

    let address: Address
    var subscriberJoined: (@LoopActor () -> Void)?
    private let host: SimulatedHost
    private let fabric: SimulatedFabric
    private var paths: [FeedPath] = []
    private var isClosed = false

    init(on address: Address, host: SimulatedHost, fabric: SimulatedFabric) {
        self.address = address
        self.host = host
        self.fabric = fabric
    }

    func publish(_ message: [UInt8]) {
        guard !isClosed else { return }
        for path in paths { path.send(message) }
    }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        subscriberJoined = nil
        host.closed(self)
        for path in paths { path.publisherEnded() }
        paths = []
    }

    /// A subscriber of a host that is silently gone goes on waiting on its half-open connection: nothing tells it otherwise.
    func processDied(_ how: ProcessDeath) {
        isClosed = true
        if how == .reset { for path in paths { path.publisherEnded() } }
        paths = []
    }

    func connect(_ subscriber: SimulatedSubscriber) -> FeedPath {
        let path = FeedPath(
            to: subscriber, publisher: self, route: fabric.route(host.name, subscriber.host.name), fabric: fabric)
        paths.append(path)
        _ = host.loop.inbox.put(InboxItem(self, event: 0))
        return path
    }

    func receive(_ item: InboxItem) { subscriberJoined?() }

    func left(_ path: FeedPath) { paths.removeAll { $0 === path } }
}

/// A subscriber's connection to a publisher, with what waits for it.
final class FeedPath {
    private let fabric: SimulatedFabric
    private let route: SimulatedRoute
    private weak var subscriber: SimulatedSubscriber?
    private weak var publisher: SimulatedPublisher?
    private var waiting = Queue<[UInt8]>()
    private var isSending = false
    private var held = Queue<[UInt8]>()
    private var lastArrival = Instant.zero

    init(to subscriber: SimulatedSubscriber, publisher: SimulatedPublisher, route: SimulatedRoute, fabric: SimulatedFabric) {
        self.subscriber = subscriber
        self.publisher = publisher
        self.route = route
        self.fabric = fabric
    }

    func send(_ message: [UInt8]) {
        waiting.append(message)
        if waiting.count > TransportLimits.feedBuffer { _ = waiting.popFirst() }
        pump()
    }

    /// The subscriber went away, or never wants to hear of this connection again.
    func close() {
        subscriber = nil
        publisher?.left(self)
        publisher = nil
    }

    func publisherEnded() {
        publisher = nil
        // What was sent before comes before the end.
        let end = max(fabric.world.now, lastArrival + .nanoseconds(1))
        fabric.world.schedule(at: end) { [self] in route.carry { [self] in subscriber?.lost(self) } }
    }

    private func pump() {
        while !isSending, let message = waiting.popFirst() {
            depart(message)
            guard let rate = route.faults.bytesPerSecond else { continue }
            isSending = true
            fabric.world.schedule(after: .nanoseconds(Int64(message.count) * 1_000_000_000 / Int64(rate))) { [self] in
                isSending = false
                pump()
            }
        }
    }

    private func depart(_ message: [UInt8]) {
        let faults = route.faults
        guard !fabric.happens(faults.feedLoss) else { return }
        for _ in 0..<(fabric.happens(faults.feedDuplication) ? 2 : 1) {
            let arrival = fabric.world.now + route.latency()
            if fabric.happens(faults.feedReordering) {
                // Overtaken by what is sent during a few times the usual delay.
                let late = arrival + fabric.random(below: (faults.delay + faults.jitter) * 4)
                fabric.world.schedule(at: late) { [self] in arrive(message) }
            } else {
                lastArrival = max(lastArrival + .nanoseconds(1), arrival)
                fabric.world.schedule(at: lastArrival) { [self] in arrive(message) }
            }
        }
    }

    /// On a cut route a publisher keeps so many, and then drops the oldest.
    private func arrive(_ message: [UInt8]) {
        guard route.isCut || !held.isEmpty else { return deliver(message) }
        if held.isEmpty { route.passOrHold { [self] in release() } }
        held.append(message)
        if held.count > TransportLimits.feedBuffer { _ = held.popFirst() }
    }

    private func release() {
        while let message = held.popFirst() { deliver(message) }
    }

    private func deliver(_ message: [UInt8]) { subscriber?.arrived(message, over: self) }
}

/// A subscribing socket: it connects again for as long as it is open.
final class SimulatedSubscriber: SubscribingSocket, InboxReceiver, @unchecked Sendable {
    // Safety: belongs to the thread of its world.

    let host: SimulatedHost
    private let address: Address
    private let fabric: SimulatedFabric
    private var received: (@LoopActor (UnsafeRawBufferPointer) -> Void)?
    private var path: FeedPath?
    private var attempt: UInt64 = 0
    private var wait = SimulatedSubscriber.reconnect.least
    private var queue = Queue<[UInt8]>()
    private var posted = Queue<[UInt8]>()
    private var isStalled = false

    private static let reconnect = (least: Duration.milliseconds(10), most: Duration.seconds(1))

    init(
        to address: Address, host: SimulatedHost, fabric: SimulatedFabric, _ received: @escaping @LoopActor (UnsafeRawBufferPointer) -> Void
    ) {
        self.address = address
        self.host = host
        self.fabric = fabric
        self.received = received
    }

    func close() {
        guard received != nil else { return }
        host.closed(self)
        died()
    }

    func died() {
        received = nil
        path?.close()
        path = nil
        queue.removeAll()
    }

    // MARK: Connection

    func connect() {
        attempt += 1
        let mine = attempt
        guard let target = fabric.host(for: address, from: host) else { return retry() }
        fabric.route(host.name, target.name).carry { [self] in
            guard received != nil, attempt == mine, let target = fabric.hosts.first(where: { $0.name == target.name }) else { return }
            guard !target.isDead, let publisher = target.publisher(at: address.port), publisher.address.scheme == address.scheme else {
                return retry()
            }
            wait = Self.reconnect.least
            path = publisher.connect(self)
        }
    }

    func lost(_ lost: FeedPath) {
        guard path === lost else { return }
        path = nil
        retry()
    }

    /// After a random time that doubles.
    private func retry() {
        let delay = fabric.random(below: wait)
        wait = min(wait * 2, Self.reconnect.most)
        fabric.world.schedule(after: delay + .milliseconds(1)) { [self] in
            if received != nil, path == nil { connect() }
        }
    }

    // MARK: Messages

    func arrived(_ message: [UInt8], over arrivedOver: FeedPath) {
        guard received != nil, path === arrivedOver else { return }
        guard message.count <= Limits.feedMessageBytes else {
            // Before it takes memory for such a message the subscriber ends the connection, and what follows on it is lost.
            arrivedOver.close()
            return lost(arrivedOver)
        }
        queue.append(message)
        if queue.count > TransportLimits.feedBuffer { _ = queue.popFirst() }
        offer()
    }

    private func offer() {
        while !isStalled, let message = queue.popFirst() {
            posted.append(message)
            isStalled = host.loop.inbox.put(InboxItem(self, event: 0, bytes: message.count)) == .full
        }
    }

    func receive(_ item: InboxItem) {
        guard let message = posted.popFirst() else { preconditionFailure("an item for each message") }
        fabric.world.trace(UInt64(message.count))
        guard let received else { return }
        message.withUnsafeBytes { received($0) }
    }

    func inboxHasRoom() {
        isStalled = false
        offer()
    }
}
