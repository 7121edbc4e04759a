internal import CNng
package import EventLoop
import Glibc

/// The files of a process's certificate. Both sides of a link show one, signed by the same authority.
package struct TLSFiles: Sendable {
    package var authority: String
    package var certificate: String
    package var key: String
    /// The name in the certificates of the cluster: a link is trusted for who signed it, not for the host it runs on.
    package var peerName = "apus"

    package init(authority: String, certificate: String, key: String) {
        self.authority = authority
        self.certificate = certificate
        self.key = key
    }
}

/// Real sockets: the loop's own over plain TCP; over TLS, and to hosts whose name is to be resolved, `nng_stream`s for links, and PUB and SUB of
/// nng for feeds. Both kinds speak the same bytes, those of nng's PAIR0, PUB0 and SUB0. One for each loop.
@LoopActor
package final class NngNetwork: Network {
    let loop: Loop
    private let sockets: EpollSockets
    /// Closes what has to wait for nng's threads, so that the loop does not.
    let janitor: WorkPool
    private let serverTLS: OpaquePointer?
    private let clientTLS: OpaquePointer?

    package init(on loop: EpollLoop, tls: TLSFiles? = nil) throws(TransportError) {
        self.loop = loop
        sockets = EpollSockets(on: loop)
        janitor = WorkPool(threads: 1, queueLimit: .max)
        if let tls {
            let server = try Self.configuration(tls, NNG_TLS_MODE_SERVER)
            do throws(TransportError) { clientTLS = try Self.configuration(tls, NNG_TLS_MODE_CLIENT) } catch {
                nng_tls_config_free(server)
                throw error
            }
            serverTLS = server
        } else {
            serverTLS = nil
            clientTLS = nil
        }
    }

    /// Waits until everything that was closed is gone, within a bound: closing a socket of nng 1.5.2 may, rarely, never return. After it no
    /// object of this network is used. False: something is left behind, and the process should end without waiting for nng.
    @discardableResult
    package func close() -> Bool {
        guard janitor.close() else { return false }
        if let serverTLS { nng_tls_config_free(serverTLS) }
        if let clientTLS { nng_tls_config_free(clientTLS) }
        return true
    }

    func dispose(_ work: @escaping @Sendable () -> Void) {
        do throws(WorkPool.Full) { try janitor.submit(work) } catch { work() }
    }

    // MARK: Network

    package func listen(
        on address: Address, _ accept: @escaping @LoopActor (any ByteStream) -> Void
    ) throws(TransportError) -> any StreamListener {
        if address.isPlain { return try SocketStreamListener(on: address, loop: loop, sockets: sockets, accept) }
        return try NngStreamListener(on: address, network: self, tls: try tls(serverTLS, for: address), accept)
    }

    package func dial(
        _ address: Address, timeout: Duration, _ done: @escaping @LoopActor (Result<any ByteStream, TransportError>) -> Void
    ) {
        if address.isPlain { return SocketStream.dial(address, timeout: timeout, on: loop, sockets, done) }
        do throws(TransportError) {
            try NngDialer(to: address, network: self, tls: try tls(clientTLS, for: address), done).start(timeout)
        } catch {
            // In a later turn, as every other outcome.
            loop.schedule(after: .zero) { done(.failure(error)) }
        }
    }

    package func publisher(on address: Address) throws(TransportError) -> any PublishingSocket {
        if address.isPlain { return try SocketPublisher(on: address, loop: loop, sockets: sockets) }
        return try NngPublisher(on: address, network: self, tls: try tls(serverTLS, for: address))
    }

    package func subscriber(
        to address: Address, _ received: @escaping @LoopActor (UnsafeRawBufferPointer) -> Void
    ) throws(TransportError) -> any SubscribingSocket {
        if address.isPlain { return SocketSubscriber(to: address, loop: loop, sockets: sockets, received) }
        return try NngSubscriber(to: address, network: self, tls: try tls(clientTLS, for: address), received)
    }

    // MARK: TLS

    private func tls(_ configuration: OpaquePointer?, for address: Address) throws(TransportError) -> OpaquePointer? {
        guard address.scheme == .tls else { return nil }
        guard let configuration else {
            throw TransportError(.tlsRequired, "\(address) needs --tls-ca-file, --tls-cert-file and --tls-key-file")
        }
        return configuration
    }

    private static func configuration(_ files: TLSFiles, _ mode: nng_tls_mode) throws(TransportError) -> OpaquePointer {
        let authority = try contents(of: files.authority)
        let certificate = try contents(of: files.certificate), key = try contents(of: files.key)
        var made: OpaquePointer?
        try Nng.check(nng_tls_config_alloc(&made, mode), "TLS")
        guard let made else { throw TransportError(.outOfMemory, "TLS") }
        do throws(TransportError) {
            try Nng.check(nng_tls_config_ca_chain(made, authority, nil), "certificate authority in \(files.authority)")
            try Nng.check(
                nng_tls_config_own_cert(made, certificate, key, nil), "certificate in \(files.certificate) with key in \(files.key)")
            try Nng.check(nng_tls_config_auth_mode(made, NNG_TLS_AUTH_MODE_REQUIRED), "TLS authentication")
            if mode == NNG_TLS_MODE_CLIENT { try Nng.check(nng_tls_config_server_name(made, files.peerName), "TLS server name") }
        } catch {
            nng_tls_config_free(made)
            throw error
        }
        return made
    }

    /// A PEM file with its closing zero. Certificates are kilobytes; a megabyte is a mistake.
    private static func contents(of path: String) throws(TransportError) -> [CChar] {
        let limit = 1 << 20
        guard let file = fopen(path, "re") else {
            throw TransportError(.tlsFailed, "cannot read \(path): \(String(cString: strerror(errno)))")
        }
        defer { fclose(file) }
        var text = [CChar](repeating: 0, count: limit + 1)
        let count = fread(&text, 1, limit + 1, file)
        guard count > 0, count <= limit else { throw TransportError(.tlsFailed, "\(path) is empty or longer than 1 MiB") }
        return Array(text[0..<count]) + [0]
    }
}

extension Address {
    /// What the kernel takes as it is: over TCP, to or on a numeric address. A name is a question to a server of names, which would hold up the loop.
    fileprivate var isPlain: Bool {
        guard scheme == .tcp else { return false }
        if host == "localhost" { return true }
        var place = sockaddr_in6()
        return inet_pton(AF_INET, host, &place) == 1 || inet_pton(AF_INET6, host, &place) == 1
    }
}
