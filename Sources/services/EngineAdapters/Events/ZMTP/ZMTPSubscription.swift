import ClusterModel
import EventLoop

/// Whom a subscription tells.
@LoopActor
protocol ZMTPSubscriber: AnyObject, Sendable {
    /// The topic was asked for. What is published from about now on will come.
    func subscriptionOpened()
    func subscriptionReceived(_ message: [[UInt8]])
    /// It was open and is not any more; it opens again by itself.
    func subscriptionLost(_ error: ZMTPError)
    /// An attempt to open it failed; more follow.
    func subscriptionFailed(_ error: ZMTPError)
}

/// Keeps one subscription: connects, and after each end connects again, later each time, with jitter, so that a restarted engine is not met by
/// all at once.
@LoopActor
final class ZMTPSubscription: ZMTPHandler {
    private let endpoint: ZMTPEndpoint
    private let topic: [UInt8]
    private let loop: Loop
    private let sockets: any SocketSystem
    private weak var subscriber: (any ZMTPSubscriber)?
    private var connection: ZMTPConnection?
    private var timer: TimerHandle?
    private var pause = EngineEventLimits.firstPause
    private var isClosed = false

    init(to endpoint: ZMTPEndpoint, topic: String, loop: Loop, sockets: any SocketSystem, _ subscriber: any ZMTPSubscriber) {
        self.endpoint = endpoint
        self.topic = Array(topic.utf8)
        self.loop = loop
        self.sockets = sockets
        self.subscriber = subscriber
    }

    var isOpen: Bool { connection?.isReady ?? false }

    var isReading = true {
        didSet { connection?.isReading = isReading }
    }

    func open() {
        timer = nil
        guard !isClosed else { return }
        let connection = ZMTPConnection(.subscriber(topic: topic), to: endpoint, loop: loop, sockets: sockets, self)
        connection.isReading = isReading
        self.connection = connection
        connection.open()
    }

    func close() {
        isClosed = true
        subscriber = nil
        loop.cancel(timer)
        connection?.close()
        connection = nil
    }

    // MARK: ZMTPHandler

    func zmtpReady(_ connection: ZMTPConnection) { subscriber?.subscriptionOpened() }

    func zmtpReceived(_ message: [[UInt8]], on connection: ZMTPConnection) {
        // A peer that opens and ends at once is as good as none: only what says something is believed to be well.
        pause = EngineEventLimits.firstPause
        // Topics are asked for by how they begin; only the very topic is ours.
        guard let first = message.first, topic.isEmpty || first == topic else { return }
        subscriber?.subscriptionReceived(message)
    }

    func zmtpEnded(_ error: ZMTPError, on connection: ZMTPConnection) {
        let wasOpen = connection.isReady
        self.connection = nil
        let jitter = Duration.nanoseconds(Int64(loop.random.next() % UInt64(max(1, pause.inNanoseconds))))
        timer = loop.schedule(after: pause + jitter) { [weak self] in self?.open() }
        pause = min(pause * 2, EngineEventLimits.longestPause)
        if wasOpen { subscriber?.subscriptionLost(error) } else { subscriber?.subscriptionFailed(error) }
    }
}
