/// A file of certificates or of a key, as it was read.
package struct PEMFile: Hashable, Sendable {
    package let path: String
    package let bytes: [UInt8]

    package init(_ path: String, _ bytes: [UInt8]) {
        self.path = path
        self.bytes = bytes
    }

    /// As mbedTLS wants text: with a zero behind it, which it counts.
    var text: [UInt8] { bytes + [0] }
}

/// What one side of TLS shows, and whom it believes. The three files belong together.
package struct CertificateSet: Hashable, Sendable {
    package var certificate: PEMFile
    package var key: PEMFile
    /// Who signs for peers; nil: peers show nothing.
    package var authority: PEMFile?

    package init(certificate: PEMFile, key: PEMFile, authority: PEMFile?) {
        self.certificate = certificate
        self.key = key
        self.authority = authority
    }
}
