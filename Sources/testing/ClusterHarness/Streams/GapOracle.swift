import EventLoop
package import Transport
import WireProtocol

/// Counts, from what a feed delivered to one reader and nothing else, how often it must have found numbers missing.
///
/// Independent of the follower: it decodes whole messages, keeps one number, and knows of recoveries only how far a snapshot reached.
package final class GapOracle: @unchecked Sendable {
    // Safety: belongs to the thread of its world.

    /// The life that is followed; what others say is not heard.
    package var generation: UInt64 {
        didSet { known = nil }
    }
    package private(set) var gaps = 0
    package private(set) var messages = 0
    /// The last number that the reader can know of.
    private var known: UInt64?

    package init(generation: UInt64) { self.generation = generation }

    /// The reader has a snapshot that holds everything up to `number`.
    package func completed(_ number: UInt64) { known = max(known ?? 0, number) }

    /// What is heard next is believed, as in the beginning.
    package func forget() { known = nil }

    func delivered(_ bytes: UnsafeRawBufferPointer) {
        let message = RawSpan(_unsafeBytes: bytes)
        do throws(WireError) {
            let header = try MessageHeader(reading: message)
            guard header.origin == generation else { return }
            let body = message.extracting(droppingFirst: MessageHeader.byteCount)
            switch header.kind {
            case .workerEvents:
                let count = UInt64(try Codec.decodeBody(WorkerEvents.self, from: body).events.count)
                guard count > 0 else { return }
                gave(header.number - 1)
                known = max(known ?? 0, header.number + count - 1)
            case .beat: gave(header.number)
            default: break
            }
        } catch {}
    }

    /// The publisher has given `number` and all before it.
    private func gave(_ number: UInt64) {
        messages += 1
        if let known, number > known { gaps += 1 }
        known = max(known ?? 0, number)
    }
}

/// The network of a process, with an ear on what its subscriptions deliver.
package final class OverheardNetwork: Network, @unchecked Sendable {
    // Safety: belongs to the thread of its world.

    private let network: any Network
    private let oracle: GapOracle

    package init(_ network: any Network, oracle: GapOracle) {
        self.network = network
        self.oracle = oracle
    }

    package func listen(
        on address: Address, _ accept: @escaping @LoopActor (any ByteStream) -> Void
    ) throws(TransportError) -> any StreamListener { try network.listen(on: address, accept) }

    package func dial(
        _ address: Address, timeout: Duration, _ done: @escaping @LoopActor (Result<any ByteStream, TransportError>) -> Void
    ) { network.dial(address, timeout: timeout, done) }

    package func publisher(on address: Address) throws(TransportError) -> any PublishingSocket { try network.publisher(on: address) }

    package func subscriber(
        to address: Address, _ received: @escaping @LoopActor (UnsafeRawBufferPointer) -> Void
    ) throws(TransportError) -> any SubscribingSocket {
        let oracle = oracle
        return try network.subscriber(to: address) { bytes in
            oracle.delivered(bytes)
            received(bytes)
        }
    }
}
