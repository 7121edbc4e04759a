import ClusterModel
import EventLoop
import Testing
import Transport
import WireProtocol

/// What a reader was told, judged with a cursor as a service would.
@LoopActor
final class FeedRecorder: FeedReader {
    struct Batch: Hashable {
        let generation: UInt64
        let first: UInt64
        let body: [UInt8]
    }

    private(set) var batches: [Batch] = []
    private(set) var beats: [(last: UInt64, generation: UInt64)] = []
    private(set) var verdicts: [Liveness.Verdict] = []
    private(set) var verdictTimes: [Instant] = []
    private(set) var gaps: [ClosedRange<UInt64>] = []
    private(set) var applied: [UInt64] = []
    private(set) var generations: [UInt64] = []
    private var cursor: FeedCursor?
    private let loop: Loop

    nonisolated init(on loop: Loop) { self.loop = loop }

    func feed(_ feed: FeedSubscriber, batch header: MessageHeader, body: RawSpan) {
        let bytes = body.withUnsafeBytes { Array($0) }
        batches.append(Batch(generation: header.origin, first: header.number, body: bytes))
        judge(header.origin, first: header.number) { cursor in
            cursor.batch(generation: header.origin, first: header.number, count: FeedTests.count(in: bytes))
        }
    }

    func feed(_ feed: FeedSubscriber, beat last: UInt64, generation: UInt64) {
        beats.append((last, generation))
        judge(generation, first: last + 1) { $0.beat(generation: generation, last: last) }
    }

    /// A reader begins with the first number that it hears, as if a snapshot had told it everything before.
    private func judge(_ generation: UInt64, first: UInt64, _ verdict: (inout FeedCursor) -> FeedCursor.Verdict) {
        var cursor = cursor ?? FeedCursor(generation: generation, next: first)
        if self.cursor == nil { generations.append(generation) }
        let before = cursor.next
        switch verdict(&cursor) {
        case .apply: applied.append(contentsOf: before..<cursor.next)
        case .behind: break
        case .gap(let missing):
            gaps.append(missing)
            cursor.restart(generation: generation, next: missing.upperBound + 1)
            if case .apply = verdict(&cursor) { applied.append(contentsOf: (missing.upperBound + 1)..<cursor.next) }
        case .otherGeneration(let other):
            generations.append(other)
            cursor.restart(generation: other, next: first)
            if case .apply = verdict(&cursor) { applied.append(contentsOf: first..<cursor.next) }
        }
        self.cursor = cursor
    }

    func feed(_ feed: FeedSubscriber, became verdict: Liveness.Verdict) {
        verdicts.append(verdict)
        verdictTimes.append(loop.now)
    }
}

@LoopActor
private final class Reader {
    let recorder: FeedRecorder
    let subscriber: FeedSubscriber

    init(_ process: any TestProcess, to address: Address) throws(TransportError) {
        recorder = FeedRecorder(on: process.loop)
        subscriber = try FeedSubscriber(
            to: address, kind: .workerEvents, loop: process.loop, network: process.network, reader: recorder)
    }
}

/// Feeds of both implementations; a body is a count of events and some filling.
@Suite("Feeds", .serialized)
struct FeedTests {
    nonisolated static func body(_ count: Int, filling: Int = 0) -> [UInt8] {
        [UInt8(count)] + [UInt8](repeating: 0x5A, count: filling)
    }

    nonisolated static func count(in body: [UInt8]) -> Int { Int(body.first ?? 0) }

    private func publisher(on process: any TestProcess, _ address: Address, generation: UInt64) async throws -> FeedPublisher {
        let loop = process.loop, network = process.network
        return try await process.run {
            try FeedPublisher(on: address, kind: .workerEvents, generation: generation, loop: loop, network: network)
        }
    }

    private func reader(on process: any TestProcess, _ address: Address) async throws -> Reader {
        try await process.run { try Reader(process, to: address) }
    }

