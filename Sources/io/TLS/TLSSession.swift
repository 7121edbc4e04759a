internal import CTLS

/// TLS of one connection, without the connection: bytes of the peer go in, bytes for it come out, and plain text on the other side.
///
/// It holds about 40 KiB, whatever the peer does: mbedTLS's two buffers of a record each, and its state.
final class TLSSession {
    enum Progress { case needsInput, established, failed(TLSFailure) }
    enum State { case open, ended, failed(TLSFailure) }

    /// For the peer, in order. Whoever sends it empties it.
    var output: [UInt8] = []
    /// How many bytes the protocol needs next: a handshake reads no further than that, so nothing of what follows is left here.
    private(set) var wantedBytes = 5

    private let identity: TLSIdentity
    private let raw: UnsafeMutablePointer<mbedtls_ssl_context>
    private var input = UnsafeRawBufferPointer(start: nil, count: 0)
    private var used = 0

    init(_ identity: TLSIdentity) throws(TLSFailure) {
        self.identity = identity
        raw = .allocate(capacity: 1)
        mbedtls_ssl_init(raw)
        guard mbedtls_ssl_setup(raw, identity.configuration) == 0 else { throw .noMemory }
        mbedtls_ssl_set_bio(
            raw, Unmanaged.passUnretained(self).toOpaque(),
            { context, bytes, count in
                guard let context, let bytes else { return MBEDTLS_ERR_SSL_INTERNAL_ERROR }
                let session = Unmanaged<TLSSession>.fromOpaque(context).takeUnretainedValue()
                session.output.append(contentsOf: UnsafeBufferPointer(start: bytes, count: count))
                return Int32(clamping: count)
            },
            { context, buffer, count in
                guard let context, let buffer else { return MBEDTLS_ERR_SSL_INTERNAL_ERROR }
                return Unmanaged<TLSSession>.fromOpaque(context).takeUnretainedValue().give(into: buffer, count)
            }, nil)
    }

    deinit {
        mbedtls_ssl_free(raw)
        raw.deallocate()
    }

    private func give(into buffer: UnsafeMutablePointer<UInt8>, _ count: Int) -> Int32 {
        let given = min(count, input.count - used)
        wantedBytes = count - given
        guard given > 0, let start = input.baseAddress else { return MBEDTLS_ERR_SSL_WANT_READ }
        UnsafeMutableRawPointer(buffer).copyMemory(from: start + used, byteCount: given)
        used += given
        return Int32(clamping: given)
    }

    private func with<Result>(_ bytes: UnsafeRawBufferPointer, _ body: () -> Result) -> Result {
        (input, used) = (bytes, 0)
        defer { (input, used) = (UnsafeRawBufferPointer(start: nil, count: 0), 0) }
        return body()
    }

    // MARK: Handshake

    /// Takes at most `wantedBytes`.
    func handshake(_ bytes: UnsafeRawBufferPointer) -> Progress {
        let status = with(bytes) { mbedtls_ssl_handshake(raw) }
        switch status {
        case 0:
            wantedBytes = 5
            return .established
        case MBEDTLS_ERR_SSL_WANT_READ: return .needsInput
        default: return .failed(failure(status))
        }
    }

    private func failure(_ status: Int32) -> TLSFailure {
        let doubts = status == MBEDTLS_ERR_X509_CERT_VERIFY_FAILED ? mbedtls_ssl_get_verify_result(raw) : 0
        let alert = status == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE ? raw.pointee.in_msg?[1] ?? 0 : 0
        return TLSFailure(status, doubts: doubts, alert: alert)
    }

    // MARK: Data

    /// Plain text of all of `bytes`, which are not more than fit into `buffer` together with one record.
    func decrypt(_ bytes: UnsafeRawBufferPointer, into buffer: UnsafeMutableRawBufferPointer) -> (count: Int, state: State) {
        with(bytes) {
            var count = 0
            while count < buffer.count {
                let room = buffer.baseAddress?.advanced(by: count).assumingMemoryBound(to: UInt8.self)
                let status = mbedtls_ssl_read(raw, room, buffer.count - count)
                switch status {
                case 1...: count += Int(status)
                case MBEDTLS_ERR_SSL_WANT_READ: return (count, .open)
                case 0, MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY: return (count, .ended)
                default: return (count, .failed(failure(status)))
                }
            }
            return (count, .open)
        }
    }

    /// Adds one record to the output; gives how many of the bytes are in it, nil when the session is broken.
    func encrypt(_ bytes: UnsafeRawBufferPointer) -> Int? {
        let count = min(bytes.count, TLSLimits.recordBytes)
        let status = mbedtls_ssl_write(raw, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), count)
        return status > 0 ? Int(status) : nil
    }

    /// The peer hears that nothing follows: an end without it may be somebody's cut.
    func sayGoodbye() { _ = mbedtls_ssl_close_notify(raw) }
}
