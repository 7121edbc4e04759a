import EventLoop
import Transport

/// A connection with somebody in it: what its owner sends is changed, what it receives is seen.
final class InterposedStream: ByteStream, @unchecked Sendable {
    // Safety: belongs to the thread of its world.

    private let stream: any ByteStream
    private let interposer: any Interposer
    private var outgoing = MessageSplitter()

    init(_ stream: any ByteStream, _ interposer: any Interposer) {
        self.stream = stream
        self.interposer = interposer
    }

    var remoteAddress: Address? { stream.remoteAddress }
    var localAddress: Address? { stream.localAddress }
    var isMutuallyAuthenticated: Bool { stream.isMutuallyAuthenticated }
    var unsentBytes: Int { stream.unsentBytes }
    var sentTotal: UInt64 { stream.sentTotal }

    func start(_ owner: any ByteStreamOwner) { stream.start(Ear(owner, interposer)) }
    func setReading(_ reading: Bool) { stream.setReading(reading) }
    func notifyWhenDrained() { stream.notifyWhenDrained() }
    func close() { stream.close() }

    func send(_ bytes: inout [UInt8]) {
        outgoing.append(bytes)
        bytes.removeAll(keepingCapacity: true)
        var changed = outgoing.takeGreeting() ?? []
        while let message = outgoing.next() {
            for message in interposer.leaving(message) { MessageSplitter.append(message, to: &changed) }
        }
        if !changed.isEmpty { stream.send(&changed) }
    }

    func send(_ bytes: inout [UInt8], then payload: [UInt8]) {
        bytes.append(contentsOf: payload)
        send(&bytes)
    }
}

/// Stands where the owner would, tells it everything, and the interposer what it took.
private final class Ear: ByteStreamOwner, @unchecked Sendable {
    // Safety: belongs to the thread of its world.

    private let owner: any ByteStreamOwner
    private let interposer: any Interposer
    private var incoming = MessageSplitter()

    init(_ owner: any ByteStreamOwner, _ interposer: any Interposer) {
        self.owner = owner
        self.interposer = interposer
    }

    var wantedBytes: Int { owner.wantedBytes }

    func streamReceived(_ bytes: UnsafeRawBufferPointer) -> Int {
        let used = owner.streamReceived(bytes)
        incoming.append(bytes.prefix(used))
        _ = incoming.takeGreeting()
        while let message = incoming.next() { interposer.arriving(message) }
        return used
    }

    func streamDrained() { owner.streamDrained() }
    func streamClosed(_ error: TransportError) { owner.streamClosed(error) }
}
