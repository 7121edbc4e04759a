internal import CNng
import Concurrency
import EventLoop

/// A connection as an `nng_stream`.
///
/// Receiving: one buffer, owned in turn by nng and by the loop. The loop asks for the next bytes only when it has used these, so a loop that
/// falls behind stops reading, and the peer feels it. Sending: the loop hands over all bytes of a turn; nng's callback goes on with what
/// gathered meanwhile, without waking the loop.
@LoopActor
final class NngStream: ByteStream, InboxReceiver {
    private enum Event: Int32 { case received, drained, sendFailed }

    /// What leaves in one operation: messages that were gathered, and behind them bytes that lie elsewhere.
    private struct Parcel: Sendable {
        var head: [UInt8] = []
        var payload: [UInt8] = []
        var count: Int { head.count + payload.count }
    }

    private struct Sending: Sendable {
        var inFlight = Parcel()
        var offset = 0
        var waiting: [Parcel] = []
        var waitingBytes = 0
        /// Memory for the next parcel, from one that has left.
        var spare: [UInt8] = []
        var isSending = false
        var total: UInt64 = 0
        /// Sends in a row that needed no large buffer.
        var quietSends = 0
        var owesDrainNotice = false
        var unsent: Int { inFlight.count - offset + waitingBytes }

        /// True if that has to be started now.
        mutating func put(_ bytes: inout [UInt8], _ payload: [UInt8]) -> Bool {
            guard isSending else {
                swap(&inFlight.head, &bytes)
                inFlight.payload = payload
                offset = 0
                isSending = true
                return true
            }
            waitingBytes += bytes.count + payload.count
            if let last = waiting.indices.last, waiting[last].payload.isEmpty {
                waiting[last].head.append(contentsOf: bytes)
                waiting[last].payload = payload
            } else {
                waiting.append(Parcel(payload: payload))
                swap(&waiting[waiting.count - 1].head, &bytes)
                swap(&bytes, &spare)
            }
            return false
        }

        /// What was in flight has left. False if nothing waits.
        mutating func next(keeping keptBytes: Int) -> Bool {
            inFlight.payload = []
            inFlight.head.removeAll(keepingCapacity: inFlight.head.capacity <= keptBytes)
            if spare.capacity > keptBytes { spare = [] }
            offset = 0
            guard !waiting.isEmpty else { return false }
            if inFlight.head.capacity > spare.capacity { swap(&inFlight.head, &spare) }
            inFlight = waiting.removeFirst()
            waitingBytes -= inFlight.count
            return true
        }
    }

    let isMutuallyAuthenticated: Bool
    private(set) var remoteAddress: Address?
    private(set) var localAddress: Address?
    private let scheme: Address.Scheme
    private let network: NngNetwork
    private nonisolated let inbox: Inbox
    private nonisolated(unsafe) let raw: OpaquePointer
    // Safety: `raw` never changes, and nng locks the stream itself.
    private nonisolated let receiving = Once<NngAio>()
    private nonisolated let sendingAio = Once<NngAio>()
    private nonisolated let sending = Lock(Sending())
    private var owner: (any ByteStreamOwner)?
    private var isReading = true
    private var isArmed = false
    private var isClosed = false

    @exclusivity(unchecked) private var window = ReceiveWindow()

    /// A larger buffer is kept only while the traffic needs it: making one anew for each send costs more than the send.
    private nonisolated static let keptSendBytes = 64 << 10
    /// After so many sends without need of a larger buffer it is given back: four seconds of heartbeats on a link that fell silent.
    private nonisolated static let quietSends = 16

    init(adopting raw: OpaquePointer, network: NngNetwork, scheme: Address.Scheme, isMutuallyAuthenticated: Bool) {
        self.raw = raw
        self.network = network
        self.isMutuallyAuthenticated = isMutuallyAuthenticated
        inbox = network.loop.inbox
        self.scheme = scheme
        receiving.set(
            NngAio(self) { context in
                guard let context else { return }
                Unmanaged<NngStream>.fromOpaque(context).takeUnretainedValue().receiveCompleted()
            })
        sendingAio.set(
            NngAio(self) { context in
                guard let context else { return }
                Unmanaged<NngStream>.fromOpaque(context).takeUnretainedValue().sendCompleted()
            })
        readAddresses()
    }

    /// Whether the kernel knows the peer: then the connection was made, or was made and is over.
    @discardableResult
    func readAddresses() -> Bool {
        var place = nng_sockaddr()
        remoteAddress = nng_stream_get_addr(raw, NNG_OPT_REMADDR, &place) == 0 ? Nng.address(place, scheme: scheme) : nil
        localAddress = nng_stream_get_addr(raw, NNG_OPT_LOCADDR, &place) == 0 ? Nng.address(place, scheme: scheme) : nil
        return remoteAddress != nil
    }

    // MARK: ByteStream

    func start(_ owner: any ByteStreamOwner) {
        precondition(self.owner == nil, "a stream has one owner")
        self.owner = owner
        arm()
    }

