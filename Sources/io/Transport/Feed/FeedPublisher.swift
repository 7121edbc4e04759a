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
    private let dialect: WireDialect
    /// The number of the event that is published next; the first is 1.
    package private(set) var nextSequence: UInt64 = 1
    private var sinceBeat = false
    private var timer: TimerHandle?
    private var buffer: [UInt8] = []

    package init(
        on address: Address, kind: MessageKind, generation: UInt64, dialect: WireDialect = .current, loop: Loop, network: any Network
    ) throws(TransportError) {
        socket = try network.publisher(on: address)
        self.loop = loop
        self.kind = kind
        self.generation = generation
        self.dialect = dialect
        beat()
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
        sinceBeat = true
        socket.publish(buffer)
    }

    package func close() {
        loop.cancel(timer)
        socket.close()
    }

    /// The last number, every 250 ms: so a reader learns of a lost last batch.
    private func beat() {
        var beat = Beat()
        beat.lastSequence = nextSequence - 1
        buffer.removeAll(keepingCapacity: true)
        Codec.append(beat, origin: generation, number: nextSequence - 1, dialect: dialect, to: &buffer)
        socket.publish(buffer)
        timer = loop.schedule(each: TransportLimits.beat) { [weak self] in self?.beat() }
    }
}