    /// B publishes, A has heard a beat of it.
    private func open(_ harness: any Harness) async throws -> (publisher: FeedPublisher, reader: Reader, address: Address) {
        let publisher = try await publisher(on: harness.b, harness.addressOfB, generation: 77)
        let address = try await harness.b.run { publisher.address }
        let reader = try await reader(on: harness.a, address)
        try await harness.a.until("a beat") { !reader.recorder.beats.isEmpty }
        return (publisher, reader, address)
    }

    @Test("who subscribes hears a beat soon, and so do all that come with it: one")
    func greeting() async throws {
        let harness = SimulatedHarness(seed: 1)
        let (publisher, first, address) = try await open(harness)
        for _ in 0..<4 {
            let before = try await harness.a.run { first.recorder.beats.count }
            let others = [try await reader(on: harness.a, address), try await reader(on: harness.a, address)]
            try await harness.pass(TransportLimits.feedGreeting + .milliseconds(60))
            let heard = try await harness.a.run { ([first] + others).map(\.recorder.beats.count) }
            // A regular one may come meanwhile.
            #expect((1...2).contains(heard[0] - before) && heard[1...].allSatisfy((1...2).contains), "\(heard) from \(before) on")
        }
        try await harness.b.run { publisher.close() }
    }

    @Test("batches arrive in order, each with the number of its first event", arguments: Kind.all)
    func order(_ kind: Kind) async throws {
        try await with(kind) { harness in
            let (publisher, reader, _) = try await open(harness)
            let loop = harness.b.loop
            try await harness.b.run {
                for batch in 0..<100 {
                    let count = 1 + batch % 7
                    publisher.publish(count: count) { $0 += Self.body(count, filling: batch * 10) }
                    if batch % 10 == 9 { await loop.sleep(for: .milliseconds(2)) }
                }
            }
            try await harness.a.until("100 batches") { reader.recorder.batches.count == 100 }
            let next = try await harness.b.run { publisher.nextSequence }
            try await harness.a.run {
                #expect(reader.recorder.applied == Array(1..<next))
                #expect(reader.recorder.gaps.isEmpty && reader.recorder.generations == [77])
                for (batch, heard) in reader.recorder.batches.enumerated() {
                    #expect(heard.body == Self.body(1 + batch % 7, filling: batch * 10) && heard.generation == 77)
                }
                reader.subscriber.close()
            }
            try await harness.b.run { publisher.close() }
        }
    }

    @Test("whoever subscribes late learns from a beat how far the stream is", arguments: Kind.all)
    func late(_ kind: Kind) async throws {
        try await with(kind) { harness in
            let publisher = try await publisher(on: harness.b, harness.addressOfB, generation: 77)
            let address = try await harness.b.run {
                publisher.publish(count: 5) { $0 += Self.body(5) }
                return publisher.address
            }
            let reader = try await reader(on: harness.a, address)
            try await harness.a.until("a beat") { reader.recorder.beats.first?.last == 5 }
            #expect(try await harness.a.run { reader.recorder.batches.isEmpty })
            try await harness.a.run { reader.subscriber.close() }
        }
    }

    @Test("a last batch that is lost in silence is revealed by the next beat", arguments: [1, 2, 3] as [UInt64])
    func lostLast(_ seed: UInt64) async throws {
        let harness = SimulatedHarness(seed: seed)
        let (publisher, reader, _) = try await open(harness)
        harness.fabric.plan.standard.feedLoss = 1
        try await harness.b.run { publisher.publish(count: 3) { $0 += Self.body(3) } }
        try await harness.pass(.milliseconds(5))
        harness.fabric.plan.standard.feedLoss = 0
        try await harness.pass(.milliseconds(260))
        #expect(try await harness.a.run { reader.recorder.gaps } == [1...3])
    }

