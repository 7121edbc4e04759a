import ClusterModel
import EventLoop
import Testing
import Transport
import WireProtocol

extension Contract {
    @Suite("Strangers on the port")
    struct StrangerTests {
        struct Bytes: Sendable, CustomTestStringConvertible {
            let testDescription: String
            let bytes: [UInt8]
        }

        static let strange = [
            Bytes(testDescription: "not SP", bytes: Array("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n".utf8)),
            Bytes(testDescription: "an HTTP request", bytes: Array("GET / HTTP/1.1\r\nHost: example.org\r\n\r\n".utf8)),
            Bytes(testDescription: "another SP protocol", bytes: [0x00, 0x53, 0x50, 0x00, 0x00, 0x11, 0x00, 0x00]),
            Bytes(testDescription: "a length of 2^63", bytes: RawPeer.greeting + RawPeer.length(1 << 63)),
            Bytes(testDescription: "a length of 2^64 - 1", bytes: RawPeer.greeting + RawPeer.length(.max)),
            Bytes(testDescription: "65 KiB before Welcome", bytes: RawPeer.greeting + RawPeer.length(65 << 10)),
        ]

        /// A link from A to B that must not feel what happens beside it.
        private func with(_ kind: Kind, _ body: @escaping (any Harness, Pair) async throws -> Void) async throws {
            try await TransportTests.with(kind) { harness in
                let pair = try await harness.open { _, recorder in
                    recorder.react = { link, header, _ in link.answer(header, with: Reply(1)) }
                }
                try await body(harness, pair)
                try await pair.a.run {
                    let reply = try await pair.link.ask(Ask(1), answeredBy: Reply.self, within: .seconds(10))
                    #expect(reply == Reply(1))
                }
                #expect(try await pair.b.run { pair.peerLink.isOpen })
            }
        }

        @Test(
            "bytes that are no greeting, or announce too much, close the stream at once and harm nobody else", arguments: Kind.all, strange)
        func strangeBytes(_ kind: Kind, _ strange: Bytes) async throws {
            try await with(kind) { harness, pair in
                let peer = try await RawPeer.dial(pair.address, from: harness.a)
                let started = try await harness.a.run {
                    peer.send(strange.bytes)
                    return harness.a.loop.now
                }
                try await harness.a.until("the stream is closed") { peer.closed.count == 1 }
                try await harness.b.until("the rejection") { pair.listener.rejections == [.badFraming] }
                let closedAt = try await harness.a.run { peer.closedAt }
                if harness.isSimulated { #expect(started.duration(to: closedAt ?? .zero) < .milliseconds(10)) }
            }
        }

        @Test("a right greeting and then garbage is refused as malformed", arguments: Kind.all)
        func garbage(_ kind: Kind) async throws {
            try await with(kind) { harness, pair in
                let peer = try await RawPeer.dial(pair.address, from: harness.a)
                try await harness.a.run { peer.send(RawPeer.greeting + RawPeer.frame([UInt8](repeating: 0xA5, count: 100))) }
                try await harness.a.until("a refusal") { peer.first(Refuse.self) != nil }
                let refuse = try await harness.a.run { peer.first(Refuse.self) }
                #expect(refuse?.code == .malformed && refuse?.field == "magic")
                try await harness.b.until("the rejection") { pair.listener.rejections == [.badMessage(WireError(.badMagic, "magic"))] }
                try await harness.a.until("the stream is closed") { peer.closed.count == 1 }
            }
        }

        @Test("whoever says nothing for a second is told so and closed; others are not disturbed", arguments: Kind.all, [false, true])
        func silence(_ kind: Kind, greets: Bool) async throws {
            try await with(kind) { harness, pair in
                let started = try await harness.b.run { harness.b.loop.now }
                let peer = try await RawPeer.dial(pair.address, from: harness.a)
                if greets { try await harness.a.run { peer.send(RawPeer.greeting) } }
                try await harness.a.until("the stream is closed") { peer.closed.count == 1 }
                try await harness.b.until("the rejection") { pair.listener.rejections == [.handshakeTimeout] }
                #expect(try await harness.a.run { peer.first(Refuse.self)?.code } == .handshakeTimeout)
                let held = try await harness.b.run { started.duration(to: pair.listener.rejectedAt[0]) }
                #expect(held >= .seconds(1))
                if harness.isSimulated { #expect(held < .milliseconds(1_010)) }
            }
        }

        @Test("a length past the limit of a message closes an open link before the message comes", arguments: Kind.all)
        func longAfterWelcome(_ kind: Kind) async throws {
            try await with(kind) { harness, pair in
                let (side, address) = try await harness.listen()
                let peer = try await RawPeer.dial(address, from: harness.a)
                try await harness.a.run { peer.send(RawPeer.greeting + RawPeer.frame(RawPeer.hello())) }
                try await harness.a.until("a welcome") { peer.first(Welcome.self) != nil }
                try await harness.a.run { peer.send(RawPeer.length(17 << 20)) }
                try await harness.b.until("the end") { side.recorders.first?.ends == [.badFraming] }
                try await harness.a.until("the stream is closed") { peer.closed.count == 1 }
            }
        }

        @Test("a message of another major is refused as a version", arguments: Kind.all)
        func otherMajor(_ kind: Kind) async throws {
            try await with(kind) { harness, pair in
                let peer = try await RawPeer.dial(pair.address, from: harness.a)
                var hello = RawPeer.frame(RawPeer.hello())
                hello[8 + 4] = 2
                let bytes = hello
                try await harness.a.run { peer.send(RawPeer.greeting + bytes) }
                try await harness.a.until("a refusal") { peer.first(Refuse.self)?.code == .version }
            }
        }

        @Test("strangers up to the limit of pending handshakes hold up a link for no longer than their second", arguments: Kind.all)
        func manyStrangers(_ kind: Kind) async throws {
            try await with(kind) { harness, pair in
                var peers: [RawPeer] = []
                for _ in 0..<TransportLimits.pendingHandshakes { peers.append(try await RawPeer.dial(pair.address, from: harness.a)) }
                let strangers = peers
                // As a process that starts while they hold the door.
                let address = pair.address
                let opened = try await harness.a.run { [a = harness.a] in
                    let side = Side(a, Policies.dialer())
                    let result = await side.dial(address)
                    // On real time the last stranger's second may end a little after the dialer's own.
                    if case .failure(.handshakeTimeout) = result, kind.isReal { return await side.dial(address) }
                    return result
                }
                let link = try opened.get()
                #expect(try await harness.a.run { link.isOpen })
                try await harness.a.until("all strangers are gone") { strangers.allSatisfy { $0.closed.count == 1 } }
                #expect(try await harness.b.run { pair.listener.rejections.count } >= TransportLimits.pendingHandshakes)
                try await harness.a.run { link.abort() }
                try await harness.b.until("both links were seen") { pair.listener.links.count >= 2 }
            }
        }
    }
}
