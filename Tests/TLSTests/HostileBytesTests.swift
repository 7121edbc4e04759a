import ClusterModel
import Testing

@testable import TLS

@Suite("Bytes to a session that are no client's")
struct HostileBytesTests {
    /// The end that a session comes to, with bytes given in the pieces that it asks for.
    private func outcome(_ bytes: [UInt8], _ identity: TLSIdentity) throws -> TLSFailure? {
        let session = try TLSSession(identity)
        var rest = bytes[...]
        while !rest.isEmpty {
            #expect(session.wantedBytes > 0 && session.wantedBytes <= 17 << 10, "a record is all that is asked for")
            let piece = Array(rest.prefix(session.wantedBytes))
            rest = rest.dropFirst(piece.count)
            switch piece.withUnsafeBytes({ session.handshake($0) }) {
            case .needsInput: continue
            case .failed(let failure): return failure
            case .established:
                Issue.record("nobody guesses a handshake")
                return nil
            }
        }
        #expect(session.output.count < 64 << 10)
        return nil
    }

    @Test(
        "random records, greetings that were damaged or cut: a failure, or the wait for more, and never a trap",
        arguments: [1, 2, 3] as [UInt64])
    func random(seed: UInt64) throws {
        let identity = try TLSIdentity(try Fixture.set(authority: "ca.pem"), now: Fixture.valid)
        var random = SeededRandom(seed: seed)
        for _ in 0..<400 {
            let count = Int.random(in: 0...600, using: &random)
            var bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            if Bool.random(using: &random) { bytes = [0x16, 3, 1, UInt8(count >> 8), UInt8(count & 0xFF), 1, 0] + bytes }
            _ = try outcome(bytes, identity)
            var greeting = Fixture.greeting
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                greeting[Int.random(in: 5..<greeting.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            _ = try outcome(greeting, identity)
        }
        for count in 0..<Fixture.greeting.count { #expect(try outcome(Array(Fixture.greeting[..<count]), identity) == nil, "\(count)") }
    }

    @Test("a greeting of the one kind that is spoken is answered with the certificate")
    func answered() throws {
        let session = try TLSSession(try TLSIdentity(try Fixture.set(), now: Fixture.valid))
        var rest = Fixture.greeting[...]
        while !rest.isEmpty {
            let piece = Array(rest.prefix(session.wantedBytes))
            rest = rest.dropFirst(piece.count)
            guard case .needsInput = piece.withUnsafeBytes({ session.handshake($0) }) else {
                Issue.record("the greeting is understood")
                return
            }
        }
        // A handshake record of TLS 1.2.
        #expect(session.output.starts(with: [0x16, 3, 3]) && session.output.count > 500)
    }
}
