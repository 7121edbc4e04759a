internal import CNng
import ClusterModel
import EventLoop

/// One attempt to connect.
@LoopActor
final class NngDialer: InboxReceiver {
    private let address: Address
    private let network: NngNetwork
    private nonisolated let inbox: Inbox
    private nonisolated(unsafe) let raw: OpaquePointer
    // Safety: `raw` never changes, and nng locks the dialer itself.
    private nonisolated let aio = Once<NngAio>()
    private let isMutuallyAuthenticated: Bool
    private let tls: OpaquePointer?
    private let done: @LoopActor (Result<any ByteStream, TransportError>) -> Void
    private var deadline = Instant.zero
    /// How long a connection that was reported too early may still come about before another attempt.
    private let patience: Duration

    private static let firstPatience = Duration.milliseconds(250)
    private static let look = Duration.milliseconds(2)

    init(
        to address: Address, network: NngNetwork, tls: OpaquePointer?, patience: Duration = NngDialer.firstPatience,
        _ done: @escaping @LoopActor (Result<any ByteStream, TransportError>) -> Void
    ) throws(TransportError) {
        var dialer: OpaquePointer?
        try Nng.check(nng_stream_dialer_alloc(&dialer, address.description), "dialling \(address)")
        guard let dialer else { throw TransportError(.outOfMemory, "dialling \(address)") }
        do throws(TransportError) {
            try Nng.check(nng_stream_dialer_set_bool(dialer, NNG_OPT_TCP_NODELAY, true), "TCP_NODELAY to \(address)")
            if let tls {
                try Nng.check(nng_stream_dialer_set_ptr(dialer, NNG_OPT_TLS_CONFIG, UnsafeMutableRawPointer(tls)), "TLS to \(address)")
            }
        } catch {
            nng_stream_dialer_free(dialer)
            throw error
        }
        self.address = address
        self.network = network
        self.done = done
        self.tls = tls
        self.patience = patience
        inbox = network.loop.inbox
        raw = dialer
        isMutuallyAuthenticated = tls != nil
        aio.set(
            NngAio(self) { context in
                guard let context else { return }
                Unmanaged<NngDialer>.fromOpaque(context).takeUnretainedValue().completed()
            })
    }

    func start(_ timeout: Duration) {
        deadline = network.loop.now + timeout
        nng_aio_set_timeout(aio.value.raw, nng_duration(clamping: timeout.inMilliseconds))
        nng_stream_dialer_dial(raw, aio.value.raw)
    }

    func receive(_ item: InboxItem) {
        let aio = aio.value
        network.dispose { [self] in
            aio.free()
            nng_stream_dialer_close(raw)
            nng_stream_dialer_free(raw)
        }
        guard let stream = item.pointer else { return done(.failure(Nng.error(item.status, "dialling \(address)"))) }
        let made = NngStream(adopting: stream, network: network, scheme: address.scheme, isMutuallyAuthenticated: isMutuallyAuthenticated)
        confirm(made, until: network.loop.now + patience)
    }

    /// nng 1.5.2 may report a connection while the kernel still asks for it: its poller finds a fresh socket hung up, and without an error.
    /// Such a stream is given a while, and then another attempt is made, which reports a refusal as one.
    private func confirm(_ stream: NngStream, until limit: Instant) {
        guard !stream.readAddresses() else { return done(.success(stream)) }
        let loop = network.loop, now = loop.now
        guard now >= min(limit, deadline) else {
            loop.schedule(after: Self.look) { [self] in confirm(stream, until: limit) }
            return
        }
        stream.close()
        guard now < deadline else { return done(.failure(Nng.error(Nng.timedOut, "dialling \(address)"))) }
        do throws(TransportError) {
            try NngDialer(to: address, network: network, tls: tls, patience: patience * 2, done).start(now.duration(to: deadline))
        } catch {
            done(.failure(error))
        }
    }

    /// On a thread of nng's.
    private nonisolated func completed() {
        let aio = aio.value
        let stream = aio.status == 0 ? nng_aio_get_output(aio.raw, 0) : nil
        _ = inbox.put(InboxItem(self, event: 0, status: aio.status, pointer: stream.map { OpaquePointer($0) }))
    }
}
