import TestSupport

@testable import TLS

extension FuzzTarget {
    /// The bytes of a client that begins a handshake, in the pieces that the session asks for: a failure, or the wait for more, within what a
    /// session may hold. Certificates are asked for, so that its parser is reached, too.
    static let tls = FuzzTarget(name: "tls", longest: 2048) { bytes in
        let session: TLSSession
        do throws(TLSFailure) { session = try TLSSession(identity) } catch { return demand(false, error.reason) }
        var rest = bytes[...]
        while !rest.isEmpty {
            demand(session.wantedBytes > 0 && session.wantedBytes <= 17 << 10, "more than a record is asked for: \(session.wantedBytes)")
            let piece = UnsafeRawBufferPointer(rebasing: rest.prefix(session.wantedBytes))
            rest = rest.dropFirst(piece.count)
            switch session.handshake(piece) {
            case .needsInput: demand(session.output.count < 32 << 10, "an answer of \(session.output.count) bytes")
            case .failed: return
            case .established: demand(false, "nobody guesses a handshake")
            }
        }
    }

    private static let identity: TLSIdentity = {
        func file(_ name: String) throws -> PEMFile {
            PEMFile(name, try GoldenVectors.contents("\(GoldenVectors.root)/Tests/Fixtures/tls/\(name)"))
        }
        do {
            let set = CertificateSet(
                certificate: try file("long-cert.pem"), key: try file("long-key.pem"), authority: try file("ca.pem"))
            return try TLSIdentity(set, now: 1_700_000_000)
        } catch { fatalError("the fixtures are read: \(error)") }
    }()
}