    func setReading(_ reading: Bool) {
        isReading = reading
        arm()
    }

    var unsentBytes: Int { sending.with { $0.unsent } }
    var sentTotal: UInt64 { sending.with { $0.total } }

    func send(_ bytes: inout [UInt8]) { send(&bytes, then: []) }

    func send(_ bytes: inout [UInt8], then payload: [UInt8]) {
        guard !isClosed, !bytes.isEmpty else { return bytes.removeAll(keepingCapacity: true) }
        let mustStart = sending.with { $0.put(&bytes, payload) }
        bytes.removeAll(keepingCapacity: true)
        if mustStart { startSend() }
    }

    func notifyWhenDrained() {
        let isDrained = sending.with { state in
            state.owesDrainNotice = state.isSending
            return !state.isSending
        }
        if isDrained { _ = inbox.put(InboxItem(self, event: Event.drained.rawValue)) }
    }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        owner = nil
        nng_stream_close(raw)
        let aios = [receiving.value, sendingAio.value]
        network.dispose { [self] in
            for aio in aios { aio.free() }
            nng_stream_free(raw)
        }
    }

    // MARK: Receiving

    private func arm() {
        guard isReading, !isArmed, !isClosed, owner != nil else { return }
        isArmed = true
        let room = window.room
        var vector = nng_iov(iov_buf: room.baseAddress, iov_len: room.count)
        Nng.must(nng_aio_set_iov(receiving.value.raw, 1, &vector), "nng_aio_set_iov")
        nng_stream_recv(raw, receiving.value.raw)
    }

    /// On a thread of nng's.
    private nonisolated func receiveCompleted() {
        let aio = receiving.value, status = aio.status
        // The loop re-arms itself, so at most one item of this stream waits whatever the peer sends.
        _ = inbox.put(
            InboxItem(self, event: Event.received.rawValue, status: status, bytes: status == 0 ? nng_aio_count(aio.raw) : 0))
    }

    func receive(_ item: InboxItem) {
        guard !isClosed, let owner else { return }
        switch Event(rawValue: item.event) {
        case .received where item.status == 0:
            isArmed = false
            window.filled(item.bytes)
            let used = owner.streamReceived(window.bytes)
            guard !isClosed else { return }
            window.use(used, wanted: owner.wantedBytes)
            arm()
        case .received, .sendFailed: owner.streamClosed(Nng.error(item.status, remoteAddress?.description ?? "peer"))
        case .drained: owner.streamDrained()
        case nil: preconditionFailure("an event that this stream did not put")
        }
    }

    // MARK: Sending

    /// By whoever set `isSending`: the loop, or nng's callback.
    private nonisolated func startSend() {
        var vectors = (nng_iov(), nng_iov()), count: UInt32 = 0
        sending.with { state in
            // The arrays are not touched until the operation is done, so their storage stays where it is.
            func rest(_ bytes: [UInt8], from offset: Int) -> nng_iov {
                bytes.withUnsafeBytes {
                    nng_iov(iov_buf: UnsafeMutableRawPointer(mutating: $0.baseAddress?.advanced(by: offset)), iov_len: $0.count - offset)
                }
            }
            let parcel = state.inFlight, headCount = parcel.head.count
            if state.offset < headCount {
                vectors = (rest(parcel.head, from: state.offset), rest(parcel.payload, from: 0))
                count = parcel.payload.isEmpty ? 1 : 2
            } else {
                vectors.0 = rest(parcel.payload, from: state.offset - headCount)
                count = 1
            }
        }
        withUnsafePointer(to: &vectors) {
            $0.withMemoryRebound(to: nng_iov.self, capacity: 2) {
                Nng.must(nng_aio_set_iov(sendingAio.value.raw, count, $0), "nng_aio_set_iov")
            }
        }
        nng_stream_send(raw, sendingAio.value.raw)
    }

    /// On a thread of nng's.
    private nonisolated func sendCompleted() {
        let aio = sendingAio.value, status = aio.status
        guard status == 0 else {
            sending.with { state in
                state.waiting.removeAll()
                state.waitingBytes = 0
            }
            _ = inbox.put(InboxItem(self, event: Event.sendFailed.rawValue, status: status))
            return
        }
        let count = nng_aio_count(aio.raw)
        let (goesOn, mustTell) = sending.with { state in
            state.offset += count
            state.total += UInt64(count)
            if state.offset < state.inFlight.count { return (true, false) }
            state.quietSends = state.inFlight.head.count > Self.keptSendBytes ? 0 : min(state.quietSends + 1, Self.quietSends)
            if state.next(keeping: state.quietSends == Self.quietSends ? Self.keptSendBytes : .max) { return (true, false) }
            state.isSending = false
            defer { state.owesDrainNotice = false }
            return (false, state.owesDrainNotice)
        }
        // Only a sender of much waits for room; the loop is not woken for the others.
        if goesOn { startSend() } else if mustTell { _ = inbox.put(InboxItem(self, event: Event.drained.rawValue)) }
    }
}
