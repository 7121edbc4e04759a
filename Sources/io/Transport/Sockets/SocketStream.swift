import EventLoop

/// A connection as a socket of the loop's own: what it costs is its system calls. `proto-spec/decisions/0013` tells why it is not nng's.
///
/// It reads where the loop stands, into one buffer, and asks for more only when that is used: a loop that falls behind stops reading, and the peer
/// feels it. It writes at once what the kernel takes, and the rest when there is room.
@LoopActor
final class SocketStream: ByteStream, ByteSocketOwner, EndOfTurn {
    let remoteAddress: Address?
    let localAddress: Address?
    let isMutuallyAuthenticated = false

    private let socket: any ByteSocket
    private let loop: Loop
    private var owner: (any ByteStreamOwner)?
    private var isOpen = true
    private var isReading = true
    /// What it ended with is told once, in a turn of its own.
    private var isFailing = false
    @exclusivity(unchecked) private var window = ReceiveWindow()
    @exclusivity(unchecked) private var unsent = UnsentBytes()
    private var owesDrainNotice = false
    /// Sends in a row that needed no large buffer.
    private var quietSends = 0

    /// Reads in one turn of what arrives faster than it is used; other connections come in between.
    private static let readsPerTurn = 4
    /// A larger buffer is kept only while the traffic needs it: making one anew for each send costs more than the send.
    private static let keptSendBytes = 64 << 10
    /// After so many sends without need of a larger buffer it is given back: four seconds of heartbeats on a link that fell silent.
    private static let quietSendsBeforeShrinking = 16

    init(adopting socket: any ByteSocket, on loop: Loop) {
        self.socket = socket
        self.loop = loop
        remoteAddress = socket.remoteEnd.map(Address.init)
        localAddress = socket.localEnd.map(Address.init)
        socket.keepUnsent(TransportLimits.kernelUnsentBytes)
    }

    // MARK: ByteStream

    func start(_ owner: any ByteStreamOwner) {
        precondition(self.owner == nil, "a stream has one owner")
        self.owner = owner
        socket.start(self)
        if !isReading { socket.setReading(false) }
    }

    func setReading(_ reading: Bool) {
        guard isOpen, reading != isReading else { return }
        isReading = reading
        if owner != nil { socket.setReading(reading) }
    }

    var unsentBytes: Int { unsent.count }
    private(set) var sentTotal: UInt64 = 0

    func send(_ bytes: inout [UInt8]) { send(&bytes, then: []) }

    func send(_ bytes: inout [UInt8], then payload: [UInt8]) {
        guard isOpen, !isFailing, !bytes.isEmpty else { return bytes.removeAll(keepingCapacity: true) }
        quietSends = bytes.count > Self.keptSendBytes ? 0 : min(quietSends + 1, Self.quietSendsBeforeShrinking)
        if unsent.isEmpty {
            let taken = write(bytes, from: 0)
            if taken < bytes.count {
                unsent.append(&bytes, from: taken)
                unsent.append(payload, from: 0)
            } else {
                let takenOfPayload = write(payload, from: 0)
                unsent.append(payload, from: takenOfPayload)
            }
            if !unsent.isEmpty, !isFailing { socket.setWriting(true) }
        } else {
            unsent.append(&bytes, from: 0)
            unsent.append(payload, from: 0)
        }
        let isQuiet = quietSends == Self.quietSendsBeforeShrinking
        if isQuiet { unsent.dropSpare() }
        bytes.removeAll(keepingCapacity: !isQuiet || bytes.capacity <= Self.keptSendBytes)
    }

    func notifyWhenDrained() {
        guard !owesDrainNotice else { return }
        owesDrainNotice = true
        // With the next turn, not with a timer: those are a millisecond apart, in which a fast peer takes megabytes.
        if unsent.isEmpty { loop.atEndOfTurn(self) }
    }

    var endOfTurn: EndOfTurnStage { .written }
    func flush() { tellIfDrained() }

    func close() {
        guard isOpen else { return }
        isOpen = false
        owner = nil
        unsent.removeAll()
        socket.close()
    }

    // MARK: ByteSocketOwner

    func socketReady(_ events: FileEvents) {
        if events.contains(.writable) { writeOn() }
        guard isOpen, !isFailing else { return }
        // Of what is broken both ways nothing is told again: all that the kernel still has of it is read now, and its end with that. What is not read
        // is otherwise not known to have ended.
        let isBroken = events.contains(.broken)
        if isBroken || (isReading && (events.contains(.readable) || events.contains(.hangup))) { readOn(toEnd: isBroken) }
    }

    private func readOn(toEnd: Bool) {
        var reads = 0
        while toEnd || reads < Self.readsPerTurn {
            reads += 1
            let room = window.room
            switch socket.receive(into: room) {
            case .bytes(let count):
                window.filled(count)
                guard let owner else { return }
                let used = owner.streamReceived(window.bytes)
                guard isOpen else { return }
                window.use(used, wanted: owner.wantedBytes)
                // Less than there was room for: nothing more waits now.
                guard toEnd || (count == room.count && isReading) else { return }
            case .nothing:
                if toEnd { fail(TransportError(.reset, remoteAddress?.description ?? "peer")) }
                return
            case .ended: return fail(TransportError(.closed, "\(remoteAddress?.description ?? "peer"): the peer has ended the connection"))
            case .failed(let code): return fail(TransportError(errno: code, remoteAddress?.description ?? "peer"))
            }
        }
    }

    // MARK: Sending

    /// How many of the bytes have left, counted from their begin.
    private func write(_ bytes: [UInt8], from start: Int) -> Int {
        var place = start
        while place < bytes.count {
            let outcome = bytes.withUnsafeBytes { socket.send(UnsafeRawBufferPointer(rebasing: $0[place...])) }
            switch outcome {
            case .taken(0): return place
            case .taken(let count):
                place += count
                sentTotal += UInt64(count)
            case .failed(let code):
                failSoon(TransportError(errno: code, remoteAddress?.description ?? "peer"))
                return place
            }
        }
        return place
    }

    private func writeOn() {
        while let (count, isWhole) = writeFirst() {
            guard !isFailing else { return }
            unsent.took(count)
            if !isWhole { return }
        }
        socket.setWriting(false)
        tellIfDrained()
    }

    /// A function of its own, so that nobody else holds the piece when it has left: its buffer is used again.
    private func writeFirst() -> (count: Int, isWhole: Bool)? {
        guard let (bytes, start) = unsent.first else { return nil }
        let place = write(bytes, from: start)
        return (place - start, place == bytes.count)
    }

    private func tellIfDrained() {
        guard isOpen, owesDrainNotice, unsent.isEmpty, let owner else { return }
        owesDrainNotice = false
        owner.streamDrained()
    }

    // MARK: The end

    private func fail(_ error: TransportError) {
        guard isOpen, !isFailing else { return }
        isFailing = true
        unsent.removeAll()
        // Told for ever otherwise.
        socket.setReading(false)
        owner?.streamClosed(error)
    }

    /// Never within the call of `send` that met it.
    private func failSoon(_ error: TransportError) {
        loop.schedule(after: .zero) { [self] in fail(error) }
    }
}

extension Address {
    /// As peers are named: what came over both families by its version 4 address.
    init(_ end: SocketEnd) {
        let mapped = "::ffff:"
        let isMapped = end.host.hasPrefix(mapped) && end.host.contains(".")
        self.init(.tcp, host: isMapped ? String(end.host.dropFirst(mapped.count)) : end.host, port: end.port)
    }
}
