import EventLoop

/// A process's certificate, as text in PEM. Both sides of a link show one, signed by the same authority.
package struct TLSTexts: Sendable {
    /// Where a text came from, for errors, and what it says.
    package struct File: Sendable {
        package let path: String
        let text: [CChar]

        package init(_ path: String, _ bytes: [UInt8]) {
            self.path = path
            text = bytes.map { CChar(bitPattern: $0) } + [0]
        }
    }

    package var authority: File
    package var certificate: File
    package var key: File
    /// The name in the certificates of the cluster: a link is trusted for who signed it, not for the host it runs on.
    package var peerName = "apus"

    package init(authority: File, certificate: File, key: File) {
        self.authority = authority
        self.certificate = certificate
        self.key = key
    }
}

/// What of nng's goes on over a change of certificates.
@LoopActor
protocol RenewsTLS: AnyObject, Sendable {
    func renew(server: OpaquePointer, client: OpaquePointer)
}
