import Scheduling
import Testing

@Suite("The block index, rule by rule")
struct BlockIndexTests {
    private static let prompt: [UInt64] = (1...8).map { $0 * 1_000_003 }

    private static func opened(_ count: Int, _ index: inout BlockIndex) throws -> [PlacementSlot] {
        try (0..<count).map { _ in
            let slot = index.open()
            return try #require(slot)
        }
    }

    @Test("D.8: a lookup says how far each placement reaches, and names only those that reach somewhere")
    func matches() throws {
        var index = BlockIndex(), matches = BlockMatches()
        let slots = try Self.opened(4, &index)
        index.store(Self.prompt, on: slots[0])
        index.store(Array(Self.prompt[..<3]), on: slots[1])
        index.store(Array(Self.prompt[3...]), after: Self.prompt[2], on: slots[2])
        index.match(Self.prompt.span, into: &matches)
        #expect(matches[slots[0]].device == 8 && matches[slots[0]].confirmed == 8)
        #expect(matches[slots[1]].device == 3 && matches.longest == 8)
        #expect(matches.slots.sorted() == [slots[0], slots[1]])
        #expect(slots.map { index.cachedBlocks(on: $0) } == [8, 3, 5, 0])
        let other = [99] + Self.prompt.dropFirst()
        index.match(other.span, into: &matches)
        #expect(matches.slots.isEmpty && matches.longest == 0)
    }

    @Test("D.8: a block whose parent is not there is kept and counted, and matches once the parent comes")
    func keepsOrphans() throws {
        var index = BlockIndex()
        let slots = try Self.opened(2, &index)
        index.store(Self.prompt, on: slots[1])
        index.store(Array(Self.prompt[4...]), after: Self.prompt[3], on: slots[0])
        #expect(index.counts.parentsNotFound == 1 && index.counts.openMarks == 1)
        #expect(index.match(Self.prompt, slots[0]).device == 0 && index.match(Self.prompt, slots[1]).device == 8)
        index.store(Array(Self.prompt[..<2]), on: slots[0])
        #expect(index.match(Self.prompt, slots[0]).device == 2)
        index.store(Array(Self.prompt[2..<4]), after: Self.prompt[1], on: slots[0])
        #expect(index.match(Self.prompt, slots[0]).device == 8 && index.counts.openMarks == 0)
    }

    @Test("D.8: removing a block in the middle shortens the match to what is before it; stored again, it is whole")
    func removesFromTheMiddle() throws {
        var index = BlockIndex()
        let slot = try Self.opened(1, &index)[0]
        index.store(Self.prompt, on: slot)
        index.remove([Self.prompt[3]], on: slot)
        #expect(index.match(Self.prompt, slot).device == 3 && index.counts.openMarks == 1)
        index.store([Self.prompt[3]], after: Self.prompt[2], on: slot)
        #expect(index.match(Self.prompt, slot).device == 8 && index.counts.openMarks == 0)
        index.remove([Self.prompt[3]], on: slot)
        index.remove(Array(Self.prompt[4...]), on: slot)
        #expect(index.counts.openMarks == 0 && index.match(Self.prompt, slot).device == 3)
    }

    @Test("D.8: removing what is not there is counted and changes nothing; so is storing or removing twice")
    func isIdempotent() throws {
        var index = BlockIndex()
        let slot = try Self.opened(1, &index)[0]
        index.remove(Self.prompt, on: slot)
        #expect(index.counts.blocksNotFound == 8)
        index.store(Self.prompt, on: slot)
        index.store(Self.prompt, on: slot)
        #expect(index.cachedBlocks(on: slot) == 8 && index.counts.copies == 8)
        index.remove(Self.prompt, on: slot)
        index.remove(Self.prompt, on: slot)
        #expect(index.cachedBlocks(on: slot) == 0 && index.counts.blocks == 0 && index.counts.blocksNotFound == 16)
    }

    @Test("D.8: a block that names itself as its parent is not taken, nor what comes after it; what came before is")
    func refusesSelfParents() throws {
        var index = BlockIndex()
        let slot = try Self.opened(1, &index)[0]
        index.store([7, 7, 8], on: slot)
        index.store([9, 10], after: 9, on: slot)
        let own: [UInt64] = [11]
        index.restore(own.span, parents: own.span, on: slot, tier: .device)
        #expect(index.counts.selfParents == 3 && index.cachedBlocks(on: slot) == 1 && index.match([7, 8], slot).device == 1)
        index.remove([7], on: slot)
        #expect(index.counts.blocks == 0 && index.counts.openMarks == 0)
    }

    @Test("D.8, L7: clearing one rank leaves the others, and it may store again at once, and be cleared again")
    func clearsOneRank() throws {
        var index = BlockIndex()
        let ranks = try Self.opened(4, &index)
        for rank in ranks { index.store(Self.prompt, on: rank) }
        for _ in 0..<3 {
            index.clear(ranks[0])
            #expect(ranks.map { index.match(Self.prompt, $0).device } == [0, 8, 8, 8])
            #expect(index.cachedBlocks(on: ranks[0]) == 0 && index.cachedBlocks(on: ranks[3]) == 8)
            index.store(Array(Self.prompt[..<5]), on: ranks[0])
            #expect(ranks.map { index.match(Self.prompt, $0).device } == [5, 8, 8, 8])
        }
        while index.sweep(atMost: 3) {}
        #expect(ranks.map { index.match(Self.prompt, $0).device } == [5, 8, 8, 8] && index.counts.copies == 29)
    }

