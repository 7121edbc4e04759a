internal import CNng
import Concurrency
import EventLoop

/// A PUB socket that listens. It never blocks: for a slow subscriber it drops the oldest, silently, which is why feeds are numbered.
@LoopActor
final class NngPublisher: PublishingSocket, InboxReceiver, RenewsTLS {
    private(set) var address: Address
    var subscriberJoined: (@LoopActor () -> Void)?
    private let network: NngNetwork
    private nonisolated let inbox: Inbox
    private let socket: nng_socket
    private var listener = nng_listener()
    /// The loop is about to hear of subscribers: once for all that come meanwhile.
    private nonisolated let isTelling = Lock(false)
    private var isClosed = false
    /// nng holds a reference.
    private var isHeld = false

    init(on address: Address, network: NngNetwork, tls: OpaquePointer?) throws(TransportError) {
        var socket = nng_socket(), listener = nng_listener()
        try Nng.check(nng_pub0_open(&socket), "opening a feed")
        self.address = address
        self.network = network
        self.socket = socket
        inbox = network.loop.inbox
        var port: Int32 = 0
        do throws(TransportError) {
            try Nng.check(nng_socket_set_int(socket, NNG_OPT_SENDBUF, Int32(TransportLimits.feedBuffer)), "feed buffer")
            try Nng.check(nng_socket_set_size(socket, NNG_OPT_RECVMAXSZ, 1024), "feed receive limit")  // nobody sends to a PUB
            let joined: nng_pipe_cb = { _, _, context in
                guard let context else { return }
                Unmanaged<NngPublisher>.fromOpaque(context).takeUnretainedValue().joined()
            }
            // Until the socket is closed nng may call this object, whoever else has let go of it: `close` does.
            let held = Unmanaged.passRetained(self)
            let status = nng_pipe_notify(socket, NNG_PIPE_EV_ADD_POST, joined, held.toOpaque())
            isHeld = status == 0
            if status != 0 { held.release() }
            try Nng.check(status, "watching a feed")
            try Nng.check(nng_listener_create(&listener, socket, address.description), "publishing on \(address)")
            if let tls {
                try Nng.check(nng_listener_set_ptr(listener, NNG_OPT_TLS_CONFIG, UnsafeMutableRawPointer(tls)), "TLS on \(address)")
            }
            try Nng.check(nng_listener_start(listener, 0), "publishing on \(address)")
        } catch {
            nng_close(socket)
            if isHeld { Unmanaged.passUnretained(self).release() }
            throw error
        }
        if nng_listener_get_int(listener, NNG_OPT_TCP_BOUND_PORT, &port) != 0 { port = Int32(address.port) }
        self.listener = listener
        self.address = Address(address.scheme, host: address.host, port: UInt16(clamping: port))
    }

    func publish(_ message: [UInt8]) {
        guard !isClosed else { return }
        let status = message.withUnsafeBytes {
            nng_send(socket, UnsafeMutableRawPointer(mutating: $0.baseAddress), $0.count, Int32(NNG_FLAG_NONBLOCK))
        }
        precondition(status == 0 || status == Int32(NNG_ENOMEM.rawValue), "PUB takes every message: nng error \(status)")
    }

    var encrypted: EncryptedFeed? { isClosed || address.scheme != .tls ? nil : EncryptedFeed(address, listener) }

    func renew(server: OpaquePointer, client: OpaquePointer) {
        guard !isClosed, address.scheme == .tls else { return }
        Nng.must(nng_listener_set_ptr(listener, NNG_OPT_TLS_CONFIG, UnsafeMutableRawPointer(server)), "TLS of a feed")
    }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        subscriberJoined = nil
        let socket = socket
        network.dispose { [self] in
            nng_close(socket)
            Unmanaged.passUnretained(self).release()
        }
    }

    func receive(_ item: InboxItem) {
        isTelling.with { $0 = false }
        subscriberJoined?()
    }

    /// On a thread of nng's.
    private nonisolated func joined() {
        guard isTelling.with({ exchange(&$0, with: true) }) == false else { return }
        _ = inbox.put(InboxItem(self, event: 0))
    }
}
