import ClusterModel
import EventLoop
import Testing
import Transport
import WireProtocol

extension Contract {
    @Suite("Ending a link")
    struct EndingTests {
        @Test("a goodbye is acknowledged after everything that was sent before it, 5 MB included", arguments: Kind.all)
        func goodbye(_ kind: Kind) async throws {
            try await with(kind) { harness in
                let pair = try await harness.open { _, recorder in recorder.keepsBodies = false }
                try await pair.a.run {
                    for number in 0..<5 { pair.link.post(UInt64(number), [UInt8](repeating: 1, count: 1_000_000)) }
                    pair.link.goodbye(.leaving, detail: "for good")
                    #expect(!pair.link.isOpen)
                    pair.link.post(99, [])  // too late: it is not sent
                }
                try await pair.a.until("the end here") { pair.heard.ends == [.goodbye(.leaving, byPeer: false)] }
                try await pair.b.until("the end there") { pair.peerHeard.ends == [.goodbye(.leaving, byPeer: true)] }
                #expect(try await pair.b.run { pair.peerHeard.messages.map(\.number) == [0, 1, 2, 3, 4] })
                #expect(try await pair.b.run { pair.peerHeard.bytes } == 5_000_000)
            }
        }

        @Test("on a slow line a goodbye waits for as long as the peer takes bytes", arguments: [1, 2, 3] as [UInt64])
        func slowGoodbye(_ seed: UInt64) async throws {
            var faults = LinkFaults()
            faults.bytesPerSecond = 1_000_000
            let harness = SimulatedHarness(seed: seed, plan: FaultPlan(faults))
            let pair = try await harness.open { _, recorder in recorder.keepsBodies = false }
            try await pair.a.run {
                for number in 0..<5 { pair.link.post(UInt64(number), [UInt8](repeating: 1, count: 1_000_000)) }
                pair.link.goodbye(.leaving)
            }
            try await harness.pass(.seconds(10))
            #expect(try await pair.a.run { pair.heard.ends } == [.goodbye(.leaving, byPeer: false)])
            #expect(try await pair.b.run { pair.peerHeard.ends } == [.goodbye(.leaving, byPeer: true)])
            #expect(try await pair.b.run { pair.peerHeard.bytes } == 5_000_000)
        }

        @Test("goodbyes that cross lose nothing that was sent before either", arguments: Kind.all)
        func crossing(_ kind: Kind) async throws {
            try await with(kind) { harness in
                let pair = try await harness.open { _, recorder in recorder.keepsBodies = false }
                try await pair.a.run { pair.heard.keepsBodies = false }
                try await pair.b.run {
                    for number in 0..<5 { pair.peerLink.post(UInt64(number), [UInt8](repeating: 2, count: 1_000_000)) }
                    pair.peerLink.goodbye(.draining)
                }
                // On a busy machine the other one's may be here already: then nothing is sent any more.
                let sent = try await pair.a.run { () -> Int in
                    guard pair.link.isOpen else { return 0 }
                    for number in 0..<5 { pair.link.post(UInt64(number), [UInt8](repeating: 1, count: 1_000_000)) }
                    pair.link.goodbye(.leaving)
                    return 5_000_000
                }
                try await pair.a.until("the end here") { pair.heard.ends.count == 1 }
                try await pair.b.until("the end there") { pair.peerHeard.ends.count == 1 }
                let here = try await pair.a.run { (pair.heard.bytes, pair.heard.ends[0]) }
                let there = try await pair.b.run { (pair.peerHeard.bytes, pair.peerHeard.ends[0]) }
                #expect(there.0 == sent || !there.1.isGoodbye, "B was told of an orderly end and missed something: \(there)")
                #expect(here.0 == 5_000_000 || !here.1.isGoodbye, "A was told of an orderly end and missed something: \(here)")
                #expect(here.1.isGoodbye && there.1.isGoodbye)
            }
        }

        @Test("an abort is silent here and a lost link there", arguments: Kind.all)
        func abort(_ kind: Kind) async throws {
            try await with(kind) { harness in
                let pair = try await harness.open()
                try await pair.a.run {
                    pair.link.abort()
                    pair.link.abort()
                    #expect(!pair.link.isOpen)
                }
                try await pair.b.until("the end") { pair.peerHeard.ends.count == 1 }
                guard case .closedByPeer = try await pair.b.run({ pair.peerHeard.ends[0] }) else { return #expect(Bool(false)) }
                #expect(try await pair.a.run { pair.heard.ends.isEmpty })
            }
        }

        @Test("a handler that aborts in the middle of a message hears no more, and can still read that message", arguments: Kind.all)
        func abortWhileReading(_ kind: Kind) async throws {
            try await with(kind) { harness in
                let count = 15 << 20
                let verdict = Verdict()
                let pair = try await harness.open { _, recorder in
                    recorder.keepsBodies = false
                    recorder.react = { link, header, body in
                        link.abort()
                        // Longer than whoever frees things elsewhere needs.
                        let until = link.loop.preciseNow + .milliseconds(kind.isReal ? 200 : 0)
                        while link.loop.preciseNow < until {}
                        var sum = 0
                        for offset in stride(from: 0, to: body.byteCount, by: 4096) {
                            sum += Int(body.unsafeLoad(fromByteOffset: offset, as: UInt8.self))
                        }
                        verdict.sums.append(sum)
                    }
                }
                try await pair.a.run {
                    for number in 0..<3 { pair.link.post(UInt64(number), [UInt8](repeating: 1, count: number == 0 ? count : 1)) }
                }
                try await pair.a.until("the end") { pair.heard.ends.count == 1 }
                #expect(try await pair.b.run { verdict.sums } == [count / 4096])
                #expect(try await pair.b.run { pair.peerHeard.ends.isEmpty && pair.peerHeard.messages.count == 1 })
            }
        }

        @LoopActor
        private final class Verdict {
            var sums: [Int] = []
            nonisolated init() {}
        }

        @Test("a link that nobody holds any more still ends for its peer's handler", arguments: Kind.all)
        func unheld(_ kind: Kind) async throws {
            try await with(kind) { harness in
                let pair = try await harness.open()
                try await pair.a.run { pair.link.handler = nil }
                try await pair.b.run { pair.peerLink.goodbye(.done) }
                try await pair.b.until("the acknowledged end") { pair.peerHeard.ends == [.goodbye(.done, byPeer: false)] }
            }
        }
    }
}

extension LinkEnd {
    var isGoodbye: Bool { if case .goodbye = self { true } else { false } }
}

extension Kind {
    var isReal: Bool { if case .nng = self { true } else { false } }
}
