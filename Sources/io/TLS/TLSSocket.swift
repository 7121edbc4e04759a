import EventLoop
import Glibc

/// A connection over TLS, which its owner cannot tell from a plain one: until the handshake is done it is not readable and takes nothing, so
/// that a slow one meets the deadlines of whoever waits for a first request.
///
/// What the kernel did not take of a record waits here, and its plain text counts as not taken: the owner comes with it again, and its
/// deadlines and bounds hold for it.
@LoopActor
final class TLSSocket: ByteSocket, ByteSocketOwner {
    private enum State { case shaking, open, closed }

    private let socket: any ByteSocket
    private let acceptor: TLSAcceptor
    private var owner: (any ByteSocketOwner)?
    private var state = State.shaking
    /// From the first byte on: who only connects costs no memory of it.
    private var session: TLSSession?
    /// Of the session's output, so many bytes are the kernel's.
    private var sent = 0
    /// Plain text of a record that waits for the kernel.
    private var inFlight = 0
    private var isReading = true
    private var isWriting = false
    /// Told once by the socket, and to be passed on when the handshake is done.
    private var hasHungUp = false
    private var hasEnded = false

    init(_ socket: any ByteSocket, of acceptor: TLSAcceptor) {
        self.socket = socket
        self.acceptor = acceptor
    }

    var peerIsLoopback: Bool { socket.peerIsLoopback }
    var peer: String { socket.peer }
    var usesReserve: Bool { socket.usesReserve }
    var remoteEnd: SocketEnd? { socket.remoteEnd }
    var localEnd: SocketEnd? { socket.localEnd }
    func keepUnsent(_ byteCount: Int) { socket.keepUnsent(byteCount) }

    func start(_ owner: any ByteSocketOwner) {
        self.owner = owner
        socket.start(self)
    }

    func setReading(_ reading: Bool) {
        isReading = reading
        if state == .open { socket.setReading(reading && !hasEnded) }
    }

    func setWriting(_ writing: Bool) {
        isWriting = writing
        updateWriting()
    }

    private func updateWriting() {
        guard state != .closed else { return }
        socket.setWriting(hasUnsent || (isWriting && state == .open))
    }

    // MARK: Events

    func socketReady(_ events: FileEvents) {
        guard owner != nil else { return }
        if events.contains(.broken) {
            // What the client said before it left tells why: a reset does not take that back.
            if state == .shaking, session != nil { shake(events) }
            owner?.socketReady(events)
            return
        }
        if events.contains(.writable) { flush() }
        guard state == .open else {
            if events.contains(.hangup) { hasHungUp = true }
            return shake(events)
        }
        var events = events
        if hasUnsent || !isWriting {
            events.remove(.writable)
            updateWriting()
        }
        if !events.isEmpty { owner?.socketReady(events) }
    }

    // MARK: Handshake

    private func shake(_ events: FileEvents) {
        guard state == .shaking, events.contains(.readable) || events.contains(.hangup), acceptor.mayStep() else { return }
        while state == .shaking {
            let wanted = min(session?.wantedBytes ?? 5, acceptor.scratch.count)
            switch socket.receive(into: UnsafeMutableRawBufferPointer(rebasing: acceptor.scratch[..<wanted])) {
            case .nothing: return updateWriting()
            case .ended, .failed: return fail(.left)
            case .bytes(let count): take(UnsafeRawBufferPointer(rebasing: acceptor.scratch[..<count]))
            }
        }
    }

    private func take(_ bytes: UnsafeRawBufferPointer) {
        // A record of TLS begins with a control character, a request of HTTP with a letter.
        if session == nil, let first = bytes.first, (0x41...0x5A).contains(first) { return refusePlainText() }
        if session == nil { do throws(TLSFailure) { session = try TLSSession(acceptor.identity) } catch { return fail(error) } }
        guard let session else { return }
        switch session.handshake(bytes) {
        case .needsInput: flush()
        case .established:
            flush()
            if state == .shaking { open() }
        case .failed(let failure):
            // With it goes mbedTLS's word to the client.
            flush()
            fail(failure)
        }
    }

    private func open() {
        state = .open
        acceptor.handshakeEnded?(nil, "")
        socket.setReading(isReading)
        updateWriting()
        // It was told while nobody could be asked.
        if hasHungUp { owner?.socketReady([.readable, .hangup]) }
    }

