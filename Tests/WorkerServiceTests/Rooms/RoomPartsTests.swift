import ClusterModel
import Engines
import Testing
import WireProtocol

@testable import WorkerService

@Suite("What rooms are made of")
struct RoomPartsTests {
    private static let shape = EngineKVShape(
        layers: 4, heads: 1, headDimension: 8, blockTokens: 16, blockBytes: 4_096, element: .float16, layout: "test")

    @Test("a state is counted in pages and bytes, and a slice outside it has none")
    func geometry() throws {
        let geometry = try #require(KVGeometry(Self.shape, tokens: 33))
        #expect(geometry.pages == 3 && geometry.totalBytes == 12_288 && geometry.layerBytes == 1_024)
        func bytes(_ block: UInt32, _ blocks: UInt32, _ layer: UInt32, _ layers: UInt32) -> Int? {
            geometry.bytes(of: KVSlice(firstBlock: block, blockCount: blocks, firstLayer: layer, layerCount: layers))
        }
        #expect(bytes(0, 3, 0, 4) == 12_288 && bytes(2, 1, 3, 1) == 1_024 && bytes(1, 2, 1, 2) == 4_096)
        for wrong in [(3, 1, 0, 4), (0, 4, 0, 4), (0, 0, 0, 4), (0, 1, 4, 1), (0, 1, 0, 0), (.max, 2, 0, 1), (0, .max, 0, 1)]
            as [(
                UInt32, UInt32, UInt32, UInt32
            )]
        {
            #expect(bytes(wrong.0, wrong.1, wrong.2, wrong.3) == nil)
        }
        #expect(KVGeometry(Self.shape, tokens: 0) == nil)
        var giant = Self.shape
        giant.blockBytes = .max
        #expect(KVGeometry(giant, tokens: 1) == nil)
        giant.blockBytes = UInt64(Int.max / 2)
        #expect(KVGeometry(giant, tokens: 100) == nil)
    }

