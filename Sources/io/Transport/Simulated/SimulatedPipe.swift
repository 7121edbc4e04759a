import ClusterModel
import EventLoop

/// One direction of a connection: what the sender's kernel took, what is under way, and what the receiver has not read, in bounds.
final class SimulatedPipe {
    private enum Packet {
        case bytes([UInt8])
        case end(StreamBreak)
    }

    private let fabric: SimulatedFabric
    private let route: SimulatedRoute
    private let reverse: SimulatedRoute
    // The connection keeps both as long as either is open.
    private weak var sender: SimulatedStream?
    private weak var receiver: SimulatedStream?
    private weak var connection: SimulatedConnection?

    /// Given by the sender, and not yet taken by its kernel.
    private var waiting = ByteQueue()
    private(set) var total: UInt64 = 0
    /// Taken, and not yet known to be read.
    private var unread = 0
    private var underWay = Queue<Packet>()
    private var lastArrival = Instant.zero
    private var lineFree = Instant.zero
    private var delivered = 0
    private var isStopped = false
    /// The sender has more waiting than a polite one would, so it may want to know when that is gone.
    private var owesDrained = false
    private var breakAfter: (bytes: Int, style: StreamBreak)?

    init(
        from sender: SimulatedStream, to receiver: SimulatedStream, connection: SimulatedConnection, route: SimulatedRoute,
        reverse: SimulatedRoute,
        fabric: SimulatedFabric
    ) {
        self.sender = sender
        self.receiver = receiver
        self.connection = connection
        self.route = route
        self.reverse = reverse
        self.fabric = fabric
    }

    var unsent: Int { waiting.count }

    // MARK: Sender's side

    func send(_ bytes: inout [UInt8]) {
        waiting.append(&bytes)
        pump()
    }

    func notifyWhenDrained() {
        owesDrained = true
        tellIfDrained()
    }

    private func tellIfDrained() {
        guard waiting.isEmpty, owesDrained else { return }
        owesDrained = false
        sender?.drained()
    }

    /// The sender closed: what its kernel took still travels, and then the end.
    func finish(_ style: StreamBreak) {
        waiting.removeAll()
        guard !isStopped else { return }
        depart(.end(style), bytes: 0)
        isStopped = true
    }

    /// Nothing more travels: the sender's host is gone.
    func stop() {
        waiting.removeAll()
        isStopped = true
    }

    /// The connection broke: what is under way is lost.
    func sever() {
        stop()
        underWay.removeAll()
    }

    private func pump() {
        guard !isStopped else { return }
        let faults = route.faults
        // As kernels do, a full connection goes on when a good part of it is free: else small pieces would make room for small pieces only.
        guard faults.bufferBytes - unread >= min(waiting.count, faults.bufferBytes / 4) else { return }
        while !waiting.isEmpty, unread < faults.bufferBytes {
            // Now and then a few bytes only, so that every unit is met in pieces somewhere.
            let most = fabric.random(upTo: 8) == 1 ? 16 : faults.chunkBytes
            let count = min(fabric.random(upTo: most), waiting.count, faults.bufferBytes - unread)
            unread += count
            total += UInt64(count)
            depart(.bytes(waiting.take(count)), bytes: count)
        }
        tellIfDrained()
    }

    private func depart(_ packet: Packet, bytes: Int) {
        let now = fabric.world.now
        lineFree = max(lineFree, now)
        if let rate = route.faults.bytesPerSecond { lineFree = lineFree + .nanoseconds(Int64(bytes) * 1_000_000_000 / Int64(rate)) }
        // Later than the piece before it: pieces never overtake each other.
        lastArrival = max(lastArrival + .nanoseconds(1), lineFree + route.latency() + route.retransmissions())
        underWay.append(packet)
        fabric.world.schedule(at: lastArrival) { [self] in route.passOrHold { self.arrive() } }
    }

    // MARK: Receiver's side

    /// The oldest piece arrives; each departure schedules one arrival.
    private func arrive() {
        guard let packet = underWay.popFirst(), let receiver else { return }
        guard !receiver.isClosed else {
            // A kernel without that connection answers with a reset; one that is gone does not answer.
            if !receiver.host.isUnreachable { reverse.carry { [self] in sender?.hear(.reset) } }
            return
        }
        switch packet {
        case .end(let style): receiver.hear(style)
        case .bytes(let bytes):
            guard let limit = breakAfter, delivered + bytes.count >= limit.bytes else {
                delivered += bytes.count
                return receiver.arrived(bytes)
            }
            let last = Array(bytes.prefix(max(0, limit.bytes - delivered)))
            delivered += last.count
            breakAfter = nil
            receiver.arrived(last)
            connection?.breakNow(limit.style)
        }
    }

    /// The receiver has read them: there is room again, as soon as the sender's kernel knows.
    func read(_ count: Int) {
        reverse.carry { [self] in
            unread -= count
            pump()
        }
    }

    func breakAt(_ bytes: Int, _ style: StreamBreak) {
        if delivered >= bytes { connection?.breakNow(style) } else { breakAfter = (bytes, style) }
    }

    func breakNoMore() { breakAfter = nil }
}
