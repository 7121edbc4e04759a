/// What `--version` says. The protocol's version is the application's to pass in: this layer does not know the wire.
package enum BuildInfo {
    /// The version of the whole package; every binary of one build has the same.
    package static let version = "0.1.0"

    /// `frontend 0.1.0 (protocol 1.0)`
    package static func line(process: String, protocolVersion: String) -> String {
        "\(process) \(version) (protocol \(protocolVersion))"
    }
}
