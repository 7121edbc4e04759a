import EventLoop
import ProcessKit
import Telemetry
import Testing
import Transport
import WireProtocol

@Suite("Where a process says that it can be dialled")
struct AddressTests {
    private func context(_ host: String?) -> ProcessContext { Kit(advertisedHost: host).context }

    @Test("a host that was given is said; without one the reader takes the one at which it met the process")
    func advertised() {
        #expect(context("node-7").advertised(Address(host: "0.0.0.0", port: 8100)) == "tcp://node-7:8100")
        #expect(context("fd00::7").advertised(Address(host: "::", port: 8100)) == "tcp://[fd00::7]:8100")
        #expect(context("node-7").advertised(Address(.tls, host: "::", port: 1)) == "tls+tcp://node-7:1")
        #expect(context(nil).advertised(Address(host: "10.0.0.1", port: 8100)) == "tcp://:8100")
        #expect(context(nil).advertised(Address(.tls, host: "127.0.0.1", port: 9)) == "tls+tcp://:9")
    }

    @Test("what is said is what is read, for every kind of host", arguments: ["10.0.0.9", "fd00::9", "node-9", "127.0.0.1", "::1"])
    func roundTrip(host: String) {
        let peer = Address(host: host, port: 50_123)
        for scheme in [Address.Scheme.tcp, .tls] {
            let own = Address(scheme, host: "0.0.0.0", port: 8_200)
            #expect(Address(advertised: context(nil).advertised(own), peer: peer) == Address(scheme, host: host, port: 8_200))
            #expect(Address(advertised: context(host).advertised(own), peer: nil) == Address(scheme, host: host, port: 8_200))
        }
    }

    @Test("a host that stands there is kept, whoever says it")
    func kept() {
        let peer = Address(host: "10.0.0.9", port: 1)
        #expect(Address(advertised: "tcp://node-1:8100", peer: peer) == Address(host: "node-1", port: 8100))
        #expect(Address(advertised: "tcp://[::1]:8100", peer: peer) == Address(host: "::1", port: 8100))
    }

    @Test(
        "what is no address is none",
        arguments: [
            "", "tcp://", "tcp://:", "tcp://:x", "tcp://:70000", "tcp://:-1", "udp://:1", "://:1", ":1", "tcp://a b:1", "tcp://::1:80",
            "tcp://[]:1",
            "tcp://:1:2", "tcp://:1://:2", "tcp://a://:2", "tcp://\u{0}:1",
        ])
    func malformed(text: String) { #expect(Address(advertised: text, peer: Address(host: "10.0.0.9", port: 1)) == nil) }

    @Test("an open host without a peer to take it from is no address")
    func open() { #expect(Address(advertised: "tcp://:8100", peer: nil) == nil) }
}
