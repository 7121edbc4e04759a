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
    private let done: @LoopActor (Result<any ByteStream, TransportError>) -> Void

    init(
        to address: Address, network: NngNetwork, tls: OpaquePointer?,
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
        done(
            .success(
                NngStream(adopting: stream, network: network, scheme: address.scheme, isMutuallyAuthenticated: isMutuallyAuthenticated)))
    }

    /// On a thread of nng's.
    private nonisolated func completed() {
        let aio = aio.value
        let stream = aio.status == 0 ? nng_aio_get_output(aio.raw, 0) : nil
        _ = inbox.put(InboxItem(self, event: 0, status: aio.status, pointer: stream.map { OpaquePointer($0) }))
    }
}