    @Test(
        "under loss, repetition and disorder every event is applied once or known to be missing", arguments: 1...20 as ClosedRange<UInt64>)
    func faults(_ seed: UInt64) async throws {
        var faults = LinkFaults()
        faults.jitter = .milliseconds(5)
        faults.feedLoss = 0.2
        faults.feedDuplication = 0.2
        faults.feedReordering = 0.2
        let harness = SimulatedHarness(seed: seed, plan: FaultPlan(faults))
        let (publisher, reader, _) = try await open(harness)
        let first = try await harness.a.run { reader.recorder.beats.count }
        #expect(first >= 1)
        let loop = harness.b.loop
        try await harness.b.run {
            for batch in 0..<300 {
                publisher.publish(count: 1 + batch % 3) { $0 += Self.body(1 + batch % 3) }
                await loop.sleep(for: .milliseconds(Int64(loop.random.next() % 10)))
            }
        }
        harness.fabric.plan = FaultPlan()
        try await harness.pass(.milliseconds(600))
        let next = try await harness.b.run { publisher.nextSequence }
        try await harness.a.run {
            let missing = reader.recorder.gaps.flatMap { Array($0) }
            #expect((reader.recorder.applied + missing).sorted() == Array(1..<next), "seed \(seed)")
            #expect(!missing.isEmpty && !reader.recorder.applied.isEmpty)
        }
    }

    @Test("a publisher that restarts is found again, as another generation", arguments: Kind.all)
    func restart(_ kind: Kind) async throws {
        try await with(kind) { harness in
            let (first, reader, address) = try await open(harness)
            try await harness.b.run {
                first.publish(count: 2) { $0 += Self.body(2) }
                first.close()
            }
            try await harness.pass(.milliseconds(100))
            let second = try await publisher(on: harness.b, address, generation: 78)
            try await harness.a.until("the new generation") { reader.recorder.generations == [77, 78] }
            try await harness.b.run { second.publish(count: 4) { $0 += Self.body(4) } }
            try await harness.a.until("its batch") { reader.recorder.batches.last?.generation == 78 }
            try await harness.a.run {
                #expect(reader.recorder.applied == [1, 2, 1, 2, 3, 4] || reader.recorder.applied == [1, 2, 3, 4])
                reader.subscriber.close()
            }
            try await harness.b.run { second.close() }
        }
    }

    @Test("a publisher's silence is suspected after a second and dead after two, and its return is told", arguments: [1, 2] as [UInt64])
    func silence(_ seed: UInt64) async throws {
        let harness = SimulatedHarness(seed: seed)
        let (publisher, reader, _) = try await open(harness)
        await harness.b.freeze()
        let frozenAt = try await harness.a.run { harness.a.loop.now }
        try await harness.pass(.seconds(3))
        await harness.b.thaw()
        try await harness.pass(.milliseconds(300))
        try await harness.a.run {
            #expect(reader.recorder.verdicts == [.suspected, .dead, .alive])
            let times = reader.recorder.verdictTimes.map { frozenAt.duration(to: $0) }
            #expect(times[0] <= .milliseconds(1_252) && times[1] <= .milliseconds(2_252), "\(times)")
        }
        // The reader's own pause is nobody's silence.
        await harness.a.freeze()
        try await harness.pass(.seconds(3))
        await harness.a.thaw()
        try await harness.pass(.milliseconds(300))
        #expect(try await harness.a.run { reader.recorder.verdicts.count } == 3)
        try await harness.b.run { publisher.close() }
    }

    @Test("a host that vanished and is back is heard again, though the connection to it never ended", arguments: [1, 2] as [UInt64])
    func halfOpen(_ seed: UInt64) async throws {
        let harness = SimulatedHarness(seed: seed)
        let (_, reader, address) = try await open(harness)
        harness.hostB.kill(.silent)
        try await harness.pass(.seconds(1))
        let loop = harness.world.makeLoop("again"), host = harness.fabric.host(harness.hostB.name, loop: loop)
        let again = try loop.perform {
            Result { try FeedPublisher(on: address, kind: .workerEvents, generation: 78, loop: loop, network: host) }
        }.get()
        try await harness.pass(.seconds(4))
        try await harness.a.run {
            #expect(reader.recorder.generations == [77, 78])
            #expect(reader.recorder.verdicts == [.suspected, .dead, .alive])
            reader.subscriber.close()
        }
        loop.perform { again.close() }
    }

