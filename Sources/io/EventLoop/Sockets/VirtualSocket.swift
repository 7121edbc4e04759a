import ClusterModel
import Glibc

/// One end of a simulated connection, as a kernel keeps it: what arrived and was not read, and what was told to its owner.
final class VirtualSocket: ByteSocket, InboxReceiver, @unchecked Sendable {
    // Safety: belongs to the thread of its world.

    private enum Arrived { case data, end, reset }

    let peer: String
    let peerIsLoopback: Bool
    var remoteEnd: SocketEnd? { nil }
    var localEnd: SocketEnd? { nil }
    /// Where its host keeps it.
    var place = -1
    let host: VirtualSockets
    private var outgoing: VirtualPipe?
    private var incoming: VirtualPipe?
    private var owner: (any ByteSocketOwner)?
    private var isOpen = true
    private var isReading = true
    private var isWriting = false
    private var isPosted = false

    private var kernel: [UInt8] = []
    private var readCount = 0
    private var state = Arrived.data
    private var endIsRead = false
    private var hangupIsTold = false
    private var brokenIsTold = false

    init(on host: VirtualSockets, peer: VirtualSockets) {
        self.host = host
        self.peer = peer.name
        peerIsLoopback = host === peer
        host.opened(self)
    }

    static func join(_ a: VirtualSocket, _ b: VirtualSocket) {
        let there = VirtualPipe(from: a, to: b, on: a.host.fabric), back = VirtualPipe(from: b, to: a, on: a.host.fabric)
        (a.outgoing, a.incoming) = (there, back)
        (b.outgoing, b.incoming) = (back, there)
    }

    /// Its process runs, or might again.
    var isAlive: Bool { isOpen && !host.isDead }

    // MARK: ByteSocket

    func start(_ owner: any ByteSocketOwner) {
        precondition(self.owner == nil && isOpen, "a socket has one owner")
        self.owner = owner
        post()
    }

    func setReading(_ reading: Bool) {
        isReading = reading
        post()
    }

    func setWriting(_ writing: Bool) {
        isWriting = writing
        post()
    }

    /// What the simulated kernel takes is its own affair, and the same for all.
    func keepUnsent(_ byteCount: Int) {}

    func receive(into buffer: UnsafeMutableRawBufferPointer) -> SocketRead {
        guard isOpen else { return .failed(EBADF) }
        guard state != .reset else { return .failed(ECONNRESET) }
        let available = kernel.count - readCount
        guard available > 0 else {
            guard state == .end else { return .nothing }
            endIsRead = true
            return .ended
        }
        // All of it as a rule; sometimes a part, since a read may end anywhere.
        var count = min(available, buffer.count)
        if host.fabric.random(upTo: 4) == 1 { count = host.fabric.random(upTo: count) }
        kernel.withUnsafeBytes { buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[readCount..<(readCount + count)])) }
        readCount += count
        if readCount == kernel.count {
            kernel = []
            readCount = 0
        }
        incoming?.read(count)
        host.fabric.world.trace(UInt64(count))
        return .bytes(count)
    }

    func send(_ bytes: UnsafeRawBufferPointer) -> SocketWrite {
        guard isOpen else { return .failed(EBADF) }
        guard state != .reset, let outgoing else { return .failed(ECONNRESET) }
        guard let taken = outgoing.take(bytes) else { return .failed(EPIPE) }
        return .taken(taken)
    }

    func finishSending() { outgoing?.finish() }

    func close() {
        guard isOpen else { return }
        // As a kernel does: bytes that nobody will read are answered with a reset.
        guard kernel.isEmpty, state != .reset else { return breakOff() }
        outgoing?.finish()
        leave()
    }

    func reset() { breakOff() }

    /// Ends this end, and the peer hears of a reset.
    func breakOff() {
        guard isOpen else { return }
        outgoing?.reset()
        leave()
    }

    private func leave() {
        isOpen = false
        owner = nil
        kernel = []
        host.closed(self)
    }

    // MARK: Faults

    /// Both ends hear of a reset.
    func breakNow() {
        outgoing?.reset()
        arrived(reset: true)
    }

    func processDied(_ how: SocketDeath) {
        switch how {
        case .reset: breakOff()
        case .silent:
            outgoing?.stop()
            leave()
        }
    }

    // MARK: From the network

    func arrived(_ bytes: ArraySlice<UInt8>) {
        guard state == .data else { return }
        kernel.append(contentsOf: bytes)
        post()
    }

    func arrived(reset: Bool) {
        guard isOpen, state != .reset else { return }
        state = reset ? .reset : .end
        if reset {
            kernel = []
            readCount = 0
            outgoing?.stop()
        }
        post()
    }

    func hasRoom() { post() }

    // MARK: To the owner

    /// What it would be told now.
    private var events: FileEvents {
        var events: FileEvents = []
        if state == .reset { return brokenIsTold ? [] : [.hangup, .broken] }
        if isReading, readCount < kernel.count || (state == .end && !endIsRead) { events.insert(.readable) }
        if isWriting, outgoing?.hasRoom ?? false { events.insert(.writable) }
        if state == .end, !hangupIsTold { events.insert(.hangup) }
        return events
    }

    private func post() {
        guard owner != nil, isOpen, !isPosted, !events.isEmpty else { return }
        isPosted = true
        _ = host.loop.inbox.put(InboxItem(self, event: 0))
    }

    func receive(_ item: InboxItem) {
        isPosted = false
        guard isOpen, let owner else { return }
        let events = events
        if events.contains(.hangup) { hangupIsTold = true }
        if events.contains(.broken) { brokenIsTold = true }
        if !events.isEmpty { owner.socketReady(events) }
        // Told again in the next turn while it holds, as epoll does.
        post()
    }
}

