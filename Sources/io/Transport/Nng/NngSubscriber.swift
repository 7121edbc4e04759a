internal import CNng
import ClusterModel
import EventLoop
import WireProtocol

/// A SUB socket that dials, with one receive outstanding: with more, messages would change their order.
@LoopActor
final class NngSubscriber: SubscribingSocket, InboxReceiver, RenewsTLS {
    private let network: NngNetwork
    private nonisolated let inbox: Inbox
    private nonisolated let socket: nng_socket
    private let dialer: nng_dialer
    private let isOverTLS: Bool
    private nonisolated let aio = Once<NngAio>()
    private var received: (@LoopActor (UnsafeRawBufferPointer) -> Void)?

    init(
        to address: Address, network: NngNetwork, tls: OpaquePointer?, _ received: @escaping @LoopActor (UnsafeRawBufferPointer) -> Void
    ) throws(TransportError) {
        var socket = nng_socket(), dialer = nng_dialer()
        try Nng.check(nng_sub0_open(&socket), "opening a feed")
        do throws(TransportError) {
            try Nng.check(nng_socket_set_int(socket, NNG_OPT_RECVBUF, Int32(TransportLimits.feedBuffer)), "feed buffer")
            // A message that is longer ends the connection in nng, before memory is taken for it.
            try Nng.check(nng_socket_set_size(socket, NNG_OPT_RECVMAXSZ, Limits.feedMessageBytes), "feed receive limit")
            try Nng.check(
                nng_socket_set_ms(socket, NNG_OPT_RECONNMINT, Int32(TransportLimits.feedReconnectFirst.inMilliseconds)), "reconnect time")
            try Nng.check(
                nng_socket_set_ms(socket, NNG_OPT_RECONNMAXT, Int32(TransportLimits.feedReconnectLongest.inMilliseconds)), "reconnect time")
            try Nng.check(nng_socket_set(socket, NNG_OPT_SUB_SUBSCRIBE, "", 0), "subscribing")
            try Nng.check(nng_dialer_create(&dialer, socket, address.description), "subscribing to \(address)")
            if let tls { try Nng.check(nng_dialer_set_ptr(dialer, NNG_OPT_TLS_CONFIG, UnsafeMutableRawPointer(tls)), "TLS to \(address)") }
            try Nng.check(nng_dialer_start(dialer, Int32(NNG_FLAG_NONBLOCK)), "subscribing to \(address)")
        } catch {
            nng_close(socket)
            throw error
        }
        self.network = network
        self.socket = socket
        self.dialer = dialer
        isOverTLS = tls != nil
        self.received = received
        inbox = network.loop.inbox
        aio.set(
            NngAio(self) { context in
                guard let context else { return }
                Unmanaged<NngSubscriber>.fromOpaque(context).takeUnretainedValue().completed()
            })
        nng_recv_aio(socket, aio.value.raw)
    }

    func renew(server: OpaquePointer, client: OpaquePointer) {
        guard received != nil, isOverTLS else { return }
        Nng.must(nng_dialer_set_ptr(dialer, NNG_OPT_TLS_CONFIG, UnsafeMutableRawPointer(client)), "TLS of a subscription")
    }

    func close() {
        guard received != nil else { return }
        received = nil
        let aio = aio.value
        network.dispose { [self] in
            nng_close(socket)  // ends the outstanding receive; nothing re-arms it after an error
            aio.free()
        }
    }

    func receive(_ item: InboxItem) {
        guard let message = item.pointer else { return }
        defer { nng_msg_free(message) }
        received?(UnsafeRawBufferPointer(start: nng_msg_body(message), count: nng_msg_len(message)))
    }

    /// The inbox was full when the last message came, so the callback did not ask for another.
    func inboxHasRoom() {
        if received != nil { nng_recv_aio(socket, aio.value.raw) }
    }

    /// On a thread of nng's.
    private nonisolated func completed() {
        let aio = aio.value
        guard aio.status == 0, let message = nng_aio_get_msg(aio.raw) else { return }
        let level = inbox.put(InboxItem(self, event: 0, pointer: message, bytes: nng_msg_len(message)))
        if level == .open { nng_recv_aio(socket, aio.raw) }
    }
}
