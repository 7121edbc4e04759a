import TLS
import TestSupport

/// The certificates of `Tests/Fixtures/tls`.
enum Fixture {
    /// When all three are valid.
    static let valid: Int64 = 1_700_000_000
    static let longSpan: ClosedRange<Int64> = 1_583_020_799...2_719_008_001

    static func file(_ name: String) throws -> PEMFile {
        PEMFile(name, try GoldenVectors.contents("\(GoldenVectors.root)/Tests/Fixtures/tls/\(name)"))
    }

    static func set(_ certificate: String = "long-cert.pem", _ key: String = "long-key.pem", authority: String? = nil) throws
        -> CertificateSet
    {
        CertificateSet(certificate: try file(certificate), key: try file(key), authority: try authority.map { try file($0) })
    }
}
