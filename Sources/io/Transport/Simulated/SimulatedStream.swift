import ClusterModel
import EventLoop

/// One end of a simulated connection.
///
/// Like the real one it has at most one delivery in its loop's inbox, and asks for the next when that was used; so a loop that does not run,
/// or an owner that does not read, leaves bytes in the kernel, and the peer feels it.
final class SimulatedStream: ByteStream, InboxReceiver, @unchecked Sendable {
    // Safety: belongs to the thread of its world.

    private enum Event: Int32 { case received, drained, sendFailed }

    let host: SimulatedHost
    let remoteAddress: Address?
    let localAddress: Address?
    let isMutuallyAuthenticated: Bool
    private let fabric: SimulatedFabric
    private weak var connection: SimulatedConnection?
    private var incoming: SimulatedPipe?
    private(set) var outgoing: SimulatedPipe?
    private var owner: (any ByteStreamOwner)?
    private var isReading = true
    private(set) var isClosed = false

    /// Arrived and not read.
    private var kernel = ByteQueue()
    /// Read and not used by the owner.
    private var buffer: [UInt8] = []
    private var isPosted = false
    private var end: StreamBreak?
    private var isEndTold = false

    init(host: SimulatedHost, fabric: SimulatedFabric, local: Address, remote: Address) {
        self.host = host
        self.fabric = fabric
        localAddress = local
        remoteAddress = remote
        isMutuallyAuthenticated = local.scheme == .tls
    }

    func attach(_ connection: SimulatedConnection, incoming: SimulatedPipe, outgoing: SimulatedPipe) {
        self.connection = connection
        self.incoming = incoming
        self.outgoing = outgoing
    }

    // MARK: ByteStream

    func start(_ owner: any ByteStreamOwner) {
        precondition(self.owner == nil, "a stream has one owner")
        self.owner = owner
        post()
    }

    func setReading(_ reading: Bool) {
        isReading = reading
        post()
    }

    var unsentBytes: Int { outgoing?.unsent ?? 0 }
    var sentTotal: UInt64 { outgoing?.total ?? 0 }

    func send(_ bytes: inout [UInt8]) {
        guard !isClosed, !bytes.isEmpty else { return bytes.removeAll(keepingCapacity: true) }
        outgoing?.send(&bytes)
        // A real send fails on a connection that was reset, whether or not its owner reads.
        if end == .reset, !isEndTold { put(.sendFailed) }
    }

    func send(_ bytes: inout [UInt8], then payload: [UInt8]) {
        bytes.append(contentsOf: payload)
        send(&bytes)
    }

    func notifyWhenDrained() { outgoing?.notifyWhenDrained() }

    func close() { shut() }

    func shut() {
        guard !isClosed else { return }
        // As a kernel does: bytes that nobody will read are answered with a reset.
        let style: StreamBreak = kernel.isEmpty ? .closed : .reset
        leave()
        outgoing?.finish(style)
        connection?.sideClosed()
    }

    func processDied(_ how: ProcessDeath) {
        guard how == .silent else { return shut() }
        guard !isClosed else { return }
        leave()
        outgoing?.stop()
        connection?.sideClosed()
    }

    private func leave() {
        isClosed = true
        owner = nil
        kernel.removeAll()
    }

    // MARK: From the network

    func arrived(_ bytes: [UInt8]) {
        guard end == nil else { return }
        kernel.append(bytes)
        post()
    }

    func hear(_ style: StreamBreak) {
        guard !isClosed, end != .reset, !isEndTold else { return }
        end = style
        if style == .reset {
            outgoing?.stop()
            // What arrived and was not read is lost with some kernels and libraries, and not with others.
            if fabric.random(upTo: 2) == 1 { kernel.removeAll() }
        }
        post()
    }

    func drained() { put(.drained) }

    // MARK: To the owner

    private func post() {
        guard owner != nil, isReading, !isPosted, !isClosed, !kernel.isEmpty || (end != nil && !isEndTold) else { return }
        isPosted = true
        put(.received)
    }

    private func put(_ event: Event) {
        _ = host.loop.inbox.put(InboxItem(self, event: event.rawValue, bytes: event == .received ? kernel.count : 0))
    }

    func receive(_ item: InboxItem) {
        if item.event == Event.received.rawValue { isPosted = false }
        guard !isClosed, let owner else { return }
        switch Event(rawValue: item.event) {
        case .received: deliver(to: owner)
        case .drained: owner.streamDrained()
        case .sendFailed: tellEnd(owner)
        case nil: preconditionFailure("an event that this stream did not put")
        }
        post()
    }

    @LoopActor private func deliver(to owner: any ByteStreamOwner) {
        guard !kernel.isEmpty else { return tellEnd(owner) }
        // All of it as a rule; sometimes a part, since a read may end anywhere.
        let count = fabric.random(upTo: 4) == 1 ? fabric.random(upTo: kernel.count) : kernel.count
        buffer.append(contentsOf: kernel.take(count))
        incoming?.read(count)
        fabric.world.trace(UInt64(count) ^ (connection?.number ?? 0) << 32)
        let used = buffer.withUnsafeBytes { owner.streamReceived($0) }
        guard !isClosed else { return buffer = [] }
        precondition(used <= buffer.count, "an owner uses what there is")
        if used == buffer.count {
            buffer.removeAll(keepingCapacity: buffer.count <= TransportLimits.receiveGrowthBytes)
        } else {
            buffer.removeFirst(used)
        }
    }

    @LoopActor private func tellEnd(_ owner: any ByteStreamOwner) {
        guard let end, !isEndTold else { return }
        isEndTold = true
        let peer = remoteAddress?.description ?? "peer"
        owner.streamClosed(
            end == .reset ? TransportError(.reset, "\(peer): connection reset") : TransportError(.closed, "\(peer): closed by peer"))
    }
}

extension SimulatedHost {
    /// Nobody answers for this host, not even its kernel.
    var isUnreachable: Bool { death == .silent }
}