/// One direction of a simulated connection: what its sender's kernel took, what is under way, and what was not read, within bounds.
final class VirtualPipe {
    private enum Packet {
        case bytes(ArraySlice<UInt8>)
        case end, reset
    }

    private let fabric: VirtualSocketFabric
    private weak var sender: VirtualSocket?
    private weak var receiver: VirtualSocket?
    private let target: VirtualSockets
    /// Taken, and not yet known to be read.
    private var unread = 0
    private var lastArrival = Instant.zero
    private var isStopped = false

    init(from sender: VirtualSocket, to receiver: VirtualSocket, on fabric: VirtualSocketFabric) {
        self.sender = sender
        self.receiver = receiver
        target = receiver.host
        self.fabric = fabric
    }

    /// As kernels do, a full connection is writable when a good part of it is free.
    var hasRoom: Bool { isStopped || fabric.plan.bufferBytes - unread >= max(1, fabric.plan.bufferBytes / 4) }

    /// nil after the end was sent.
    func take(_ bytes: UnsafeRawBufferPointer) -> Int? {
        guard !isStopped else { return nil }
        let count = max(0, min(bytes.count, fabric.plan.bufferBytes - unread))
        unread += count
        var rest = Array(bytes.prefix(count))[...]
        while !rest.isEmpty {
            // Now and then a few bytes only, so that every message is met in pieces somewhere.
            let most = fabric.random(upTo: 8) == 1 ? 16 : fabric.plan.pieceBytes
            let piece = rest.prefix(fabric.random(upTo: most))
            rest = rest.dropFirst(piece.count)
            depart(.bytes(piece))
        }
        return count
    }

    /// The end travels behind what was taken.
    func finish() {
        guard !isStopped else { return }
        depart(.end)
        isStopped = true
    }

    /// What is under way may arrive before it or not at all; nothing after it.
    func reset() {
        depart(.reset)
        isStopped = true
    }

    func stop() { isStopped = true }

    private func depart(_ packet: Packet) {
        // Later than the piece before it: pieces never overtake each other.
        lastArrival = max(lastArrival + .nanoseconds(1), fabric.world.now + fabric.latency())
        fabric.world.schedule(at: lastArrival) { [self] in arrive(packet) }
    }

    private func arrive(_ packet: Packet) {
        guard let receiver, receiver.isAlive else {
            // A kernel without that connection answers data with a reset; one that is gone does not answer.
            guard case .bytes = packet, !target.isUnreachable else { return }
            fabric.world.schedule(after: fabric.latency()) { [self] in sender?.arrived(reset: true) }
            return
        }
        switch packet {
        case .bytes(let bytes): receiver.arrived(bytes)
        case .end: receiver.arrived(reset: false)
        case .reset: receiver.arrived(reset: true)
        }
    }

    /// There is room again, as soon as the sender's kernel knows.
    func read(_ count: Int) {
        fabric.world.schedule(after: fabric.latency()) { [self] in
            unread -= count
            sender?.hasRoom()
        }
    }
}
