import ClusterModel
import Engines
import Testing

/// A million steps at random, over engines that are short of everything in different ways. What each request must say is known beforehand,
/// from an engine with room for all; what each cache holds is counted along.
@Suite("The mock engine over a million steps")
struct MockSoakTests {
    struct Kind: Sendable, CustomTestStringConvertible {
        let testDescription: String
        var seed: UInt64
        var steps: Int
        var configuration: MockConfiguration
    }

    static let kinds: [Kind] = [
        kind("lifo, few blocks", 1, blocks: 40),
        kind("fifo, few blocks", 2, blocks: 40) { $0.preemption = .fifo },
        kind("fifo, very few blocks, a narrow budget", 3, blocks: 24, batched: 5) { $0.preemption = .fifo },
        kind("no chunks, a watermark", 4, blocks: 48, batched: 64) {
            $0.chunkedPrefill = false
            $0.watermark = 0.2
        },
        kind("a threshold, sessions that may keep everything", 5, blocks: 48, batched: 32) {
            $0.longPrefillThreshold = 7
            $0.sessionShare = 1
        },
        kind("no cache, fifo", 6, blocks: 40) {
            $0.prefixCaching = false
            $0.preemption = .fifo
        },
        kind("room for nearly all, one adapter at a time", 7, blocks: 400, batched: 200) { $0.maxAdapters = 1 },
        kind("two ranks", 8, blocks: 40, ranks: 2),
    ]

    private static func kind(
        _ name: String, _ seed: UInt64, blocks: UInt32, batched: UInt32 = 24, ranks: Int = 1,
        _ change: (inout MockConfiguration) -> Void = { _ in }
    ) -> Kind {
        let configuration = MockConfiguration.test(sequences: 9, batched: batched, blocks: blocks, waiting: 12, ranks: ranks) {
            $0.blockSize = 4
            $0.adapters = ["x", "y", "z"]
            $0.maxAdapters = 2
            change(&$0)
        }
        return Kind(testDescription: name, seed: seed, steps: stepsEach, configuration: configuration)
    }

    /// A million in all.
    private static let stepsEach = 125_000

    @Test("blocks are conserved, each request ends once and says what it must, no hash is stored or removed twice", arguments: kinds)
    func soak(kind: Kind) throws {
        let soak = EngineSoak(kind.configuration, seed: kind.seed)
        try soak.run(steps: kind.steps)
        #expect(soak.faults == [])
        #expect(soak.ends > kind.steps / 100, "it was busy")
        if kind.configuration.room.totalBlocks < 100 { #expect(soak.preemptions > 0, "it was short of blocks") }
        if kind.configuration.prefixCaching { #expect(soak.cachedTokens > 0 && soak.sessionsKept > 0) }
    }
}
