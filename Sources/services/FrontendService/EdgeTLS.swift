import ClusterModel
import EventLoop
import ProcessKit
import ServiceRuntime
import Telemetry
import TLS

/// HTTPS at a frontend's listener: the acceptor under it, its certificates over time, and what is told of clients that do not get in.
@LoopActor
final class EdgeTLS {
    private let acceptor: TLSAcceptor
    private let watch: CertificateWatch
    private let context: ProcessContext
    private let handshakes: CounterFamily
    private var refusals = RateLimit(lines: 5, perMilliseconds: 60_000)

    init(_ set: CertificateSet, _ context: ProcessContext) throws(TLSFault) {
        self.context = context
        let acceptor = TLSAcceptor(try TLSIdentity(set), on: context.loop)
        self.acceptor = acceptor
        watch = try CertificateWatch(.clients, set, context: context) { [weak acceptor] (set) throws(TLSFault) in
            acceptor?.identity = try TLSIdentity(set)
        }
        handshakes = Self.family(context.metrics)
        _ = handshakes.labels("completed")
        for kind in TLSFailure.Kind.allCases { _ = handshakes.labels(kind.rawValue) }
        acceptor.answerToPlainText = Self.answerToPlainText
        acceptor.handshakeEnded = { [weak self] failure, peer in self?.ended(failure, peer) }
    }

    /// Registered with or without TLS, so that tables of metrics are whole.
    static func family(_ registry: MetricsRegistry) -> CounterFamily {
        registry.counterFamily(
            "apus_frontend_tls_handshakes_total", help: "Handshakes with clients, by how they ended.", labels: ["outcome"])
    }

    var asksForCertificates: Bool { acceptor.identity.asksForCertificates }

    func accept(_ socket: any ByteSocket) -> any ByteSocket { acceptor.accept(socket) }
    func start() async throws { try await watch.start() }
    func stop() { watch.stop() }

    private func ended(_ failure: TLSFailure?, _ peer: String) {
        handshakes.labels(failure?.kind.rawValue ?? "completed").increment()
        // Who leaves is everyday: a scan of ports, a probe of a load balancer.
        guard let failure, failure.kind != .left else { return }
        // By what is wrong and not by whom: a thousand hosts with one mistake are one story.
        let verdict = refusals.admit(failure.kind.rawValue, atMilliseconds: context.loop.now.nanoseconds / 1_000_000)
        context.log.limited(verdict)?.warning(
            "client refused", ["peer": .text(peer), "kind": .text(failure.kind.rawValue), "reason": .text(failure.reason)])
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
