import ClusterModel
import Testing

@testable import wiretool

@Suite("Keys of tenants")
struct KeyTests {
    @Test("a key has a prefix and all of its random bytes; its entry is its digest and not the key")
    func entry() {
        let bytes = (0..<32).map { UInt8($0) }, key = Key.text(bytes)
        #expect(key == "apus-000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")
        #expect(Key.entry(of: key) == "sha256:" + SHA256.digest(of: Array(key.utf8)).hex)
        #expect(Key.entry(of: "abc") == "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    }
}
