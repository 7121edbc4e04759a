import EventLoop

/// Who publishes to a `SubscriberStream`.
protocol SubscriberStreamOwner: AnyObject, Sendable {
    @LoopActor func subscriberGreeted(_ subscriber: SubscriberStream)
    /// Told once, unless the owner closed it.
    @LoopActor func subscriberLeft(_ subscriber: SubscriberStream)
}

/// A connection to a publisher: a subscriber, once it has greeted as one.
@LoopActor
final class SubscriberStream: ByteStreamOwner {
    private let stream: any ByteStream
    private let loop: Loop
    private weak var owner: (any SubscriberStreamOwner)?
    /// It has nothing to say: after its greeting no message is short enough.
    private var framing = SPFraming(from: .subscriber, maximum: 0)
    private(set) var isGreeted = false
    private var isOpen = true
    private var timer: TimerHandle?
    /// While the kernel has not taken what was sent: what comes next, with lengths.
    private var waiting = Queue<[UInt8]>()
    private var isBlocked = false
    /// Kept for its memory.
    private var outgoing: [UInt8] = []

    init(_ stream: any ByteStream, of owner: any SubscriberStreamOwner, on loop: Loop) {
        self.stream = stream
        self.owner = owner
        self.loop = loop
    }

    func start() {
        timer = loop.schedule(after: TransportLimits.handshake) { [weak self] in self?.leave() }
        stream.start(self)
        outgoing = SPFraming.greeting(of: .publisher)
        stream.send(&outgoing)
    }

    /// A message with its length.
    func send(_ framed: [UInt8]) {
        guard isOpen else { return }
        guard !isBlocked else {
            waiting.append(framed)
            if waiting.count > TransportLimits.feedBuffer { _ = waiting.popFirst() }
            return
        }
        outgoing.append(contentsOf: framed)
        stream.send(&outgoing)
        guard stream.unsentBytes > 0 else { return }
        isBlocked = true
        stream.notifyWhenDrained()
    }

    func close() {
        guard isOpen else { return }
        isOpen = false
        owner = nil
        loop.cancel(timer)
        waiting.removeAll()
        stream.close()
    }

    private func leave() {
        let owner = owner
        close()
        owner?.subscriberLeft(self)
    }

    // MARK: ByteStreamOwner

    var wantedBytes: Int { framing.wanted }

    func streamReceived(_ bytes: UnsafeRawBufferPointer) -> Int {
        var used = 0
        do throws(SPFraming.Problem) {
            // A subscriber has nothing to say: who goes on speaking, in empty messages even, is none.
            if try framing.next(in: bytes, from: &used) != nil { leave() }
        } catch { leave() }
        if isOpen, framing.isGreeted, !isGreeted {
            isGreeted = true
            loop.cancel(timer)
            owner?.subscriberGreeted(self)
        }
        return used
    }

    func streamDrained() {
        isBlocked = false
        while !isBlocked, let next = waiting.popFirst() { send(next) }
    }

    func streamClosed(_ error: TransportError) { leave() }
}
