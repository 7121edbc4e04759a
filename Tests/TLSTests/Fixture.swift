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

    /// A ClientHello of TLS 1.2 with one suite, one curve, and its signature's algorithm.
    static let greeting: [UInt8] = {
        var hello: [UInt8] = [3, 3] + Array(repeating: 7, count: 32) + [0]
        hello += [0, 2, 0xC0, 0x2B, 1, 0]
        let extensions: [UInt8] = [0, 10, 0, 4, 0, 2, 0, 23, 0, 11, 0, 2, 1, 0, 0, 13, 0, 4, 0, 2, 4, 3]
        hello += [0, UInt8(extensions.count)] + extensions
        let message: [UInt8] = [1, 0, 0, UInt8(hello.count)] + hello
        return [0x16, 3, 1, 0, UInt8(message.count)] + message
    }()
}
