import ClusterModel
@testable import EngineAdapters
import Engines
import JSONText
import TestSupport
import Testing

/// What a vLLM 0.32 published, as it came, for five requests in blocks of 32 tokens: 70 tokens, the same under the salt `group a`, these with 40 more,
/// the first 33 of them with 40 others, and after its cache was reset 40 tokens of their own.
@Suite("Batches that a real engine published")
struct PublishedBatchesTests {
    private static let salt = CacheSalt(bytes: Array(1...16))!
    private static let first = Array(10..<80 as Range<UInt64>)
    private static let longer = first + Array(200..<240)
    private static let other = Array(first[..<33]) + Array(repeating: 900, count: 40)
    private static let last = Array(500..<540 as Range<UInt64>)

    private static func hashes(_ tokens: [UInt64], salt: CacheSalt? = nil) -> [SequenceHash] {
        let tokens = tokens.map { TokenID($0) }
        var hashes: [SequenceHash] = []
        BlockHasher(blockSize: 32, salt: salt).extend(&hashes, toCover: tokens.span)
        return hashes
    }

    private func batches() throws -> [[UInt8]] {
        let file = try GoldenVectors.contents("\(GoldenVectors.root)/Tests/Fixtures/kv-events/vllm-0.32.json")
        return try JSONValue(parsing: file, limits: .file).asArray?.compactMap(\.asString).compactMap { Hex.bytes($0) } ?? []
    }

    private func told(knowingSalt: Bool) throws -> [Set<SequenceHash>] {
        var cache = ForeignCache(rank: Rank(0), blockSize: 32, blockLimit: 100), salts = EngineSalts(), told = ToldCache()
        if knowingSalt { salts.remember(Self.salt, sentAs: "group a") }
        return try batches().map { batch in
            var mayHaveLost = false
            let head = try EngineEventReader.read(batch.span.bytes) { if cache.apply($0, salts: &salts) { mayHaveLost = true } }
            #expect(head.rank == 0 && head.time > 1_790_000_000 && !mayHaveLost)
            var output = StepOutput()
            cache.moveChanges(to: &output)
            told.take(output)
            #expect(told.problems.isEmpty)
            return told.device
        }
    }

    @Test("the cache after each is what a router computes of the prompts")
    func salted() throws {
        let plain = Set(Self.hashes(Self.first)), salted = Set(Self.hashes(Self.longer, salt: Self.salt))
        let before = Set(Self.hashes(Self.first, salt: Self.salt)), all = plain.union(salted).union(Self.hashes(Self.other))
        #expect(plain.count == 2 && salted.count == 3 && all.count == 6)
        #expect(
            try told(knowingSalt: true) == [plain, plain.union(before), plain.union(salted), all, Set(Self.hashes(Self.last))])
    }

    @Test("without the salt nothing is told of its blocks")
    func unsalted() throws {
        let plain = Set(Self.hashes(Self.first)), all = plain.union(Self.hashes(Self.other))
        #expect(try told(knowingSalt: false) == [plain, plain, plain, all, Set(Self.hashes(Self.last))])
    }
}
