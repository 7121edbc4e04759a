import ClusterModel
import EventLoop
import Transport
import WireProtocol

/// A publishing socket that spoils batches on their way to the real one.
@LoopActor
final class FaultyPublisher: PublishingSocket {
    private let socket: any PublishingSocket
    private let faults: EventFaults
    private let metrics: StreamMetrics
    private var random: SeededRandom
    /// Waits for the message that overtakes it.
    private var late: [[UInt8]] = []

    init(_ socket: any PublishingSocket, _ faults: EventFaults, metrics: StreamMetrics) {
        self.socket = socket
        self.faults = faults
        self.metrics = metrics
        random = SeededRandom(seed: faults.seed)
    }

    var address: Address { socket.address }
    var subscriberJoined: (@LoopActor () -> Void)? {
        get { socket.subscriberJoined }
        set { socket.subscriberJoined = newValue }
    }

    func publish(_ message: [UInt8]) {
        let overtaken = late
        late = []
        if Self.isBatch(message) { spoil(message) } else { socket.publish(message) }
        for message in overtaken { socket.publish(message) }
    }

    func close() {
        for message in late { socket.publish(message) }
        socket.close()
    }

    private func spoil(_ batch: [UInt8]) {
        guard !happens(faults.loss) else { return metrics.injected(.loss) }
        var copies = 1
        if happens(faults.duplicate) {
            copies = 2
            metrics.injected(.duplicate)
        }
        for _ in 0..<copies {
            if happens(faults.reorder) {
                late.append(batch)
                metrics.injected(.reorder)
            } else {
                socket.publish(batch)
            }
        }
    }

    private func happens(_ share: Double) -> Bool { share > 0 && Double.random(in: 0..<1, using: &random) < share }

    private static func isBatch(_ message: [UInt8]) -> Bool {
        do throws(WireError) { return try MessageHeader(reading: message.span.bytes).kind == .workerEvents } catch { return false }
    }
}
