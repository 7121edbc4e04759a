import ClusterModel
import EventLoop
import Glibc
import Testing
import Transport
import WireProtocol

extension Contract {
    @Suite("Back-pressure")
    struct FlowTests {
        /// A raw stream between A and B: its dialer's end, and its listener's.
        private func streams(_ harness: any Harness, reading: Bool) async throws -> (sender: RawPeer, receiver: RawPeer) {
            let b = harness.b, place = harness.addressOfB
            let accepted = Accepted()
            let address = try await b.run {
                try b.network.listen(on: place) { stream in accepted.peers.append(RawPeer(stream, loop: b.loop, reading: reading)) }.address
            }
            let sender = try await RawPeer.dial(address, from: harness.a)
            try await b.until("the stream") { accepted.peers.count == 1 }
            return (sender, try await b.run { accepted.peers[0] })
        }

        @LoopActor
        private final class Accepted {
            var peers: [RawPeer] = []
            nonisolated init() {}
        }

        static let total = 16 << 20

        @Test("a receiver that does not read is felt by the sender; when it reads, all arrives in order", arguments: Kind.all)
        func notReading(_ kind: Kind) async throws {
            try await with(kind) { harness in
                let (sender, receiver) = try await streams(harness, reading: false)
                let chunk = ConversationTests.body(1 << 20)
                try await harness.a.run {
                    for _ in 0..<(Self.total >> 20) { sender.send(chunk) }
                    sender.stream.notifyWhenDrained()
                }
                let stalled = try await stall(harness, sender)
                try await harness.a.run {
                    #expect(sender.stream.unsentBytes > 0)
                    #expect(sender.stream.unsentBytes + Int(sender.stream.sentTotal) == Self.total)
                    #expect(sender.drained == 0)
                }
                #expect(try await harness.b.run { receiver.count } == 0)
                if harness.isSimulated { #expect(stalled == 256 << 10) }
                try await harness.b.run { receiver.stream.setReading(true) }
                try await harness.b.until("all bytes") { receiver.count == Self.total }
                try await harness.a.until("the notice") { sender.drained == 1 }
                try await harness.b.run {
                    for index in 0..<(Self.total >> 20) {
                        let isSame = receiver.bytes.withUnsafeBytes { all in
                            chunk.withUnsafeBytes { one in memcmp(all.baseAddress! + (index << 20), one.baseAddress!, 1 << 20) == 0 }
                        }
                        #expect(isSame, "MiB \(index)")
                    }
                }
                #expect(try await harness.a.run { Int(sender.stream.sentTotal) } == Self.total)
            }
        }

        /// Waits until the kernel takes no more.
        private func stall(_ harness: any Harness, _ sender: RawPeer) async throws -> Int {
            var last: UInt64 = 0
            for _ in 0..<100 {
                try await harness.pass(.milliseconds(50))
                let now = try await harness.a.run { sender.stream.sentTotal }
                if now == last, now > 0 { return Int(now) }
                last = now
            }
            throw TimedOut("a stall")
        }

        @Test("that nothing waits is told without a timer: a peer reads megabytes in a millisecond", arguments: Kind.all)
        func alreadyDrained(_ kind: Kind) async throws {
            try await with(kind) { harness in
                let (sender, _) = try await streams(harness, reading: true)
                for notices in 1...3 {
                    try await harness.a.run {
                        let timers = Loop.current?.timersWaiting
                        sender.stream.notifyWhenDrained()
                        sender.stream.notifyWhenDrained()
                        #expect(Loop.current?.timersWaiting == timers)
                    }
                    try await harness.a.until("the notice") { sender.drained >= notices }
                }
            }
        }

        @Test("a receiver that pauses and reads in turns gets every byte once", arguments: Kind.all)
        func intermittent(_ kind: Kind) async throws {
            try await with(kind) { harness in
                let (sender, receiver) = try await streams(harness, reading: true)
                let bytes = ConversationTests.body(3 << 20)
                try await harness.a.run { sender.send(bytes) }
                for _ in 0..<10 {
                    try await harness.b.run { receiver.stream.setReading(false) }
                    try await harness.pass(.milliseconds(2))
                    try await harness.b.run { receiver.stream.setReading(true) }
                    try await harness.pass(.milliseconds(1))
                }
                try await harness.b.until("all bytes") { receiver.count == bytes.count }
                #expect(try await harness.b.run { receiver.bytes } == bytes)
            }
        }

        @Test(
            "large bytes that leave from where they lie keep their place among the others, and are counted", arguments: Kind.all,
            [1, 2] as [UInt64])
        func payloads(_ kind: Kind, seed: UInt64) async throws {
            try await with(kind) { harness in
                let (sender, receiver) = try await streams(harness, reading: false)
                var random = SeededRandom(seed: seed), parts: [(head: [UInt8], payload: [UInt8])] = []
                for number in 0..<60 as Range<UInt8> {
                    let isLarge = random.next() % 3 > 0
                    parts.append(
                        (
                            Array(repeating: number, count: 1 + Int(random.next() % 5_000)),
                            isLarge ? Array(repeating: number | 0x80, count: Int(random.next() % 300_000)) : []
                        ))
                }
                let all = parts.flatMap { $0.head + $0.payload }, sent = parts
                try await harness.a.run {
                    for (index, part) in sent.enumerated() {
                        var head = part.head
                        if part.payload.isEmpty { sender.stream.send(&head) } else { sender.stream.send(&head, then: part.payload) }
                        #expect(head.isEmpty)
                        if index % 20 == 19 { await harness.a.loop.sleep(for: .milliseconds(2)) }
                    }
                    #expect(sender.stream.unsentBytes + Int(sender.stream.sentTotal) == all.count)
                }
                try await harness.b.run { receiver.stream.setReading(true) }
                try await harness.b.until("all bytes") { receiver.count == all.count }
                #expect(try await harness.b.run { receiver.bytes } == all, "seed \(seed)")
                #expect(try await harness.a.run { sender.stream.unsentBytes == 0 && Int(sender.stream.sentTotal) == all.count })
            }
        }

        /// A link on B whose peer can stop reading.
        private func stubborn(_ harness: any Harness) async throws -> (peer: RawPeer, side: Side, link: Link, recorder: Recorder) {
            let (side, address) = try await harness.listen()
            let peer = try await RawPeer.dial(address, from: harness.a)
            try await harness.a.run {
                peer.keeps = false
                peer.send(RawPeer.greeting + RawPeer.frame(RawPeer.hello()))
            }
            try await harness.b.until("the link") { side.links.count == 1 }
            // It says that it lives, though it does not read.
            let loop = harness.a.loop
            try await harness.a.run {
                peer.stream.setReading(false)
                @LoopActor func beat() {
                    guard peer.closed.isEmpty else { return }
                    peer.send(RawPeer.frame(Heartbeat()))
                    loop.schedule(after: .milliseconds(200)) { beat() }
                }
                beat()
            }
            let (link, recorder) = try await harness.b.run { (side.links[0], side.recorders[0]) }
            return (peer, side, link, recorder)
        }

        @Test("a polite sender is told when what waited is gone", arguments: Kind.all)
        func drained(_ kind: Kind) async throws {
            try await with(kind) { harness in
                let (peer, _, link, recorder) = try await stubborn(harness)
                let sent = try await harness.b.run {
                    var sent = 0
                    while !link.isBackedUp, sent < 64 {
                        link.post(UInt64(sent), [UInt8](repeating: 7, count: 1_000_000))
                        sent += 1
                        await link.loop.sleep(for: .milliseconds(20))
                    }
                    #expect(recorder.drained == 0)
                    return sent
                }
                #expect(sent < 32)
                try await harness.pass(.milliseconds(100))
                #expect(try await harness.b.run { link.unsentBytes } > TransportLimits.outboxHighBytes)
                try await harness.a.run { peer.stream.setReading(true) }
                try await harness.b.until("the notice") { recorder.drained == 1 && link.unsentBytes == 0 }
                try await harness.a.until("all bytes") { peer.count > sent * 1_000_000 }
                #expect(try await harness.b.run { !link.isBackedUp && link.isOpen && recorder.ends.isEmpty })
            }
        }

        @Test("a peer that does not read ends the link when 32 MiB wait for it, and not before", arguments: Kind.all)
        func outboxFull(_ kind: Kind) async throws {
            try await with(kind) { harness in
                let (peer, _, link, recorder) = try await stubborn(harness)
                try await harness.b.run {
                    let body = [UInt8](repeating: 7, count: 1 << 20)
                    for number in 0..<31 { link.post(UInt64(number), body) }
                    await link.loop.sleep(for: .milliseconds(50))
                    #expect(link.isOpen, "31 MiB are allowed to wait")
                    // Kernels hold some of it, so that the limit is reached a little later.
                    var more = 0
                    while link.isOpen, more < 32 {
                        link.post(99, body)
                        await link.loop.sleep(for: .milliseconds(1))
                        more += 1
                    }
                    #expect(recorder.ends == [.outboxFull])
                    #expect(more >= 1)
                }
                try await harness.a.run { peer.stream.setReading(true) }
                try await harness.a.until("the peer sees the end") { peer.closed.count == 1 }
            }
        }

        @Test("a frozen peer is felt like one that does not read", arguments: Kind.all)
        func frozen(_ kind: Kind) async throws {
            try await with(kind) { harness in
                let patient = { (policy: inout LinkPolicy) in policy.deadAfter = .seconds(60) }
                let pair = try await harness.open(dialer: Policies.dialer(patient), listener: Policies.listener(patient)) { _, recorder in
                    recorder.keepsBodies = false
                }
                await pair.b.freeze()
                try await pair.a.run {
                    for number in 0..<20 { pair.link.post(UInt64(number), [UInt8](repeating: 3, count: 1 << 20)) }
                    await pair.link.loop.sleep(for: .milliseconds(300))
                    #expect(pair.link.unsentBytes > 1 << 20)
                    #expect(pair.link.isOpen)
                }
                await pair.b.thaw()
                try await pair.b.until("everything") { pair.peerHeard.bytes == 20 << 20 }
                #expect(try await pair.b.run { pair.peerHeard.messages.map(\.number) } == Array(0..<20))
                try await pair.a.until("nothing waits") { pair.link.unsentBytes == 0 }
            }
        }

        @Test("a peer that takes no byte for 30 s has stalled, however alive it says it is", arguments: [1, 2] as [UInt64])
        func writeStall(_ seed: UInt64) async throws {
            let harness = SimulatedHarness(seed: seed)
            let (_, _, link, recorder) = try await stubborn(harness)
            let started = try await harness.b.run {
                link.post(1, [UInt8](repeating: 7, count: 1 << 20))
                return link.loop.now
            }
            try await harness.pass(.seconds(29))
            #expect(try await harness.b.run { link.isOpen })
            try await harness.pass(.seconds(3))
            #expect(try await harness.b.run { recorder.ends } == [.writeStalled])
            let endedAt = try await harness.b.run { recorder.endedAt ?? .zero }
            #expect(started.duration(to: endedAt) < .milliseconds(30_600))
        }

        @Test("a slow line is not a stall", arguments: [1, 2] as [UInt64])
        func slowLine(_ seed: UInt64) async throws {
            var faults = LinkFaults()
            faults.bytesPerSecond = 200_000
            let harness = SimulatedHarness(seed: seed, plan: FaultPlan(faults))
            let pair = try await harness.open { _, recorder in recorder.keepsBodies = false }
            // Half a minute for one message: its parts are signs of life, and its sender's heartbeats wait behind it.
            try await pair.a.run { pair.link.post(1, [UInt8](repeating: 1, count: 6_000_000)) }
            try await pair.b.until("the message", within: .seconds(60)) { pair.peerHeard.messages.count == 1 }
            try await harness.pass(.seconds(5))
            #expect(try await pair.a.run { pair.link.isOpen && pair.heard.ends.isEmpty })
            #expect(try await pair.b.run { pair.peerLink.isOpen && pair.peerHeard.ends.isEmpty })
        }
    }
}
