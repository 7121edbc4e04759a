import ClusterModel
package import EventLoop
package import WireProtocol

/// A numbered stream of one process: batches in order, and a beat when it is silent.
@LoopActor
package final class FeedPublisher {
    package let generation: UInt64
    private let loop: Loop
    private let socket: any PublishingSocket
    private let kind: MessageKind
    private let publisher: UInt64
    private let dialect: WireDialect
    /// What the beats say of the process.
    package var state = ProcessState.starting
    /// Not run since the last beat.
    private var paused = Duration.zero
    /// The number of the event that is published next; the first is 1.
    package private(set) var nextSequence: UInt64 = 1
    private var timer: TimerHandle?
    /// Set while a subscriber that has come is about to hear a beat.
    private var greeting: TimerHandle?
    private var greetedAt: Instant?
    private var buffer: [UInt8] = []

    /// Publishes over a socket that is open, and closes it at the end. `publisher` is the id of the process, 0 where it has none.
    package init(
        over socket: any PublishingSocket, kind: MessageKind, publisher: UInt64, generation: UInt64, dialect: WireDialect = .current,
        loop: Loop
    ) {
        self.socket = socket
        self.loop = loop
        self.kind = kind
        self.publisher = publisher
        self.generation = generation
        self.dialect = dialect
        loop.observePauses(self) { [weak self] gap in self?.paused += gap }
        socket.subscriberJoined = { [weak self] in self?.greet() }
        beat()
    }

    package convenience init(
        on address: Address, kind: MessageKind, publisher: UInt64 = 0, generation: UInt64, dialect: WireDialect = .current, loop: Loop,
        network: any Network
    ) throws(TransportError) {
        self.init(
            over: try network.publisher(on: address), kind: kind, publisher: publisher, generation: generation, dialect: dialect, loop: loop
        )
    }

    package var address: Address { socket.address }

    /// Publishes one batch of `count` events, whose body `write` appends; at most 64 KiB with the header.
    package func publish(count: Int, _ write: (inout [UInt8]) -> Void) {
        precondition(count > 0, "an empty batch has no number")
        buffer.removeAll(keepingCapacity: true)
        let start = Codec.beginMessage(
            MessageHeader(kind: kind, origin: generation, number: nextSequence, version: dialect.version), in: &buffer)
        write(&buffer)
        buffer.append(contentsOf: dialect.tail)
        Codec.patchBodyLength(of: start, in: &buffer)
        precondition(buffer.count <= Limits.feedMessageBytes, "a batch is split before it exceeds the limit of a feed")
        nextSequence += UInt64(count)
        socket.publish(buffer)
    }

    package func close() {
        loop.cancel(timer)
        loop.cancel(greeting)
        loop.stopObservingPauses(self)
        socket.close()
    }

    /// The last number, every 250 ms: so a reader learns of a lost last batch. After a pause it is overdue, and leaves first.
    private func beat() {
        tell()
        timer = loop.schedule(each: TransportLimits.beat) { [weak self] in self?.beat() }
    }

    /// Who subscribes cannot begin before it has heard something: it need not wait for the next beat. One for all that come at about the same time.
    private func greet() {
        guard greeting == nil else { return }
        let soon = loop.now + TransportLimits.feedGreeting
        greeting = loop.schedule(at: max(soon, greetedAt.map { $0 + TransportLimits.feedGreetingPause } ?? soon)) { [weak self] in
            guard let self else { return }
            greeting = nil
            greetedAt = loop.now
            tell()
        }
    }

    private func tell() {
        let beat = Beat(
            publisher: publisher, lastSequence: nextSequence - 1, state: state,
            pausedMilliseconds: UInt32(clamping: paused.inMilliseconds))
        paused = .zero
        buffer.removeAll(keepingCapacity: true)
        Codec.append(beat, origin: generation, number: nextSequence - 1, dialect: dialect, to: &buffer)
        socket.publish(buffer)
    }
}
