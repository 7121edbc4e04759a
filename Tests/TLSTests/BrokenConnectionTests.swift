import EventLoop
import TLS
import Testing

@Suite("Connections over TLS that break")
struct BrokenConnectionTests {
    /// A fatal alert in plain text: the client does not know the authority.
    private static let alert: [UInt8] = [0x15, 3, 3, 0, 2, 2, 48]

    /// What the acceptor was told of a client that sends this, piece by piece, and is gone with a reset that comes with the last.
    private func end(of pieces: [[UInt8]]) throws -> (told: [TLSFailure?], isOwnerTold: Bool, isClosed: Bool) {
        let world = VirtualWorld(seed: 1), loop = world.makeLoop("server")
        let identity = try TLSIdentity(try Fixture.set(), now: Fixture.valid)
        return loop.perform {
            let acceptor = TLSAcceptor(identity, on: loop), socket = HeldSocket(), owner = Owner()
            var told: [TLSFailure?] = []
            acceptor.handshakeEnded = { failure, _ in told.append(failure) }
            let connection = acceptor.accept(socket)
            owner.connection = connection
            connection.start(owner)
            for (index, piece) in pieces.enumerated() {
                socket.unread += piece
                socket.isReset = index == pieces.count - 1
                socket.owner?.socketReady(socket.isReset ? [.readable, .hangup, .broken] : .readable)
            }
            return (told, owner.told.contains(.broken), socket.isClosed)
        }
    }

    @Test("the alert of a client that is gone already is read, and says why it left")
    func alert() throws {
        let end = try end(of: [Fixture.greeting, Self.alert])
        #expect(end.told.count == 1 && end.told.first??.kind == .declined, "\(end.told)")
        #expect(end.told.first??.reason.contains("does not know the authority") == true, "\(end.told)")
        #expect(end.isOwnerTold && end.isClosed)
    }

    @Test("one that said nothing more, or nothing at all, has left", arguments: [[Fixture.greeting, []], [[]], [[0x16], []]])
    func silent(pieces: [[UInt8]]) throws {
        let end = try end(of: pieces)
        #expect(end.told.count == 1 && end.told.first??.kind == .left, "\(end.told)")
        #expect(end.isOwnerTold && end.isClosed)
    }

    /// Closes what broke, as servers do.
    private final class Owner: ByteSocketOwner {
        @LoopActor var connection: (any ByteSocket)?
        @LoopActor var told: FileEvents = []

        @LoopActor func socketReady(_ events: FileEvents) {
            told.formUnion(events)
            if events.contains(.broken) { connection?.close() }
        }
    }

    /// A connection whose bytes the test holds. Of one that was reset what came before can be read still, as of the kernel's.
    private final class HeldSocket: ByteSocket {
        @LoopActor var unread: [UInt8] = []
        @LoopActor var isReset = false
        @LoopActor private(set) var isClosed = false
        @LoopActor private(set) var owner: (any ByteSocketOwner)?

        @LoopActor var peerIsLoopback: Bool { true }
        @LoopActor var peer: String { "192.0.2.1" }
        @LoopActor var remoteEnd: SocketEnd? { nil }
        @LoopActor var localEnd: SocketEnd? { nil }
        @LoopActor func start(_ owner: any ByteSocketOwner) { self.owner = owner }
        @LoopActor func setReading(_ reading: Bool) {}
        @LoopActor func setWriting(_ writing: Bool) {}
        @LoopActor func keepUnsent(_ byteCount: Int) {}

        @LoopActor func receive(into buffer: UnsafeMutableRawBufferPointer) -> SocketRead {
            let count = min(buffer.count, unread.count)
            guard count > 0 else { return isReset ? .failed(104) : .nothing }
            buffer.copyBytes(from: unread[..<count])
            unread.removeFirst(count)
            return .bytes(count)
        }

        @LoopActor func send(_ bytes: UnsafeRawBufferPointer) -> SocketWrite { isReset ? .failed(32) : .taken(bytes.count) }
        @LoopActor func finishSending() {}
        @LoopActor func close() { end() }
        @LoopActor func reset() { end() }

        @LoopActor private func end() {
            isClosed = true
            owner = nil
        }
    }
}
