import ClusterModel
import Engines
import EventLoop
import TestSupport
import Testing
import Transport
import WireProtocol
import WorkerService

/// Whatever a peer sends into a room ends that room, or its link, by name; and leaves nothing.
@Suite("A peer that breaks the rules of rooms, towards a decode worker")
struct HostileSourceTests {
    private static let small: UInt32 = 16 << 10

    private func bed() throws -> (SplitBed, KVSource) {
        let bed = try SplitBed { config, _ in config.rooms.credits = Self.small }
        return (bed, try KVSource(bed))
    }

    /// A room of 7 pages that is ready for the source.
    private func readyRoom() throws -> (SplitBed, KVSource) {
        let (bed, source) = try bed()
        bed.front.send(bed.decodeLeg(1) { $0.room = source.plan }, to: bed.decode)
        source.offer(source.open(1))
        try bed.until("ready") { source.answers[1] != nil }
        let ready = try source.answers[1]?.get()
        #expect(ready?.credits == Self.small && ready?.heldBlocks == 0 && ready?.nextChunk == 0)
        return (bed, source)
    }

    private func expectLost(
        _ bed: SplitBed, _ source: KVSource, _ code: FailureCode, field: String? = nil, told: Bool = true,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        try bed.until("the end", within: .milliseconds(200)) { bed.front.line(bed.decode).isOver(1) }
        let end = bed.front.line(bed.decode).ended(1)
        #expect(end?.reason == .prefillLost && end?.failure?.code == code, "\(String(describing: end))", sourceLocation: sourceLocation)
        if let field { #expect(end?.failure?.field == field, sourceLocation: sourceLocation) }
        if told {
            bed.pass(.milliseconds(50))
            #expect(source.aborts.last?.abort.failure.code == code, sourceLocation: sourceLocation)
        }
        source.end()
        #expect(bed.leftovers() == [], sourceLocation: sourceLocation)
    }

    /// One thing that is wrong, and the field that is to be named.
    struct Wrong<Message>: Sendable, CustomTestStringConvertible {
        let field: String
        let code: FailureCode
        let change: @Sendable (inout Message) -> Void
        var testDescription: String { field }

        init(_ field: String, _ code: FailureCode = .invalidArgument, _ change: @escaping @Sendable (inout Message) -> Void) {
            self.field = field
            self.code = code
            self.change = change
        }
    }

    static let wrongChunks: [Wrong<KVChunk>] = [
        Wrong("chunk") { $0.chunk = 1 }, Wrong("firstBlock") { $0.firstBlock = 7 }, Wrong("firstBlock") { $0.blockCount = 0 },
        Wrong("firstBlock") { $0.blockCount = .max }, Wrong("firstBlock") { $0.firstBlock = .max },
        Wrong("firstBlock") { $0.layerCount = 3 }, Wrong("firstBlock") { $0.firstLayer = .max },
        Wrong("plainBytes") { $0.plainBytes = 1_023 }, Wrong("plainBytes") { $0.plainBytes = .max }, Wrong("data") { $0.data.append(0) },
        Wrong("plainBytes") { $0.data.removeLast() }, Wrong("plainBytes") { $0.codec = .zstd },
        Wrong("plainBytes") { $0.codec = .splitZstd },
    ]

    @Test("a chunk that is wrong closes the room by the field that is", arguments: wrongChunks)
    func wrongChunk(wrong: Wrong<KVChunk>) throws {
        let (bed, source) = try readyRoom()
        var chunk = source.chunk(0, page: 0)
        wrong.change(&chunk)
        source.send(chunk)
        try expectLost(bed, source, wrong.code, field: wrong.field)
    }

    @Test("a checksum that does not hold closes the room")
    func checksum() throws {
        let (bed, source) = try readyRoom()
        var chunk = source.chunk(0, page: 0)
        chunk.checksum ^= 1
        source.send(chunk)
        try expectLost(bed, source, .checksum, field: "checksum")
    }

    @Test("bytes that are whole but no state of this request fail in the engine")
    func otherState() throws {
        let (bed, source) = try readyRoom()
        source.send(source.chunk(0, page: 0))
        try bed.until("the end", within: .milliseconds(200)) { bed.front.line(bed.decode).isOver(1) }
        #expect(bed.front.line(bed.decode).ended(1)?.reason == .failed)
        #expect(bed.front.line(bed.decode).ended(1)?.failure?.code == .engineFailed)
        source.end()
        #expect(bed.leftovers() == [])
    }

    @Test("the same part twice closes the room")
    func twice() throws {
        let (bed, source) = try readyRoom()
        source.send(source.chunk(0, page: 2))
        source.send(source.chunk(1, page: 2))
        try expectLost(bed, source, .invalidArgument, field: "firstBlock")
    }

    @Test("an end that does not fit what came closes the room", arguments: 0..<4)
    func wrongEnd(kind: Int) throws {
        let (bed, source) = try readyRoom()
        var end = RoomEnd()
        end.roomNumber = 1
        end.checksum = 0x2D06_8005_38D3_94C2  // of no bytes
        switch kind {
        case 0: end.chunks = 1
        case 1: end.totalBytes = 5
        case 2: end.checksum = 1
        default: break  // nothing came
        }
        source.end(end)
        try expectLost(bed, source, .checksum)
        guard case .failure(.failed(let failure)) = source.dones[1] else { return #expect(Bool(false), "the question is answered") }
        #expect(failure.code == .checksum)
    }

    @Test("more than the credits ends the link")
    func credits() throws {
        let (bed, source) = try readyRoom()
        var chunk = source.chunk(0, page: 0)
        chunk.data = Array(repeating: 0, count: Int(Self.small) + 1)
        source.send(chunk)
        try bed.until("the end of the link", within: .seconds(1)) { !source.ends.isEmpty }
        guard case .goodbye(.protocolError, byPeer: true) = source.ends[0] else { return #expect(Bool(false), "\(source.ends)") }
        try expectLost(bed, source, .roomClosed, told: false)
    }

    @Test("credits of chunks for no room come back, and the peer hears that there is none")
    func noRoom() throws {
        let (bed, source) = try bed()
        for _ in 0..<40 {
            source.send(source.chunk(0, page: 0, pages: 4, number: 9))
            bed.pass(.milliseconds(5))
        }
        #expect(source.ends.isEmpty && source.acks.reduce(0) { $0 + $1.credits } == 40 * 4_096)
        #expect(source.aborts.count == 40 && source.aborts.allSatisfy { $0.abort.failure.code == .roomClosed })
        source.end()
        #expect(bed.leftovers() == [])
    }

    @Test("credits of a room that fails with chunks under way come back")
    func closedRoom() throws {
        let (bed, source) = try readyRoom()
        source.send(source.chunk(0, page: 0))
        source.send(source.chunk(1, page: 1))
        // The engine refuses the first one while the second waits.
        try bed.until("the end", within: .milliseconds(200)) { bed.front.line(bed.decode).isOver(1) }
        source.send(source.chunk(2, page: 2))
        bed.pass(.milliseconds(100))
        #expect(source.acks.reduce(0) { $0 + $1.credits } == 3 * 1_024)
        source.end()
        #expect(bed.leftovers() == [])
    }

    @Test("credits of a room that its peer aborts come back, as often as it does")
    func abortedRooms() throws {
        let (bed, source) = try bed(), rounds = 40
        for round in 1...UInt32(rounds) {
            bed.front.send(bed.decodeLeg(UInt64(round)) { $0.room = source.plan }, to: bed.decode)
            source.offer(source.open(UInt64(round), number: round))
            try bed.until("ready") { source.answers[round] != nil }
            // Both in one read: the engine has the chunk, and did not say so.
            source.on { link in
                link.send(source.chunk(0, page: 0, number: round))
                link.send(RoomAbort(roomNumber: round, room: RequestKey(), failure: FailureDetail()))
            }
            try bed.until("the end") { bed.front.line(bed.decode).isOver(UInt64(round)) }
        }
        bed.pass(.milliseconds(100))
        #expect(source.ends.isEmpty && source.acks.reduce(0) { $0 + Int($1.credits) } == rounds * 1_024)
        source.end()
        #expect(bed.leftovers() == [])
    }

    @Test("a stranger does not come into a room, and the room waits on for its peer")
    func stranger() throws {
        let (bed, source) = try bed()
        let stranger = try KVSource(bed, name: "stranger", id: 0xBAD)
        bed.front.send(bed.decodeLeg(1) { $0.room = source.plan }, to: bed.decode)
        bed.pass(.milliseconds(50))
        stranger.offer(stranger.open(1))
        bed.pass(.milliseconds(50))
        #expect(stranger.failure()?.code == .roomClosed)
        source.offer(source.open(1))
        try bed.until("ready", within: .milliseconds(200)) { source.answers[1] != nil }
        #expect(source.failure() == nil)
        source.end()
        stranger.end()
        try bed.until("the end") { bed.front.line(bed.decode).isOver(1) }
        #expect(bed.leftovers() == [])
    }

    @Test("before its request comes, a room may be offered again over another link, and by a stranger to no effect")
    func earlyOffers() throws {
        let (bed, source) = try bed()
        let stranger = try KVSource(bed, name: "stranger", id: 0xBAD)
        stranger.offer(stranger.open(1))
        source.offer(source.open(1))
        bed.pass(.milliseconds(50))
        // The old link lives on here, and the peer has given it up.
        try source.dial()
        source.offer(source.open(1, number: 2))
        bed.pass(.milliseconds(50))
        #expect(source.failure(2) == nil && source.failure(1)?.code == .roomClosed)
        stranger.on { $0.send(RoomAbort(roomNumber: 1, room: RequestKey(), failure: FailureDetail())) }
        bed.pass(.milliseconds(50))
        bed.front.send(bed.decodeLeg(1) { $0.room = source.plan }, to: bed.decode)
        try bed.until("ready", within: .milliseconds(200)) { source.answers[2] != nil }
        #expect(source.failure(2) == nil)
        source.end()
        stranger.end()
        bed.front.cancel(1, at: bed.decode)
        #expect(bed.leftovers() == [])
    }

    static let wrongOffers: [Wrong<RoomOpen>] = [
        Wrong("model", .incompatibleKV) { $0.model = Digest() }, Wrong("engineBuild", .incompatibleKV) { $0.engineBuild = "other" },
        Wrong("shape", .incompatibleKV) { $0.shape.blockTokens = 32 }, Wrong("tokens") { $0.tokens = 101 },
        Wrong("blocks") { $0.blocks = 8 }, Wrong("totalBytes") { $0.totalBytes = .max },
    ]

    @Test("an offer that does not fit is refused by its field, and the leg ends", arguments: wrongOffers)
    func wrongOffer(wrong: Wrong<RoomOpen>) throws {
        let (bed, source) = try bed()
        bed.front.send(bed.decodeLeg(1) { $0.room = source.plan }, to: bed.decode)
        var open = source.open(1)
        wrong.change(&open)
        source.offer(open)
        bed.pass(.milliseconds(100))
        #expect(source.failure()?.code == wrong.code && source.failure()?.field == wrong.field)
        try expectLost(bed, source, wrong.code, field: wrong.field, told: false)
    }

    @Test("one number for two rooms, one room under two numbers")
    func numbers() throws {
        let (bed, source) = try readyRoom()
        source.offer(source.open(1, number: 2))
        source.offer(source.open(2, number: 1))
        bed.pass(.milliseconds(50))
        #expect(source.failure(2)?.code == .invalidArgument && source.failure(2)?.field == "room")
        #expect(bed.front.line(bed.decode).ended(1) == nil)
        source.end()
        try bed.until("the end") { bed.front.line(bed.decode).isOver(1) }
        #expect(bed.leftovers() == [])
    }

    @Test("rooms that nobody expects are bounded by the questions of a link, and end after the rendezvous limit")
    func flood() throws {
        let (bed, source) = try bed()
        for counter in 1...4_100 as ClosedRange<UInt64> { source.offer(source.open(counter, number: UInt32(counter))) }
        bed.pass(.seconds(1))
        #expect(bed.decode.on { $0.openRooms } == 4_096)
        bed.pass(.seconds(10))
        #expect(bed.decode.on { $0.openRooms } == 0)
        #expect((1...4_100).count { source.failure(UInt32($0))?.code == .roomClosed } == 4_096)
        #expect((1...4_100).count { source.failure(UInt32($0))?.code == .tooManyQuestions } == 4)
        source.end()
        #expect(bed.leftovers() == [])
    }

    @Test("a peer that says nothing after its first chunk is given up after the stall limit")
    func stall() throws {
        let (bed, source) = try bed()
        bed.front.send(bed.decodeLeg(1, prompt: 3_200) { $0.room = source.plan }, to: bed.decode)
        source.offer(source.open(1, tokens: 3_200))
        try bed.until("ready") { source.answers[1] != nil }
        bed.pass(.seconds(8))
        #expect(bed.front.line(bed.decode).ended(1) == nil, "before the first chunk nobody is in a hurry")
        source.end()
        let lost = bed.world.now
        try bed.until("the end") { bed.front.line(bed.decode).isOver(1) }
        #expect(lost.duration(to: bed.world.now) <= .milliseconds(5_100))
        #expect(bed.front.line(bed.decode).ended(1)?.failure?.code == .stalled)
        #expect(bed.leftovers() == [])
    }

    @Test("state that is small on the way and large here is unpacked no faster than the engine takes it")
    func smallOnTheWay() throws {
        var engine = MockConfiguration.split(step: .seconds(4))
        engine.kv = MockKVConfiguration(headDimension: 1 << 14)
        let bed = try SplitBed(decode: engine) { config, _ in config.rooms.credits = 2 << 20 }, source = try KVSource(bed)
        bed.front.send(bed.decodeLeg(1, prompt: 3_200) { $0.room = source.plan }, to: bed.decode)
        var open = source.open(1, tokens: 3_200)
        open.shape.headDimension = 1 << 14
        open.shape.blockBytes = 1 << 20
        open.totalBytes = 200 << 20
        source.offer(open)
        try bed.until("ready") { source.answers[1] != nil }
        #expect(source.failure() == nil)
        // From here on the engine is in a step that lasts.
        bed.front.send(bed.entry(2, prompt: 16, maxTokens: 3), to: bed.decode)
        try bed.until("it runs") { bed.front.line(bed.decode).started(2) != nil }
        let zeros = [UInt8](repeating: 0, count: 4 << 20), coder = KVChunkCoder()
        let packed = try #require(coder.pack(zeros, as: .zstd, elementBytes: 1)), checksum = KVChunkCoder.checksum(zeros)
        for number in 0..<50 as Range<UInt32> {
            var chunk = source.chunk(number, page: number * 4, pages: 4)
            (chunk.codec, chunk.plainBytes, chunk.data, chunk.checksum) = (.zstd, 4 << 20, packed, checksum)
            source.send(chunk)
        }
        bed.pass(.seconds(2))
        let held = bed.decode.on { $0.kvBytesHeld }
        #expect(held > 60 << 20 && held < 80 << 20, "\(held >> 20) MiB of 200")
        source.end()
        bed.front.cancel(1, at: bed.decode)
        bed.front.cancel(2, at: bed.decode)
        bed.pass(.seconds(60))
        #expect(bed.leftovers() == [])
    }

    @Test("messages at random, right in their form and wrong in all else", arguments: 1...20 as ClosedRange<UInt64>)
    func random(seed: UInt64) throws {
        let (bed, source) = try bed()
        var random = SeededRandom(seed: seed)
        for round in 0..<150 {
            if round % 10 == 0 {
                let counter = UInt64(round / 10 + 1)
                bed.front.send(bed.decodeLeg(counter) { $0.room = source.plan }, to: bed.decode)
                source.offer(source.open(counter, number: UInt32(counter)))
            }
            let number = UInt32(random.next() % 16)
            switch random.next() % 6 {
            case 0:
                var open = source.open(random.next() % 16, number: number)
                if random.next() % 2 == 0 { open.tokens = UInt32(truncatingIfNeeded: random.next()) }
                source.offer(open)
            case 1, 2:
                var chunk = source.chunk(UInt32(random.next() % 3), page: UInt32(random.next() % 9), number: number)
                if random.next() % 3 == 0 { chunk.firstLayer = UInt32(truncatingIfNeeded: random.next()) }
                if random.next() % 3 == 0 { chunk.codec = .splitZstd }
                if random.next() % 3 == 0 { chunk.data.removeLast(Int(random.next() % 1_024)) }
                source.send(chunk)
            case 3:
                var end = RoomEnd()
                end.roomNumber = number
                end.firstTokens = [FirstToken(choice: UInt8(truncatingIfNeeded: random.next()), token: .max, finish: nil, logprob: nil)]
                source.end(end)
            case 4: source.on { $0.send(RoomAbort(roomNumber: number, room: RequestKey(), failure: FailureDetail())) }
            default: bed.pass(.milliseconds(Int(random.next() % 20)))
            }
            if !source.ends.isEmpty { break }
        }
        bed.pass(.milliseconds(100))
        source.end()
        bed.pass(.seconds(20))
        for counter in 1...16 as ClosedRange<UInt64> { bed.front.cancel(counter, at: bed.decode) }
        #expect(bed.leftovers() == [])
    }
}