    /// B publishes bytes as they are; A subscribes through a `FeedSubscriber`.
    private func raw(_ harness: any Harness) async throws -> (socket: any PublishingSocket, reader: Reader) {
        let b = harness.b, place = harness.addressOfB
        let socket = try await b.run { try b.network.publisher(on: place) }
        let address = try await b.run { socket.address }
        let reader = try await reader(on: harness.a, address)
        // Until the subscriber is there, what is published is lost.
        for _ in 0..<1_000 {
            try await b.run { socket.publish(Self.beat(0)) }
            try await harness.pass(.milliseconds(5))
            if try await harness.a.run({ !reader.recorder.beats.isEmpty }) { return (socket, reader) }
        }
        throw TimedOut("the subscriber")
    }

    nonisolated private static func beat(_ last: UInt64) -> [UInt8] {
        var bytes: [UInt8] = [], beat = Beat()
        beat.lastSequence = last
        Codec.append(beat, origin: 1, number: last, to: &bytes)
        return bytes
    }

    nonisolated private static func batch(_ first: UInt64, _ body: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        let start = Codec.beginMessage(MessageHeader(kind: .workerEvents, origin: 1, number: first), in: &bytes)
        bytes += body
        Codec.patchBodyLength(of: start, in: &bytes)
        return bytes
    }

    @Test("messages that are none of this feed are counted, and the others still arrive", arguments: Kind.all)
    func malformed(_ kind: Kind) async throws {
        try await with(kind) { harness in
            let (socket, reader) = try await raw(harness)
            try await harness.b.run {
                socket.publish(Array("no message at all".utf8))
                socket.publish([])
                socket.publish(Array(Self.batch(1, [1]).dropLast()))  // shorter than it says
                var compressed = Self.batch(1, [1])
                compressed[8] |= 1
                socket.publish(compressed)
                var misplaced = Self.batch(1, [1])
                misplaced[6] = 0x01
                misplaced[7] = 0x01
                socket.publish(misplaced)
                var unknown = Self.batch(1, [1])
                unknown[6] = 0xFE
                unknown[7] = 0x06
                socket.publish(unknown)
                socket.publish(Self.batch(1, Self.body(1)))
            }
            try await harness.a.until("the good one") { reader.recorder.batches.count == 1 }
            try await harness.a.run {
                #expect(reader.subscriber.malformed == 5)
                #expect(reader.subscriber.unknownMessages == 1)
                reader.subscriber.close()
            }
        }
    }

    @Test("a message over the limit of a feed is not taken, and the subscriber comes back", arguments: Kind.all)
    func oversize(_ kind: Kind) async throws {
        try await with(kind) { harness in
            let (socket, reader) = try await raw(harness)
            try await harness.b.run {
                socket.publish(Self.batch(1, [UInt8](repeating: 1, count: Limits.feedMessageBytes - MessageHeader.byteCount)))
                socket.publish(Self.batch(2, [UInt8](repeating: 1, count: Limits.feedMessageBytes - MessageHeader.byteCount + 1)))
            }
            try await harness.a.until("the largest that fits") { reader.recorder.batches.map(\.first) == [1] }
            for attempt in 0..<1_000 {
                try await harness.b.run { socket.publish(Self.batch(3, Self.body(1))) }
                try await harness.pass(.milliseconds(5))
                if try await harness.a.run({ reader.recorder.batches.last?.first == 3 }) { break }
                #expect(attempt < 999, "the subscriber is back")
            }
            try await harness.a.run {
                #expect(!reader.recorder.batches.contains { $0.first == 2 })
                reader.subscriber.close()
            }
        }
    }

