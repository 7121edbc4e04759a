import ClusterModel
import Testing
import WireProtocol

@testable import FrontendService

@Suite("The session cookie")
struct SessionCookieTests {
    private let cookie = SessionCookie(secret: Array("secret".utf8))
    private let nonce = (0..<16).map { UInt8($0) }

    @Test("what was written is read, for every kind of hint and length of name")
    func roundTrip() {
        let hints = [nil, PlacementRef(workerID: 7, rank: nil), PlacementRef(workerID: .max, rank: 0), PlacementRef(workerID: 0, rank: 3)]
        for hint in hints {
            for length in [1, 2, 3, 31, 32, 33, 100, 256] {
                let content = SessionCookie.Content(id: String(repeating: "x", count: length), hint: hint, expiresAt: 100)
                let text = cookie.text(content, tenant: "t", nonce: nonce)
                #expect(cookie.content(text, tenant: "t", now: 99) == content)
                #expect(cookie.content(text, tenant: "t", now: 100) == nil, "it has expired")
                #expect(cookie.content(text, tenant: "", now: 99) == nil && cookie.content(text, tenant: "u", now: 99) == nil)
                #expect(SessionCookie(secret: [1]).content(text, tenant: "t", now: 99) == nil)
                #expect(
                    text.utf8.allSatisfy {
                        (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x2D || $0 == 0x5F
                    })
            }
        }
    }

    @Test("every change of a single bit makes it nobody's, and so does every cut")
    func changes() {
        let content = SessionCookie.Content(id: "session", hint: PlacementRef(workerID: 7, rank: 1), expiresAt: 100)
        let text = cookie.text(content, tenant: "", nonce: nonce), bytes = Base64URL.bytes(text) ?? []
        for index in bytes.indices {
            for bit in 0..<8 {
                var changed = bytes
                changed[index] ^= 1 << UInt8(bit)
                #expect(cookie.content(Base64URL.text(changed), tenant: "", now: 0) == nil)
            }
        }
        for count in 0..<bytes.count { #expect(cookie.content(Base64URL.text(Array(bytes.prefix(count))), tenant: "", now: 0) == nil) }
    }

    @Test("nothing of it can be read, and two of the same look different")
    func hidden() {
        let content = SessionCookie.Content(id: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", hint: nil, expiresAt: 1)
        let one = cookie.text(content, tenant: "", nonce: nonce), other = cookie.text(content, tenant: "", nonce: nonce.reversed())
        let bytes = Base64URL.bytes(one) ?? []
        #expect(one != other && !String(decoding: bytes, as: UTF8.self).contains("aaa"))
        #expect(zip(one.utf8.dropFirst(24), other.utf8.dropFirst(24)).filter { $0 == $1 }.count < 16)
    }

    @Test("any bytes are read without a trap, and the alphabet has one form for each value")
    func alphabet() {
        var random = SeededRandom(seed: 5)
        for length in 0..<70 {
            let bytes = (0..<length).map { _ in UInt8(truncatingIfNeeded: random.next()) }, text = Base64URL.text(bytes)
            #expect(Base64URL.bytes(text) == bytes)
            #expect(cookie.content(text, tenant: "", now: 0) == nil)
            let noise = String(decoding: bytes, as: UTF8.self)
            _ = cookie.content(noise, tenant: "", now: 0)
        }
        #expect(Base64URL.text(Array("any carnal pleas".utf8)) == "YW55IGNhcm5hbCBwbGVhcw")
        #expect(Base64URL.text([0xFB, 0xFF]) == "-_8")
        #expect(Base64URL.bytes("-_8=") == nil && Base64URL.bytes("-_9") == nil && Base64URL.bytes("A") == nil && Base64URL.bytes("") == [])
    }
}