    @Test("a cursor covers every part once, in chunks no larger than asked", arguments: [1_024, 2_500, 4_096, 9_000, 1 << 20])
    func cursor(chunkBytes: Int) throws {
        let geometry = try #require(KVGeometry(Self.shape, tokens: 160))
        var cursor = try #require(PageCursor(geometry, from: 2, chunkBytes: chunkBytes))
        var seen: Set<[UInt32]> = [], limit: UInt32 = 0
        while !cursor.isAtEnd {
            guard let slice = cursor.next(below: limit) else {
                limit += 3
                continue
            }
            #expect(geometry.bytes(of: slice) ?? .max <= chunkBytes && slice.firstBlock + slice.blockCount <= max(limit, 10))
            for page in slice.firstBlock..<slice.firstBlock + slice.blockCount {
                for layer in slice.firstLayer..<slice.firstLayer + slice.layerCount { #expect(seen.insert([page, layer]).inserted) }
            }
        }
        #expect(seen.count == 8 * 4)
        #expect(PageCursor(geometry, from: 0, chunkBytes: 1_023) == nil)
    }

    @Test("an engine whose pages cannot travel is known for it at the start, by its reason")
    func keepsItsState() {
        func profile(_ shape: EngineKVShape?, _ capabilities: EngineCapabilities = [.concurrentHandOver]) -> EngineProfile {
            EngineProfile(
                name: "test", build: "1", capabilities: capabilities, cacheReport: .noCache,
                model: EngineModel(name: "test", weights: "", blockSize: 16, contextLength: 64, vocabularySize: 8), ranks: [],
                kvShape: shape)
        }
        #expect(profile(Self.shape).keepsItsState(credits: 4_096) == nil, "a layer has a quarter of them")
        #expect(profile(Self.shape).keepsItsState(credits: 4_095)?.contains("--kv-credits") ?? false)
        #expect(profile(nil).keepsItsState(credits: 1 << 20) != nil && profile(nil, []).keepsItsState(credits: 1 << 20) == nil)
        var large = Self.shape
        large.blockBytes = 4 * UInt64(Limits.kvChunkBytes)
        #expect(profile(large).keepsItsState(credits: 64 << 20) == nil)
        large.blockBytes += 4
        #expect(profile(large).keepsItsState(credits: 64 << 20) != nil)
    }

    @Test("words of engines and peers are cut to what a message takes, between two characters")
    func words() {
        let letters = String(repeating: "\u{1F600}", count: 200)
        let failure = FailureDetail.of(.engineFailed, letters, letters + "e\u{301}")
        #expect(failure.field.utf8.count == Limits.nameBytes && failure.reason.utf8.count == Limits.reasonBytes)
        #expect(letters.hasPrefix(failure.reason))
        #expect((String(repeating: "a", count: 511) + "é").cut(toBytes: 512).utf8.count == 511)
    }

    @Test(
        "a drain's time is for what runs, but for what moves and last words take",
        arguments: [(120, 113, 5_000), (10, 5, 3_000), (4, 2, 1_000)])
    func drainTimes(limit: Int, runs: Int, moves: Int) {
        let times = Drain.times(within: .seconds(limit), moves: true)
        #expect(times.runs == .seconds(runs) && times.moves == .milliseconds(moves))
        #expect(Drain.times(within: .seconds(limit), moves: false).moves == .zero)
    }

    @Test("tombstones are bounded in number and in time, the oldest goes first")
    func tombstones() {
        var graves = RoomTombstones(capacity: 3, span: .seconds(10))
        func room(_ counter: UInt64) -> RequestKey { RequestKey(origin: 1, counter: counter, attempt: 1) }
        for counter in 1...5 as ClosedRange<UInt64> { graves.bury(room(counter), at: .zero + .seconds(Int64(counter))) }
        #expect(graves.count == 3 && !graves.has(room(2)) && graves.has(room(3)))
        graves.bury(room(3), at: .zero + .seconds(6))
        #expect(graves.nextExpiry == .zero + .seconds(14))
        graves.expire(at: .zero + .seconds(15))
        #expect(graves.has(room(3)) && !graves.has(room(4)) && !graves.has(room(5)))
        graves.expire(at: .zero + .seconds(16))
        #expect(graves.count == 0 && graves.nextExpiry == nil)
    }

    @Test("nothing is packed for a link that is never waited for")
    func fastLink() {
        var speed = LinkSpeed()
        for step in 1...100 { speed.look(sent: step << 20, unsent: 0, at: .zero + .milliseconds(Int64(step))) }
        #expect(speed.bytesPerSecond == nil)
        #expect(CodecChoice(.auto, elementBytes: 2).next(at: nil) == [])
        #expect(CodecChoice(.fixed(.zstd), elementBytes: 2).next(at: nil) == [.zstd])
        #expect(CodecChoice(.fixed(.none), elementBytes: 2).next(at: 1) == [])
    }

    @Test("a pause between two bursts is not slowness")
    func pauses() {
        var speed = LinkSpeed(), sent = 0
        for burst in 0..<5 {
            let begun = Instant.zero + .seconds(Int64(burst) * 5)
            speed.look(sent: sent, unsent: 0, at: begun)
            sent += 4_096
            speed.look(sent: sent, unsent: 4_096, at: begun)
            // The loop's next turn; in every second burst the link was not looked at again.
            if burst % 2 == 0 { speed.look(sent: sent, unsent: 0, at: begun + .milliseconds(1)) }
        }
        #expect(speed.bytesPerSecond == nil)
    }

    @Test("the moment in which a link has drained is known")
    func drained() {
        var speed = LinkSpeed()
        speed.look(sent: 1_000_000, unsent: 1_000_000, at: .zero)
        speed.look(sent: 1_000_000, unsent: 0, at: .zero + .milliseconds(100), hasDrained: true)
        speed.look(sent: 1_000_000, unsent: 0, at: .zero + .seconds(5))
        #expect(speed.bytesPerSecond == 10e6)
    }

    @Test("a link is measured while bytes wait for it")
    func slowLink() throws {
        var speed = LinkSpeed(), unsent = 10_000_000
        for step in 0..<50 {
            speed.look(sent: 10_000_000, unsent: unsent, at: .zero + .milliseconds(Int64(step * 10)))
            unsent -= 100_000
        }
        let measured = try #require(speed.bytesPerSecond)
        #expect(abs(measured - 10e6) < 1e5)
    }

    @Test("time in which nothing waited says nothing of a link")
    func idleLink() {
        var speed = LinkSpeed()
        speed.look(sent: 1_000_000, unsent: 1_000_000, at: .zero)
        speed.look(sent: 1_000_000, unsent: 500_000, at: .zero + .milliseconds(50))
        #expect(speed.bytesPerSecond == 10e6)
        // All left at once, and much later there is more.
        speed.look(sent: 1_000_000, unsent: 0, at: .zero + .milliseconds(51))
        speed.look(sent: 2_000_000, unsent: 900_000, at: .zero + .seconds(9))
        #expect(speed.bytesPerSecond == 10e6)
    }

    @Test(
        "a codec is chosen where it makes the transfer faster, by the slowest of link and processor",
        arguments: [
            // Link of 10 MB/s: half the bytes are half the time.
            (10e6, 500_000, 2, KVCodec.zstd), (10e6, 950_000, 2, .none),
            // 1 GB/s: packing at 500 MB/s holds it up.
            (1e9, 500_000, 2, .none), (1e9, 100_000, 2, .none), (300e6, 500_000, 2, .zstd), (300e6, 500_000, 8, .none),
        ])
    func choice(speed: Double, packed: Int, milliseconds: Int64, expected: KVCodec) {
        var choice = CodecChoice(.auto, elementBytes: 1)
        #expect(choice.next(at: speed) == [.zstd])
        let trial = CodecChoice.Trial(codec: .zstd, plainBytes: 1_000_000, packedBytes: packed, duration: .milliseconds(milliseconds))
        choice.judge([trial], at: nil)
        #expect(choice.chosen == nil, "nothing is known of the link yet")
        choice.judge([trial], at: speed)
        #expect(choice.chosen == expected)
        #expect(choice.next(at: speed) == (expected == .none ? [] : [expected]))
    }

    @Test("elements of several bytes are tried split as well, and the better way is taken")
    func split() {
        var choice = CodecChoice(.auto, elementBytes: 2)
        #expect(choice.next(at: 1e6) == [.zstd, .splitZstd])
        choice.judge(
            [
                CodecChoice.Trial(codec: .zstd, plainBytes: 100, packedBytes: 80, duration: .nanoseconds(1)),
                CodecChoice.Trial(codec: .splitZstd, plainBytes: 100, packedBytes: 60, duration: .nanoseconds(1)),
            ], at: 1e6)
        #expect(choice.chosen == .splitZstd)
    }
}
