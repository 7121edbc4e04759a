internal import CNng
import EventLoop

/// One `nng_stream` listener: a port, one outstanding accept.
@LoopActor
final class NngStreamListener: StreamListener, InboxReceiver, RenewsTLS {
    private(set) var address: Address
    private let network: NngNetwork
    private nonisolated let inbox: Inbox
    private nonisolated(unsafe) let raw: OpaquePointer
    // Safety: `raw` never changes, and nng locks the listener itself.
    private nonisolated let aio = Once<NngAio>()
    private let isMutuallyAuthenticated: Bool
    private var accept: (@LoopActor (any ByteStream) -> Void)?
    private var isAccepting = true
    private var isArmed = false

    /// After an accept that failed, for want of descriptors say, the next try waits: a tight loop would help nobody.
    private static let retry = Duration.milliseconds(100)

    init(
        on address: Address, network: NngNetwork, tls: OpaquePointer?, _ accept: @escaping @LoopActor (any ByteStream) -> Void
    ) throws(TransportError) {
        var listener: OpaquePointer?
        try Nng.check(nng_stream_listener_alloc(&listener, address.description), "listening on \(address)")
        guard let listener else { throw TransportError(.outOfMemory, "listening on \(address)") }
        do throws(TransportError) {
            // Inherited by accepted streams; without it Nagle delays small messages by 40 ms.
            try Nng.check(nng_stream_listener_set_bool(listener, NNG_OPT_TCP_NODELAY, true), "TCP_NODELAY on \(address)")
            if let tls {
                try Nng.check(nng_stream_listener_set_ptr(listener, NNG_OPT_TLS_CONFIG, UnsafeMutableRawPointer(tls)), "TLS on \(address)")
            }
            try Nng.check(nng_stream_listener_listen(listener), "listening on \(address)")
        } catch {
            nng_stream_listener_free(listener)
            throw error
        }
        var port: Int32 = 0
        if nng_stream_listener_get_int(listener, NNG_OPT_TCP_BOUND_PORT, &port) != 0 { port = Int32(address.port) }
        self.address = Address(address.scheme, host: address.host, port: UInt16(clamping: port))
        self.network = network
        self.accept = accept
        inbox = network.loop.inbox
        raw = listener
        isMutuallyAuthenticated = tls != nil
        aio.set(
            NngAio(self) { context in
                guard let context else { return }
                Unmanaged<NngStreamListener>.fromOpaque(context).takeUnretainedValue().completed()
            })
        arm()
    }

    func setAccepting(_ accepting: Bool) {
        isAccepting = accepting
        arm()
    }

    /// What waits for a peer was begun with the earlier certificate, so it is begun anew.
    func renew(server: OpaquePointer, client: OpaquePointer) {
        guard accept != nil, isMutuallyAuthenticated else { return }
        Nng.must(nng_stream_listener_set_ptr(raw, NNG_OPT_TLS_CONFIG, UnsafeMutableRawPointer(server)), "TLS of a listener")
        if isArmed { nng_aio_cancel(aio.value.raw) }
    }

    func close() {
        guard accept != nil else { return }
        accept = nil
        nng_stream_listener_close(raw)
        let aio = aio.value
        network.dispose { [self] in
            aio.free()
            nng_stream_listener_free(raw)
        }
    }

    func receive(_ item: InboxItem) {
        isArmed = false
        let stream = item.pointer
        guard let accept else {
            if let stream { nng_stream_free(stream) }
            return
        }
        if let stream {
            accept(NngStream(adopting: stream, network: network, scheme: address.scheme, isMutuallyAuthenticated: isMutuallyAuthenticated))
            arm()
        } else if item.status == Nng.cancelled {
            arm()
        } else if item.status != Nng.closed {
            network.loop.schedule(after: Self.retry) { [weak self] in self?.arm() }
        }
    }

    private func arm() {
        guard isAccepting, !isArmed, accept != nil else { return }
        isArmed = true
        nng_stream_listener_accept(raw, aio.value.raw)
    }

    /// On a thread of nng's.
    private nonisolated func completed() {
        let aio = aio.value
        let stream = aio.status == 0 ? nng_aio_get_output(aio.raw, 0) : nil
        _ = inbox.put(InboxItem(self, event: 0, status: aio.status, pointer: stream.map { OpaquePointer($0) }))
    }
}

/// A constant that needs `self` to be made: set once before anything else can see it.
final class Once<Value>: @unchecked Sendable {
    // Safety: written once, before the first operation is started whose callback reads it.
    private var stored: Value?
    func set(_ value: Value) { stored = value }
    var value: Value {
        guard let stored else { preconditionFailure("set in the initialiser") }
        return stored
    }
}
