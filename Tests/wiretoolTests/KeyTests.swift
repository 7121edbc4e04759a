import ClusterModel
import Testing

@testable import wiretool

@Suite("Keys of tenants")
struct KeyTests {
    @Test(
        "what no frontend takes as a key has no entry, and is told of by its length alone",
        arguments: ["", "a key", "ключ", String(repeating: "a", count: 257), "a\t"])
    func refused(_ key: String) {
        #expect(Key.entry(of: key) == nil)
        let complaint = Key.complaint(about: key)
        #expect(complaint.contains("1 to 256") && complaint.contains("\(key.utf8.count) bytes"))
        #expect(key.isEmpty || key == "a key" || !complaint.contains(key))
        #expect(Key.entry(of: String(repeating: "a", count: 256)) != nil)
    }

    @Test("a key has a prefix and all of its random bytes; its entry is its digest and not the key")
    func entry() {
        let bytes = (0..<32).map { UInt8($0) }, key = Key.text(bytes)
        #expect(key == "apus-000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")
        #expect(Key.entry(of: key) == "sha256:" + SHA256.digest(of: Array(key.utf8)).hex)
        #expect(Key.entry(of: "abc") == "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    }
}
