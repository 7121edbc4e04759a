import ClusterModel
import Testing

@Suite("Digests") struct DigestTests {
    @Test(
        "SHA-256 of the NIST examples",
        arguments: [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
            ),
            (
                "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
                "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"
            ),
        ])
    func nist(_ text: String, _ expected: String) { #expect(SHA256.digest(of: Array(text.utf8)).hex == expected) }

    @Test("SHA-256 of a million letters, in pieces of changing length")
    func million() {
        var hash = SHA256()
        var rest = 1_000_000
        var length = 0
        while rest > 0 {
            let piece = min(rest, length % 257)
            hash.update([UInt8](repeating: UInt8(ascii: "a"), count: piece))
            rest -= piece
            length += 1
        }
        #expect(hash.finalize().hex == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
    }

    @Test("any way of cutting the input gives the same digest, and finalize does not end the hash")
    func pieces() {
        let bytes = (0..<200).map { UInt8($0) }
        for count in 0...bytes.count {
            let whole = SHA256.digest(of: Array(bytes[..<count]))
            for cut in stride(from: 0, through: count, by: 7) {
                var hash = SHA256()
                hash.update(Array(bytes[..<cut]))
                _ = hash.finalize()
                hash.update(Array(bytes[cut..<count]))
                #expect(hash.finalize() == whole)
            }
        }
    }

    @Test(
        "HMAC-SHA256 of RFC 4231",
        arguments: [
            (
                [UInt8](repeating: 0x0b, count: 20), Array("Hi There".utf8),
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
            ),
            (
                Array("Jefe".utf8), Array("what do ya want for nothing?".utf8),
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
            ),
            (
                [UInt8](repeating: 0xaa, count: 20), [UInt8](repeating: 0xdd, count: 50),
                "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"
            ),
            (
                Array(UInt8(1)...25), [UInt8](repeating: 0xcd, count: 50),
                "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"
            ),
            (
                [UInt8](repeating: 0xaa, count: 131), Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
            ),
            (
                [UInt8](repeating: 0xaa, count: 131),
                Array(
                    "This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by the HMAC algorithm."
                        .utf8),
                "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"
            ),
        ])
    func hmac(_ key: [UInt8], _ message: [UInt8], _ expected: String) {
        #expect(HMAC.code(for: message, key: key).hex == expected)
        var pieces = HMAC(key: key)
        for byte in message { pieces.update([byte]) }
        #expect(pieces.finalize().hex == expected)
    }

    @Test("a digest survives its text and its bytes, and nothing else is read as one")
    func text() {
        let digest = SHA256.digest(of: Array("abc".utf8))
        #expect(Digest(hex: digest.hex) == digest)
        #expect(Digest(hex: digest.hex.uppercased()) == digest)
        #expect(Digest(digest.bytes) == digest)
        #expect(digest.bytes[0] == 0xba)
        #expect(digest.bytes[31] == 0xad)
        #expect(digest.description == digest.hex)
        var appended: [UInt8] = [1]
        digest.append(to: &appended)
        #expect(appended == [1] + digest.bytes)
        #expect(Digest(hex: String(digest.hex.dropLast())) == nil)
        #expect(Digest(hex: digest.hex + "0") == nil)
        #expect(Digest(hex: "g" + digest.hex.dropFirst()) == nil)
        #expect(Digest(Array(digest.bytes[1...])) == nil)
    }

    @Test("digests differ, sort and hash by every byte")
    func order() throws {
        let zero = [UInt8](repeating: 0, count: 32)
        let base = try #require(Digest(zero))
        for place in 0..<32 {
            var bytes = zero
            bytes[place] = 1
            let other = try #require(Digest(bytes))
            #expect(other != base)
            #expect(base < other)
            #expect(!(other < base))
            #expect(!ConstantTime.areEqual(base, other))
            #expect(Set([base, other, other]).count == 2)
        }
        #expect(ConstantTime.areEqual(base, base))
    }

    @Test("constant-time comparison sees every difference")
    func constantTime() {
        let secret = Array("a long enough token".utf8)
        #expect(ConstantTime.areEqual(secret, secret))
        #expect(ConstantTime.areEqual([], [] as [UInt8]))
        #expect(!ConstantTime.areEqual(secret, Array(secret.dropLast())))
        for place in secret.indices {
            var other = secret
            other[place] ^= 0x80
            #expect(!ConstantTime.areEqual(secret, other))
        }
    }
}
