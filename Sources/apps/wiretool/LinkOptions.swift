import ClusterModel
import EventLoop
import ProcessKit
import ServiceRuntime
import Transport
import WireProtocol

/// The options that `respond` and `greet` share: who this is, and how it is trusted.
struct LinkOptions {
    private let cluster: OptionKey<String>
    private let secret: OptionKey<Secret?>
    private let certificates: CertificateOptions
    private let minor: OptionKey<Int>
    private let major: OptionKey<Int>

    init(in table: inout OptionTable) {
        table.group("Trust")
        cluster = table.option("cluster-id", .text("NAME"), default: "apus", help: "The cluster that both sides must name.")
        secret = table.secret("cluster-secret", help: "File of the secret that peers without certificates must prove to know.")
        certificates = .ofLinks(in: &table)
        table.group("Versions")
        minor = table.option(
            "synthetic-minor", .integer(0...9), default: 0,
            help: "Speak as a later minor that does not exist: a tail field in every message, an unknown feature bit and an unknown kind.")
        major = table.option(
            "synthetic-major", .integer(0...9), default: 0, help: "Marks every message with another major, which a peer must refuse.")
    }

    func tls(_ resolved: ResolvedConfiguration) -> TLSTexts? { certificates.texts(resolved) }

    func isSynthetic(_ resolved: ResolvedConfiguration) -> Bool { resolved[minor] > 0 }

    @LoopActor
    func policy(_ resolved: ResolvedConfiguration, name: String, on loop: Loop) -> LinkPolicy {
        let identity = Identity(role: .tool, id: loop.secureRandomUInt64(), generation: loop.secureRandomUInt64(), name: name)
        var policy = LinkPolicy(identity: identity, cluster: ClusterValues(clusterID: resolved[cluster]))
        policy.secret = resolved[secret]?.bytes ?? []
        policy.credits = 8 << 20
        if resolved[minor] > 0 {
            policy.newestMinor = UInt8(resolved[minor])
            policy.features |= WireDialect.syntheticFeature
            policy.dialect = .synthetic(minor: policy.newestMinor)
        }
        if resolved[major] > 0 { policy.dialect = .synthetic(major: UInt8(resolved[major])) }
        return policy
    }
}
