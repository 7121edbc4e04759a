internal import CNng
package import EventLoop
import Glibc

/// Real sockets: the loop's own over plain TCP; over TLS, and to hosts whose name is to be resolved, `nng_stream`s for links, and PUB and SUB of
/// nng for feeds. Both kinds speak the same bytes, those of nng's PAIR0, PUB0 and SUB0. One for each loop.
@LoopActor
package final class NngNetwork: Network {
    let loop: Loop
    private let sockets: EpollSockets
    /// Closes what has to wait for nng's threads, so that the loop does not.
    let janitor: WorkPool
    private var serverTLS: OpaquePointer?
    private var clientTLS: OpaquePointer?
    /// What goes on dialling or accepting by itself, and is told of new certificates. Swept when they come, which is seldom.
    private var renewables: [Renewable] = []

    private struct Renewable { weak var object: (any RenewsTLS)? }

    package init(on loop: EpollLoop, tls: TLSTexts? = nil) throws(TransportError) {
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
        return renewing(try NngStreamListener(on: address, network: self, tls: try tls(serverTLS, for: address), accept))
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
        return renewing(try NngPublisher(on: address, network: self, tls: try tls(serverTLS, for: address)))
    }

    package func subscriber(
        to address: Address, _ received: @escaping @LoopActor (UnsafeRawBufferPointer) -> Void
    ) throws(TransportError) -> any SubscribingSocket {
        if address.isPlain { return SocketSubscriber(to: address, loop: loop, sockets: sockets, received) }
        return renewing(try NngSubscriber(to: address, network: self, tls: try tls(clientTLS, for: address), received))
    }

    // MARK: TLS

    /// Connections that begin from now on show the new certificate and believe the new authority; the others stay as they are. A feed may show
    /// the earlier one once more, to a subscriber whose connection nng already waited for.
    package func renew(_ texts: TLSTexts) throws(TransportError) {
        let server = try Self.configuration(texts, NNG_TLS_MODE_SERVER), client: OpaquePointer
        do throws(TransportError) { client = try Self.configuration(texts, NNG_TLS_MODE_CLIENT) } catch {
            nng_tls_config_free(server)
            throw error
        }
        let old = (serverTLS, clientTLS)
        (serverTLS, clientTLS) = (server, client)
        renewables.removeAll { $0.object == nil }
        for renewable in renewables { renewable.object?.renew(server: server, client: client) }
        // Whoever still uses them holds them.
        if let server = old.0 { nng_tls_config_free(server) }
        if let client = old.1 { nng_tls_config_free(client) }
    }

    /// Those that are open.
    package var encryptedFeeds: [EncryptedFeed] { renewables.compactMap { ($0.object as? NngPublisher)?.encrypted } }

    private func renewing<Object: RenewsTLS>(_ object: Object) -> Object {
        renewables.removeAll { $0.object == nil }
        renewables.append(Renewable(object: object))
        return object
    }

    private func tls(_ configuration: OpaquePointer?, for address: Address) throws(TransportError) -> OpaquePointer? {
        guard address.scheme == .tls else { return nil }
        guard let configuration else {
            throw TransportError(.tlsRequired, "\(address) needs --tls-ca-file, --tls-cert-file and --tls-key-file")
        }
        return configuration
    }

    private static func configuration(_ texts: TLSTexts, _ mode: nng_tls_mode) throws(TransportError) -> OpaquePointer {
        var made: OpaquePointer?
        try Nng.check(nng_tls_config_alloc(&made, mode), "TLS")
        guard let made else { throw TransportError(.outOfMemory, "TLS") }
        do throws(TransportError) {
            // Said, and not left to a default: an older version would be a peer of another program, or somebody between two of ours.
            try Nng.check(nng_tls_config_version(made, NNG_TLS_1_2, NNG_TLS_1_2), "TLS 1.2")
            try Nng.check(nng_tls_config_ca_chain(made, texts.authority.text, nil), "certificate authority in \(texts.authority.path)")
            try Nng.check(
                nng_tls_config_own_cert(made, texts.certificate.text, texts.key.text, nil),
                "certificate in \(texts.certificate.path) with key in \(texts.key.path)")
            try Nng.check(nng_tls_config_auth_mode(made, NNG_TLS_AUTH_MODE_REQUIRED), "TLS authentication")
            if mode == NNG_TLS_MODE_CLIENT { try Nng.check(nng_tls_config_server_name(made, texts.peerName), "TLS server name") }
        } catch {
            nng_tls_config_free(made)
            throw error
        }
        return made
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
