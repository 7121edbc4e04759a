import ClusterModel
import Testing
import Transport

@Suite("Addresses")
struct AddressTests {
    @Test(
        "an address is a scheme, a host and a port",
        arguments: [
            ("tcp://router-1:8100", Address(.tcp, host: "router-1", port: 8100)),
            ("tls+tcp://router-1.example.org:0", Address(.tls, host: "router-1.example.org", port: 0)),
            ("tcp://127.0.0.1:65535", Address(.tcp, host: "127.0.0.1", port: 65535)),
            ("tcp://[::1]:8100", Address(.tcp, host: "::1", port: 8100)),
            ("tls+tcp://[fe80::1:2]:1", Address(.tls, host: "fe80::1:2", port: 1)),
            ("tcp://under_score:1", Address(.tcp, host: "under_score", port: 1)),
        ])
    func parses(_ text: String, _ expected: Address) throws {
        #expect(try Address(parsing: text) == expected)
        #expect(expected.description == text)
    }

    @Test(
        "anything else says what is wrong with it",
        arguments: [
            ("", "begins"), ("router-1:8100", "begins"), ("http://router-1:8100", "begins"), ("tcp:/router-1:8100", "begins"),
            ("tcp//router-1:8100", "begins"), ("TCP://router-1:8100", "begins"), ("tcp://router-1", "port"), ("tcp://router-1:", "port"),
            ("tcp://router-1:65536", "port"), ("tcp://router-1:-1", "port"), ("tcp://router-1:8100/x", "port"), ("tcp://:8100", "host"),
            ("tcp://a b:8100", "host"), ("tcp://a\u{0}:8100", "host"), ("tcp://ä:8100", "host"), ("tcp://::1:8100", "brackets"),
            ("tcp://[router-1]:8100", "brackets"), ("tcp://user@host:1", "host"),
            ("tcp://" + String(repeating: "a", count: 254) + ":1", "host"),
            ("tcp://[]:1", "brackets"), ("tcp://router-1: 8100", "port"), ("tcp://router-1:٣", "port"),
        ])
    func refuses(_ text: String, _ word: String) {
        let error = #expect(throws: Address.Invalid.self) { try Address(parsing: text) }
        #expect(error?.description.contains(word) == true, "\(error?.description ?? "")")
    }

    @Test("what is printed is read back, and any change of one byte is an error or another address")
    func roundTrip() throws {
        var random = SeededRandom(seed: 11)
        let letters = Array("abcxyzABCXYZ0123456789-._".utf8)
        for round in 0..<2_000 {
            let isIPv6 = round % 3 == 0
            let host: String
            if isIPv6 {
                host = (0..<8).map { _ in String(random.next() % 0x1_0000, radix: 16) }.joined(separator: ":")
            } else {
                let count = 1 + Int(random.next() % 40)
                host = String(decoding: (0..<count).map { _ in letters[Int(random.next() % UInt64(letters.count))] }, as: UTF8.self)
            }
            let address = Address(round % 2 == 0 ? .tcp : .tls, host: host, port: UInt16(truncatingIfNeeded: random.next()))
            #expect(try Address(parsing: address.description) == address)
            var bytes = Array(address.description.utf8)
            let place = Int(random.next() % UInt64(bytes.count))
            bytes[place] ^= UInt8(1 << (random.next() % 8))
            let changed = String(decoding: bytes, as: UTF8.self)
            if let other = try? Address(parsing: changed) { #expect(other != address, "\(changed)") }
        }
    }

    @Test(
        "loopback is what only this host can reach",
        arguments: [
            ("127.0.0.1", true), ("127.9.9.9", true), ("::1", true), ("localhost", true), ("127.0.0.1.example.org", false),
            ("10.0.0.1", false),
            ("router-1", false), ("127.evil", false), ("0.0.0.0", false), ("::", false),
        ])
    func loopback(_ host: String, _ expected: Bool) { #expect(Address(host: host, port: 1).isLoopback == expected) }

    @Test("the advertised address has the host that was asked for, and the port that was bound")
    func advertised() {
        let bound = Address(.tls, host: "0.0.0.0", port: 0)
        #expect(bound.advertised(host: "worker-3", port: 41_000) == Address(.tls, host: "worker-3", port: 41_000))
        #expect(bound.advertised(host: nil, port: 41_000) == Address(.tls, host: "0.0.0.0", port: 41_000))
    }
}
