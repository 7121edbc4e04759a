import ClusterModel
import Testing

@testable import Scheduling

@Suite("Approximate mode")
struct ApproximateBlocksTests {
    private static let prompt: [UInt64] = (1...10).map { $0 * 7_919 }

    private static func at(_ seconds: Int) -> Instant { .zero + .seconds(seconds) }

    private static func opened(_ index: inout BlockIndex) throws -> PlacementSlot {
        let slot = index.open()
        return try #require(slot)
    }

    @Test("D.10: an accepted prompt is believed for 120 seconds, and longer where it is used again")
    func forgetsAfterAWhile() throws {
        var index = BlockIndex(), blocks = ApproximateBlocks()
        let slot = try Self.opened(&index)
        #expect(index.match(Self.prompt, slot).device == 0, "before acceptance nothing is believed")
        blocks.accepted(Self.prompt.span, on: slot, at: Self.at(0), in: &index)
        blocks.accepted(Self.prompt.span.extracting(first: 4), on: slot, at: Self.at(60), in: &index)
        let early = blocks.expire(atMost: 100, at: Self.at(119), in: &index)
        #expect(!early && index.match(Self.prompt, slot).device == 10)
        let more = blocks.expire(atMost: 100, at: Self.at(120), in: &index)
        #expect(!more && index.match(Self.prompt, slot).device == 4 && blocks.count == 4 && blocks.expired == 6)
        _ = blocks.expire(atMost: 100, at: Self.at(180), in: &index)
        #expect(blocks.count == 0 && index.counts.blocks == 0)
    }

    @Test("D.10: what is over goes in slices, the end of a prompt first")
    func expiresInSlices() throws {
        var index = BlockIndex(), blocks = ApproximateBlocks()
        let slot = try Self.opened(&index)
        blocks.accepted(Self.prompt.span, on: slot, at: Self.at(0), in: &index)
        let isMore = blocks.expire(atMost: 3, at: Self.at(500), in: &index)
        #expect(isMore && index.match(Self.prompt, slot).device == 7 && index.counts.openMarks == 0)
    }

    @Test("D.10: over the bound the oldest go, down to four fifths of it")
    func prunes() throws {
        var limits = ApproximateLimits()
        limits.blocks = 100
        var index = BlockIndex(), blocks = ApproximateBlocks(limits: limits), random = SeededNumbers(3), prompts: [[UInt64]] = []
        let slot = try Self.opened(&index)
        for second in 0..<11 {
            let prompt = (0..<10).map { _ in random.next() }
            prompts.append(prompt)
            blocks.accepted(prompt.span, on: slot, at: Self.at(second), in: &index)
            let first = prompts[0]
            if second == 9 { blocks.accepted(first.span, on: slot, at: Self.at(9), in: &index) }
        }
        #expect(blocks.count == 80 && blocks.pruned == 30 && index.cachedBlocks(on: slot) == 80)
        #expect(prompts.map { index.match($0, slot).device } == [10, 0, 0, 0, 10, 10, 10, 10, 10, 10, 10])
        let long = (0..<500).map { _ in random.next() }
        blocks.accepted(long.span, on: slot, at: Self.at(20), in: &index)
        #expect(blocks.count <= 100 && index.counts.copies == blocks.count)
    }

    @Test("D.10: two minutes after the last use, a million blocks at most, four fifths left of them; these do not move")
    func defaults() {
        let limits = ApproximateLimits()
        #expect(limits.timeToLive == .seconds(120) && limits.blocks == 1 << 20 && limits.keptShare == 0.8)
    }

    @Test("D.10: a prompt that is used again and again takes the memory of one")
    func usedOften() throws {
        var index = BlockIndex(), blocks = ApproximateBlocks()
        let slot = try Self.opened(&index)
        for second in 0..<5_000 { blocks.accepted(Self.prompt.span, on: slot, at: Self.at(second), in: &index) }
        #expect(blocks.count == 10 && blocks.useCount <= 2 * 1_024 && index.counts.blocks == 10)
        let more = blocks.expire(atMost: .max, at: Self.at(4_999 + 119), in: &index)
        #expect(!more && blocks.count == 10 && blocks.expired == 0)
        _ = blocks.expire(atMost: .max, at: Self.at(4_999 + 120), in: &index)
        #expect(blocks.count == 0 && blocks.useCount == 0 && index.counts.blocks == 0)
    }

    @Test("D.10: a placement that went is forgotten, and the others stay")
    func forgetsAPlacement() throws {
        var index = BlockIndex(), blocks = ApproximateBlocks()
        let gone = try Self.opened(&index), other = try Self.opened(&index)
        for slot in [gone, other] { blocks.accepted(Self.prompt.span, on: slot, at: Self.at(0), in: &index) }
        index.retire(gone)
        blocks.forget(gone)
        #expect(blocks.count == 10 && index.match(Self.prompt, other).device == 10)
        _ = blocks.expire(atMost: 100, at: Self.at(120), in: &index)
        #expect(blocks.expired == 10 && index.counts.blocksNotFound == 0)
    }
}
