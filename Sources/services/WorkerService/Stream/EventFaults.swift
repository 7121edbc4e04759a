import ClusterModel
import EventLoop
import ServiceRuntime
import Transport
import WireProtocol

/// How a worker spoils its own stream, for tests of those who follow it: shares of its batches, by a seed.
///
/// Numbers, ring and snapshots keep the truth, so that whoever notices can mend what it missed. Beats are left alone: they are how a loss
/// is noticed.
package struct EventFaults: Hashable, Sendable {
    /// Not sent.
    package var loss = 0.0
    /// Sent twice.
    package var duplicate = 0.0
    /// Sent behind the message that follows.
    package var reorder = 0.0
    package var seed: UInt64 = 1

    package init() {}

    package var isActive: Bool { loss > 0 || duplicate > 0 || reorder > 0 }
}

/// The options that set them.
struct EventFaultOptions {
    private let loss: OptionKey<Double>
    private let duplicate: OptionKey<Double>
    private let reorder: OptionKey<Double>
    private let seed: OptionKey<Int>

    init(in table: inout OptionTable) {
        table.group("Faults")
        loss = table.option("fault-event-loss", .number(0...1), default: 0, help: "Share of the batches of events that are not sent.")
        duplicate = table.option("fault-event-duplicate", .number(0...1), default: 0, help: "Share of them that are sent twice.")
        reorder = table.option("fault-event-reorder", .number(0...1), default: 0, help: "Share of them that are sent late.")
        seed = table.option("fault-event-seed", .integer(0...Int.max), default: 1, help: "Which batches these are.")
    }

    func faults(_ resolved: ResolvedConfiguration) -> EventFaults {
        var faults = EventFaults()
        faults.loss = resolved[loss]
        faults.duplicate = resolved[duplicate]
        faults.reorder = resolved[reorder]
        faults.seed = UInt64(resolved[seed])
        return faults
    }
}

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
