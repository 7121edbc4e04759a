import ClusterModel
package import EventLoop
import ServiceRuntime
package import TLS
package import Telemetry

/// HTTPS at one listener: the acceptor under it, its certificates over time, and what is told of those that do not get in.
@LoopActor
package final class ServerTLS {
    /// Which listener it is, and what its handshakes are counted by.
    package struct Listener: Sendable {
        let use: CertificateUse
        let metric: String
        let help: String

        package static let clients = Listener(
            use: .clients, metric: "apus_frontend_tls_handshakes_total", help: "Handshakes with clients, by how they ended.")
        static let admin = Listener(
            use: .admin, metric: "apus_admin_tls_handshakes_total", help: "Handshakes on the admin side, by how they ended.")
    }

    private let listener: Listener
    private let acceptor: TLSAcceptor
    private let watch: CertificateWatch
    private let context: ProcessContext
    private let handshakes: CounterFamily
    private var refusals = RateLimit(lines: 5, perMilliseconds: 60_000)

    package init(_ listener: Listener, _ set: CertificateSet, _ context: ProcessContext) throws(TLSFault) {
        self.listener = listener
        self.context = context
        let acceptor = TLSAcceptor(try TLSIdentity(set), on: context.loop)
        self.acceptor = acceptor
        watch = try CertificateWatch(listener.use, set, context: context) { [weak acceptor] (set) throws(TLSFault) in
            acceptor?.identity = try TLSIdentity(set)
        }
        handshakes = Self.handshakes(at: listener, context.metrics)
        _ = handshakes.labels("completed")
        for kind in TLSFailure.Kind.allCases { _ = handshakes.labels(kind.rawValue) }
        acceptor.answerToPlainText = Self.answerToPlainText
        acceptor.handshakeEnded = { [weak self] failure, peer in self?.ended(failure, peer) }
    }

    /// Registered with or without TLS, so that tables of metrics are whole.
    @discardableResult
    package static func handshakes(at listener: Listener, _ registry: MetricsRegistry) -> CounterFamily {
        registry.counterFamily(listener.metric, help: listener.help, labels: ["outcome"])
    }

    package func accept(_ socket: any ByteSocket) -> any ByteSocket { acceptor.accept(socket) }
    package func start() async throws { try await watch.start() }
    package func stop() { watch.stop() }

    private func ended(_ failure: TLSFailure?, _ peer: String) {
        handshakes.labels(failure?.kind.rawValue ?? "completed").increment()
        // Who leaves is everyday: a scan of ports, a probe of a load balancer.
        guard let failure, failure.kind != .left else { return }
        // By what is wrong and not by whom: a thousand hosts with one mistake are one story.
        let verdict = refusals.admit(failure.kind.rawValue, atMilliseconds: context.loop.now.nanoseconds / 1_000_000)
        context.log.limited(verdict)?.warning(
            "client refused",
            [
                "use": .text(listener.use.rawValue), "peer": .text(peer), "kind": .text(failure.kind.rawValue),
                "reason": .text(failure.reason),
            ])
    }

    /// What a client reads that speaks plain HTTP to a port of HTTPS.
    private static let answerToPlainText: [UInt8] = {
        let message = "This port speaks HTTPS: write https:// in front of the address."
        let body = #"{"error":{"message":"\#(message)","type":"invalid_request_error","param":null,"code":"https_required"}}"#
        let head = [
            "HTTP/1.1 400 Bad Request", "Content-Type: application/json", "Connection: close", "Content-Length: \(body.utf8.count)",
        ]
        return Array((head.map { $0 + "\r\n" }.joined() + "\r\n" + body).utf8)
    }()
}