    private func refusePlainText() {
        _ = acceptor.answerToPlainText.withUnsafeBytes { socket.send($0) }
        fail(.plain)
    }

    /// The client may read why: with bytes of it unread the kernel would send a reset instead.
    private func fail(_ failure: TLSFailure) {
        guard state == .shaking else { return }
        acceptor.handshakeEnded?(failure, socket.peer)
        _ = socket.receive(into: acceptor.scratch)
        let owner = owner
        end { socket.close() }
        owner?.socketReady([.hangup, .broken])
    }

    // MARK: Reading

    func receive(into buffer: UnsafeMutableRawBufferPointer) -> SocketRead {
        guard state == .open, let session else { return state == .closed ? .failed(EBADF) : .nothing }
        if hasEnded { return .ended }
        // Of a record that came in part up to the whole is still to be told.
        let room = min(acceptor.scratch.count, buffer.count - TLSLimits.recordBytes)
        precondition(room > 0, "a reader over TLS brings room for two records")
        switch socket.receive(into: UnsafeMutableRawBufferPointer(rebasing: acceptor.scratch[..<room])) {
        case .bytes(let count):
            let (found, outcome) = session.decrypt(UnsafeRawBufferPointer(rebasing: acceptor.scratch[..<count]), into: buffer)
            flush()
            switch outcome {
            case .failed: return .failed(EPROTO)
            case .open: return found > 0 ? .bytes(found) : .nothing
            case .ended:
                hasEnded = true
                socket.setReading(false)
                guard found > 0 else { return .ended }
                acceptor.loop.spawn { if self.state == .open { self.owner?.socketReady(.readable) } }
                return .bytes(found)
            }
        case .ended:
            hasEnded = true
            return .ended
        case let other: return other
        }
    }

    // MARK: Sending

    private var hasUnsent: Bool { session.map { $0.output.count > sent } ?? false }

    func send(_ bytes: UnsafeRawBufferPointer) -> SocketWrite {
        guard state == .open, let session else { return state == .closed ? .failed(EBADF) : .taken(0) }
        if hasUnsent {
            flush()
            if state == .closed { return .failed(EPIPE) }
            if hasUnsent { return .taken(0) }
        }
        precondition(inFlight <= bytes.count, "who was told that bytes are not taken comes with them again")
        var taken = inFlight
        inFlight = 0
        while taken < bytes.count {
            if session.output.capacity == 0 { swap(&session.output, &acceptor.spareOutput) }
            guard let count = session.encrypt(UnsafeRawBufferPointer(rebasing: bytes[taken...])) else { return .failed(EPROTO) }
            flush()
            if state == .closed { return .failed(EPIPE) }
            if hasUnsent {
                inFlight = count
                break
            }
            taken += count
        }
        return .taken(taken)
    }

    /// Gives the kernel what it takes of the output.
    private func flush() {
        guard state != .closed, let session else { return }
        while sent < session.output.count {
            let result = session.output.withUnsafeBytes { socket.send(UnsafeRawBufferPointer(rebasing: $0[sent...])) }
            switch result {
            case .taken(0): return
            case .taken(let count): sent += count
            // The socket tells its owner of a break by itself; until then nothing more leaves.
            case .failed: return
            }
        }
        guard sent > 0 else { return }
        sent = 0
        session.output.removeAll(keepingCapacity: true)
        if acceptor.spareOutput.capacity < session.output.capacity { swap(&session.output, &acceptor.spareOutput) }
        session.output = []
    }

    // MARK: Ending

    func finishSending() {
        sayGoodbye()
        socket.finishSending()
    }

    func close() {
        sayGoodbye()
        if state == .shaking { acceptor.handshakeEnded?(.left, socket.peer) }
        end { socket.close() }
    }

    func reset() {
        if state == .shaking { acceptor.handshakeEnded?(.left, socket.peer) }
        end { socket.reset() }
    }

    private func sayGoodbye() {
        guard state == .open, let session, !hasUnsent else { return }
        session.sayGoodbye()
        flush()
    }

    private func end(_ close: () -> Void) {
        guard state != .closed else { return }
        state = .closed
        owner = nil
        session = nil
        close()
    }
}
