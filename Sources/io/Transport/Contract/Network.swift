import EventLoop

/// What the links and feeds of one process are built on: real sockets through nng, or a simulation. One contract, one test suite.
///
/// Byte streams never lose, repeat or reorder what they deliver; they may break at any byte, stall, or be half open. Feeds drop the oldest.
package protocol Network: AnyObject, Sendable {
    /// Listens; the listener tells `accept` of each new stream. Port 0 asks the system for one.
    @LoopActor func listen(on address: Address, _ accept: @escaping @LoopActor (any ByteStream) -> Void) throws(TransportError)
        -> any StreamListener
    /// Connects within `timeout`, and then calls `done` once.
    @LoopActor func dial(
        _ address: Address, timeout: Duration, _ done: @escaping @LoopActor (Result<any ByteStream, TransportError>) -> Void)
    @LoopActor func publisher(on address: Address) throws(TransportError) -> any PublishingSocket
    /// Keeps trying to reach the publisher, and calls `received` with each whole message while the call lasts.
    @LoopActor func subscriber(
        to address: Address, _ received: @escaping @LoopActor (UnsafeRawBufferPointer) -> Void
    ) throws(TransportError) -> any SubscribingSocket
}

package protocol StreamListener: AnyObject, Sendable {
    /// With the port that the system chose.
    @LoopActor var address: Address { get }
    /// At its limit of unfinished handshakes the owner pauses accepting; further peers wait in the kernel.
    @LoopActor func setAccepting(_ accepting: Bool)
    /// Accepted streams stay open.
    @LoopActor func close()
}

/// A connection: bytes in order, back-pressure both ways.
package protocol ByteStream: AnyObject, Sendable {
    @LoopActor var remoteAddress: Address? { get }
    /// The address on which the peer reached this process, or from which it was dialled.
    @LoopActor var localAddress: Address? { get }
    /// TLS with certificates checked on both sides: the peer is who it says without further proof.
    @LoopActor var isMutuallyAuthenticated: Bool { get }
    /// Begins to deliver. The stream keeps its owner alive until it is closed.
    @LoopActor func start(_ owner: any ByteStreamOwner)
    /// A stream that is not reading takes nothing from the kernel, so that the peer feels it.
    @LoopActor func setReading(_ reading: Bool)
    /// Takes the bytes: `bytes` comes back empty, perhaps with another buffer's capacity. Sending begins at once.
    @LoopActor func send(_ bytes: inout [UInt8])
    /// The same, and behind it what is large, from where it lies.
    @LoopActor func send(_ bytes: inout [UInt8], then payload: [UInt8])
    /// Taken by `send` and not yet by the kernel.
    @LoopActor var unsentBytes: Int { get }
    /// Calls `streamDrained` once, when nothing that was sent waits any more; at the latest in the next turn if nothing does now.
    @LoopActor func notifyWhenDrained()
    /// All that the kernel took since the start: does not move while the peer does not read.
    @LoopActor var sentTotal: UInt64 { get }
    /// Ends both directions at once; unsent bytes are lost. The owner hears nothing after this.
    @LoopActor func close()
}

package protocol ByteStreamOwner: AnyObject, Sendable {
    /// Gives how many of the bytes were used; the others come again with what follows them. To want more than the buffer holds is said
    /// by `wantedBytes`.
    @LoopActor func streamReceived(_ bytes: UnsafeRawBufferPointer) -> Int
    /// How many bytes the next unit needs in one piece; the stream grows its buffer to that. Bounded by the owner.
    @LoopActor var wantedBytes: Int { get }
    /// The kernel has taken everything; told once for each `notifyWhenDrained`.
    @LoopActor func streamDrained()
    @LoopActor func streamClosed(_ error: TransportError)
}

package protocol PublishingSocket: AnyObject, Sendable {
    @LoopActor var address: Address { get }
    /// To every subscriber that keeps up; for others the oldest waiting message is dropped. Never blocks.
    @LoopActor func publish(_ message: [UInt8])
    /// Called after a subscriber has connected: what is published from then on reaches it.
    @LoopActor var subscriberJoined: (@LoopActor () -> Void)? { get set }
    @LoopActor func close()
}

package protocol SubscribingSocket: AnyObject, Sendable {
    @LoopActor func close()
}

/// Why a transport did not do what was asked. It names the address, and nothing that a peer sent.
package struct TransportError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: String, Sendable {
        case refused, timedOut, closed, reset, unreachable, addressInUse, invalidAddress, tlsRequired, tlsFailed, outOfDescriptors,
            outOfMemory, other
    }

    package let code: Code
    package let detail: String

    package init(_ code: Code, _ detail: String) {
        self.code = code
        self.detail = detail
    }

    package var description: String { "\(code.rawValue): \(detail)" }
}
