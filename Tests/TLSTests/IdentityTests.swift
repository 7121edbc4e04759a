import TLS
import Testing

@Suite("Certificates as files")
struct IdentityTests {
    private func fault(_ set: CertificateSet, now: Int64 = Fixture.valid) -> TLSFault? {
        do throws(TLSFault) {
            _ = try TLSIdentity(set, now: now)
            return nil
        } catch { return error }
    }

    @Test("a whole set is taken, and says when it ends, to the second, over leap years")
    func whole() throws {
        let identity = try TLSIdentity(try Fixture.set(authority: "ca.pem"), now: Fixture.valid)
        #expect(identity.expires == Fixture.longSpan.upperBound && identity.asksForCertificates)
        #expect(try TLSIdentity.end(of: Fixture.set("short-cert.pem", "short-key.pem"), now: Fixture.valid) == 1_700_481_600)
        #expect(try TLSIdentity(try Fixture.set(), now: Fixture.valid).asksForCertificates == false)
    }

    @Test("a certificate is valid from its first second to before its last")
    func span() throws {
        let set = try Fixture.set(), span = Fixture.longSpan
        for now in [span.lowerBound, span.upperBound - 1] { #expect(fault(set, now: now) == nil) }
        #expect(fault(set, now: span.lowerBound - 1) == TLSFault("long-cert.pem", "the certificate is not valid yet"))
        #expect(fault(set, now: span.upperBound) == TLSFault("long-cert.pem", "the certificate has ended"))
    }

    @Test("of a chain the shortest certificate counts")
    func chain() throws {
        let both = try Fixture.file("long-cert.pem").bytes + Fixture.file("short-cert.pem").bytes
        let set = CertificateSet(certificate: PEMFile("both.pem", both), key: try Fixture.file("long-key.pem"), authority: nil)
        #expect(try TLSIdentity.end(of: set, now: Fixture.valid) == 1_700_481_600)
    }

    @Test("each mistake names its file")
    func mistakes() throws {
        let ofAnother = try #require(fault(try Fixture.set("long-cert.pem", "next-key.pem")))
        #expect(ofAnother.file == "next-key.pem" && ofAnother.reason.contains("long-cert.pem"))
        let locked = try #require(fault(try Fixture.set("long-cert.pem", "locked-key.pem")))
        #expect(locked.file == "locked-key.pem" && locked.reason.contains("password"))
        #expect(fault(try Fixture.set("long-key.pem", "long-key.pem"))?.file == "long-key.pem")
        #expect(fault(try Fixture.set("long-cert.pem", "long-cert.pem"))?.file == "long-cert.pem")
        #expect(fault(try Fixture.set(authority: "long-key.pem"))?.file == "long-key.pem")
    }

    @Test("files that were cut anywhere, or are nothing, are faults and never traps")
    func cut() throws {
        let certificate = try Fixture.file("long-cert.pem"), key = try Fixture.file("long-key.pem")
        for count in stride(from: 0, to: certificate.bytes.count - 2, by: 13) {
            let short = PEMFile("cut.pem", Array(certificate.bytes[..<count]))
            #expect(fault(CertificateSet(certificate: short, key: key, authority: nil))?.file == "cut.pem")
            #expect(fault(CertificateSet(certificate: certificate, key: key, authority: short))?.file == "cut.pem")
        }
        for count in stride(from: 0, to: key.bytes.count - 2, by: 7) {
            let short = PEMFile("cut.pem", Array(key.bytes[..<count]))
            #expect(fault(CertificateSet(certificate: certificate, key: short, authority: nil))?.file == "cut.pem")
        }
        for nothing in [[], [0], [0, 0, 0], Array(repeating: UInt8(0x2D), count: 4_096)] as [[UInt8]] {
            #expect(fault(CertificateSet(certificate: PEMFile("cut.pem", nothing), key: key, authority: nil))?.file == "cut.pem")
        }
    }
}