    @Test("a slow subscriber loses the oldest, and learns of it by the gap", arguments: Kind.all)
    func slow(_ kind: Kind) async throws {
        // A small inbox, so that it is full before the test has to send much.
        let marks = InboxMarks(highBytes: 64 << 20, lowBytes: 16 << 20, highItems: 64, lowItems: 8)
        let harness: any Harness
        switch kind {
        case .nng: harness = try await NngHarness(marks: marks)
        case .simulated(let seed): harness = SimulatedHarness(seed: seed, marks: marks)
        }
        let (socket, reader) = try await raw(harness)
        try await harness.b.run { socket.publish(Self.batch(1, Self.body(1))) }
        try await harness.a.until("the first") { reader.recorder.batches.count == 1 }
        await harness.a.freeze()
        // Real kernels hold megabytes besides the queues.
        let count: UInt64 = harness.isSimulated ? 1_000 : 3_000, filling = harness.isSimulated ? 10 : 30_000
        let loop = harness.b.loop
        try await harness.b.run {
            for number in 2...count {
                socket.publish(Self.batch(number, Self.body(1, filling: filling)))
                if number % 100 == 0 { await loop.sleep(for: .milliseconds(10)) }
            }
        }
        await harness.a.thaw()
        try await harness.a.until("the newest") { reader.recorder.batches.last?.first == count }
        try await harness.a.run {
            let missing = reader.recorder.gaps.flatMap { Array($0) }
            #expect(!missing.isEmpty)
            #expect((reader.recorder.applied + missing).sorted() == Array(1...count))
            if harness.isSimulated {
                // 64 in the inbox from before, 128 in the queue: the newest.
                #expect(reader.recorder.batches.count <= 1 + 64 + 128)
                #expect(reader.recorder.batches.suffix(128).map(\.first) == Array((count - 127)...count))
            }
        }
        // Nothing is stuck: what comes now arrives.
        try await harness.b.run { socket.publish(Self.batch(count + 1, Self.body(1))) }
        try await harness.a.until("one more") { reader.recorder.batches.last?.first == count + 1 }
        try await harness.a.run { reader.subscriber.close() }
        await harness.close()
    }

    @Test("a reader that keeps up loses nothing though its inbox is often full", arguments: Kind.all)
    func smallInbox(_ kind: Kind) async throws {
        let marks = InboxMarks(highBytes: 64 << 20, lowBytes: 16 << 20, highItems: 4, lowItems: 1)
        let harness: any Harness
        switch kind {
        case .nng: harness = try await NngHarness(marks: marks)
        case .simulated(let seed): harness = SimulatedHarness(seed: seed, marks: marks)
        }
        let (socket, reader) = try await raw(harness)
        // Bursts that fill the inbox, but not the queues; the next waits until the reader has this one, however slow the machine is.
        for burst in 0..<50 as Range<UInt64> {
            let numbers = (burst * 40 + 1)...(burst * 40 + 40)
            try await harness.b.run { for number in numbers { socket.publish(Self.batch(number, Self.body(1))) } }
            try await harness.a.until("burst \(burst)") { reader.recorder.batches.last?.first == numbers.upperBound }
        }
        try await harness.a.until("all") { reader.recorder.batches.last?.first == 2_000 }
        #expect(try await harness.a.run { reader.recorder.gaps.isEmpty && reader.recorder.applied == Array(1...2_000) })
        try await harness.a.run { reader.subscriber.close() }
        await harness.close()
    }

    @Test("what was published while the way was cut is bounded, and the rest arrives when it is whole", arguments: [1, 2, 3] as [UInt64])
    func cut(_ seed: UInt64) async throws {
        let harness = SimulatedHarness(seed: seed)
        let (publisher, reader, _) = try await open(harness)
        let loop = harness.b.loop
        harness.fabric.cut(from: harness.hostB.name, to: harness.hostA.name)
        try await harness.b.run {
            for _ in 0..<300 {
                publisher.publish(count: 1) { $0 += Self.body(1) }
                await loop.sleep(for: .milliseconds(10))
            }
        }
        #expect(try await harness.a.run { reader.recorder.verdicts } == [.suspected, .dead])
        harness.fabric.heal(from: harness.hostB.name, to: harness.hostA.name)
        try await harness.pass(.milliseconds(300))
        try await harness.a.run {
            #expect(reader.recorder.gaps.count == 1)
            #expect(reader.recorder.batches.last?.first == 300)
            #expect((reader.recorder.applied + reader.recorder.gaps.flatMap { Array($0) }).sorted() == Array(1...300))
            #expect(reader.recorder.verdicts == [.suspected, .dead, .alive])
        }
    }
}