    @Test("what requests hold on a placement outlives its cache")
    func clearKeepsActiveBlocks() throws {
        var index = BlockIndex()
        let slot = try Self.opened(1, &index)[0]
        index.store(Self.prompt, on: slot)
        index.hold(Self.prompt.span, on: slot)
        index.settle(Self.prompt.span, on: slot)
        index.clear(slot)
        #expect(index.match(Self.prompt, slot).device == 0 && index.match(Self.prompt, slot).active == 8)
        index.release(Self.prompt.span, on: slot, isPredicted: false)
        #expect(index.activeBlocks(on: slot) == 0)
    }

    @Test("D.8: nothing of a retired slot matches, and its number is given anew only after all of it was swept")
    func retires() throws {
        var limits = IndexLimits()
        limits.slots = 1
        var index = BlockIndex(limits: limits)
        let slot = try Self.opened(1, &index)[0]
        index.store(Self.prompt, on: slot)
        index.store(Array(Self.prompt.reversed()), on: slot, tier: .host)
        index.hold(Self.prompt.span, on: slot)
        index.retire(slot)
        #expect(index.match(Self.prompt, slot) == BlockMatch() && index.counts.copies > 0)
        index.store(Self.prompt, on: slot)
        index.hold(Self.prompt.span, on: slot)
        #expect(index.match(Self.prompt, slot) == BlockMatch())
        var slices = 0
        while index.sweep(atMost: 2) {
            let early = index.open()
            #expect(early == nil)
            slices += 1
        }
        #expect(slices > 4 && index.counts.blocks == 0 && index.counts.activeBlocks == 0)
        let again = index.open()
        #expect(again == slot && index.match(Self.prompt, slot) == BlockMatch())
    }

    @Test("D.4: shared blocks of leases count once, and end with the last of them")
    func countsLeases() throws {
        var index = BlockIndex()
        let slot = try Self.opened(1, &index)[0]
        let short = Array(Self.prompt[..<3]), other: [UInt64] = [77]
        index.hold(short.span, on: slot)
        index.hold(other.span, on: slot)
        index.hold(Array(Self.prompt[..<4]).span, on: slot)
        #expect(index.activeBlocks(on: slot) == 5)
        #expect(index.exclusiveBlocks(Self.prompt.span.extracting(..<4), on: slot) == 1 && index.exclusiveBlocks(short.span, on: slot) == 0)
        #expect(index.match(Self.prompt, slot).active == 4 && index.match(Self.prompt, slot).device == 4)
        #expect(index.match(Self.prompt, slot).confirmed == 0)
        index.release(Self.prompt.span.extracting(..<4), on: slot, isPredicted: true)
        #expect(index.activeBlocks(on: slot) == 4 && index.match(Self.prompt, slot).active == 3)
        index.settle(short.span, on: slot)
        #expect(index.match(Self.prompt, slot).device == 0 && index.match(Self.prompt, slot).active == 3)
        index.release(short.span, on: slot, isPredicted: false)
        index.release(short.span, on: slot, isPredicted: false)
        #expect(index.activeBlocks(on: slot) == 1)
    }

    @Test("tiers follow each other: where the nearer one ends the farther one begins")
    func readsTiers() throws {
        var index = BlockIndex()
        let slot = try Self.opened(1, &index)[0]
        index.store(Array(Self.prompt[..<2]), on: slot)
        index.store(Array(Self.prompt[1..<4]), after: Self.prompt[0], on: slot, tier: .host)
        index.store([Self.prompt[4]], after: Self.prompt[3], on: slot, tier: .external)
        index.store(Array(Self.prompt[5..<7]), after: Self.prompt[4], on: slot, tier: .disk)
        var expected = BlockMatch()
        expected.confirmed = 2
        expected.device = 2
        expected.host = 2
        expected.external = 3
        #expect(index.match(Self.prompt, slot) == expected && expected.cached == 7)
        index.remove([Self.prompt[2]], on: slot, tier: .host)
        #expect(index.match(Self.prompt, slot).cached == 2)
    }

    @Test("a worker that names a false parent makes nobody else's prompts longer")
    func survivesFalseParents() throws {
        var index = BlockIndex()
        let slots = try Self.opened(2, &index)
        index.store([5, 6], on: slots[1])
        index.store([Self.prompt[4]], after: 6, on: slots[0])
        index.store(Self.prompt, on: slots[1])
        index.remove([Self.prompt[3]], on: slots[1])
        #expect(index.match(Self.prompt, slots[1]).device == 3 && index.counts.parentsDisputed == 1)
    }

    @Test("a snapshot's blocks may come in any order")
    func restores() throws {
        var index = BlockIndex()
        let slot = try Self.opened(1, &index)[0]
        let hashes = Array(Self.prompt.reversed()), parents = Array(Self.prompt.dropLast().reversed()) + [0]
        index.restore(hashes.span, parents: parents.span, on: slot, tier: .device)
        #expect(index.match(Self.prompt, slot).device == 8 && index.counts.openMarks == 0 && index.counts.parentsNotFound == 0)
    }

    @Test("a prompt that thousands hold takes bits instead of lists, and gives them back")
    func manyHolders() throws {
        var index = BlockIndex()
        let slots = try Self.opened(3_000, &index)
        for (place, slot) in slots.enumerated() { index.store(Array(Self.prompt[...(place % 8)]), on: slot) }
        var matches = BlockMatches()
        index.match(Self.prompt.span, into: &matches)
        #expect(slots.indices.allSatisfy { matches[slots[$0]].device == $0 % 8 + 1 } && matches.slots.count == 3_000)
        for slot in slots[5...] { index.clear(slot) }
        index.match(Self.prompt.span, into: &matches)
        #expect(matches.slots.sorted() == Array(slots[..<5]))
        while index.sweep(atMost: 5) {}
        #expect(index.counts.copies == 15 && index.counts.blocks == 5)
    }
}
