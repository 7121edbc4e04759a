package import Telemetry
package import Transport

/// What a process was not given, for the line that says at its start what it has: each thing with the option that gives it.
/// `deploy/guides/logs.md` says what is different without it.
package struct MissingParts {
    private var names: [String] = []

    package init() {}

    package mutating func note(_ name: String, unless isThere: Bool) { if !isThere { names.append(name) } }

    /// Of links at this address: whether peers prove that they belong to the cluster.
    package mutating func noteProof(_ context: ProcessContext, at address: Address) {
        note("proof of peers (--cluster-secret-file)", unless: !context.policy.secret.isEmpty || address.scheme == .tls)
    }

    package var text: LogValue { .text(names.isEmpty ? "nothing" : names.joined(separator: ", ")) }
}

extension LogValue {
    /// Addresses in the order in which they were given.
    package static func addresses(_ addresses: [Address]) -> LogValue {
        .text(addresses.isEmpty ? "none" : addresses.map(\.description).joined(separator: " "))
    }
}
