import ClusterModel
package import EventLoop
package import ServiceRuntime
package import TLS
import Telemetry
package import Transport
package import WireProtocol

/// The options that `frontend`, `router` and `workerd` share: who the process is, whom it trusts, how it ends.
package struct ProcessOptions: Sendable {
    package let role: PeerRole
    package let name: OptionKey<String>
    package let adminListen: OptionKey<String>
    package let metricsNamespace: OptionKey<String>
    package let advertisedHost: OptionKey<String?>
    package let cluster: OptionKey<String>
    package let secret: OptionKey<Secret?>
    package let drainLimit: OptionKey<Duration>
    package let drainGrace: OptionKey<Duration>
    let admin: AdminOptions
    private let certificates: CertificateOptions
    private let syntheticMinor: OptionKey<Int>
    let traces: TraceOptions

    package init(in table: inout OptionTable, role: PeerRole, admin: String) {
        self.role = role
        table.group("Operation")
        name = table.option(
            "name", .text("NAME", problem: Self.nameProblem), default: "\(role)", help: "What logs and the directory call this process.")
        adminListen = table.option(
            "admin-listen", .address(.http), default: admin,
            help: "Where /metrics, /livez, /readyz and /debug/state are served; port 0 lets the system choose.")
        metricsNamespace = table.option(
            "metrics-namespace", .text("WORD", problem: Self.namespaceProblem), default: MetricName.defaultNamespace,
            help: "The first word of the metrics that dashboards of NVIDIA Dynamo ask for; the process's own begin with apus.")
        advertisedHost = table.optional(
            "advertise-host", .text("HOST", problem: Self.hostProblem),
            help: "The host that peers dial; by default the one at which they met this process.")
        drainLimit = table.option(
            "drain-limit", .duration(.seconds(1)...(.seconds(3_600))), default: .seconds(120),
            help: "How long running work may take to end after SIGTERM.")
        drainGrace = table.option(
            "drain-grace", .duration(.zero...(.seconds(300))), default: .zero,
            help: "Serves on for this long after SIGTERM, with readiness false, so that load balancers can take notice.")
        self.admin = AdminOptions(in: &table, listen: adminListen)
        table.group("Trust")
        cluster = table.option(
            "cluster-id", .text("NAME", problem: Self.nameProblem), default: "apus", help: "The cluster that all its processes must name.")
        secret = table.secret("cluster-secret", help: "File of the secret that peers without certificates must prove to know.")
        certificates = .ofLinks(in: &table)
        syntheticMinor = table.option(
            "synthetic-minor", .integer(0...9), default: 0,
            help: "Speaks as a later minor that does not exist, to prove that this version would get along with it. For tests.")
        traces = TraceOptions(in: &table)
    }

    /// An address where peers connect. Beyond loopback they have to be told from strangers: without a secret and without certificates the process does
    /// not start (`proto-spec/02-negotiation.md`).
    package func guards(_ listener: OptionKey<String>, in table: inout OptionTable) {
        table.check(listener, secret, certificates.certificate, certificates.key) { [secret, certificates] resolved in
            guard let address = try? AddressText(resolved[listener], rule: .listener) else { return [] }
            if address.scheme != Self.plain {
                guard certificates.set(resolved) == nil else { return [] }
                return [
                    resolved.issue(
                        listener, problem: "an encrypted address needs certificates",
                        remedy: "give tls-ca-file, tls-cert-file and tls-key-file, or write \(Self.plain)://")
                ]
            }
            guard resolved[secret] == nil, !Address(host: address.host, port: 0).isLoopback else { return [] }
            return [
                resolved.issue(
                    listener, problem: "beyond loopback peers could not be told from strangers",
                    remedy: "give --cluster-secret-file, write tls+tcp:// and give the three TLS files, or listen on 127.0.0.1")
            ]
        }
    }

    /// The scheme without certificates.
    private static let plain = "tcp"

    /// Of links; nil where none is encrypted.
    package func tls(_ resolved: ResolvedConfiguration) -> CertificateSet? { certificates.set(resolved) }

    /// Who this process is on its links. `id` is the same over its lives where the process has such a name, else drawn anew.
    @LoopActor
    package func policy(_ resolved: ResolvedConfiguration, id: UInt64?, on loop: Loop) -> LinkPolicy {
        let identity = Identity(
            role: role, id: id ?? loop.secureRandomUInt64(), generation: loop.secureRandomUInt64(), name: resolved[name])
        var policy = LinkPolicy(identity: identity, cluster: ClusterValues(clusterID: resolved[cluster]))
        policy.secret = resolved[secret]?.bytes ?? []
        if resolved[syntheticMinor] > 0 {
            policy.newestMinor = UInt8(resolved[syntheticMinor])
            policy.features |= WireDialect.syntheticFeature
            policy.dialect = .synthetic(minor: policy.newestMinor)
        }
        return policy
    }

    // MARK: Values

    @Sendable private static func nameProblem(_ text: String) -> ValueProblem? {
        let fits = !text.isEmpty && text.utf8.count <= Limits.clusterIDBytes && text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
        return fits ? nil : ValueProblem("it is no name", remedy: "write 1 to \(Limits.clusterIDBytes) printable characters without spaces")
    }

    @Sendable private static func namespaceProblem(_ text: String) -> ValueProblem? {
        MetricName.namespaceProblem(text).map {
            ValueProblem($0, remedy: "write letters, digits and _, at most \(MetricName.namespaceBytes), and no digit first")
        }
    }

    @Sendable private static func hostProblem(_ text: String) -> ValueProblem? {
        let bracketed = text.contains(":") ? "[\(text)]" : text
        do throws(Address.Invalid) { _ = try Address(parsing: "tcp://\(bracketed):1") } catch {
            return ValueProblem(error.description, remedy: "write a host name or an address, without a port")
        }
        return nil
    }
}
