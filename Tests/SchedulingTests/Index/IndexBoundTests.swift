import Scheduling
import Testing

@Suite("The bounds of the block index")
struct IndexBoundTests {
    static func limits(bytes: Int) -> IndexLimits {
        var limits = IndexLimits()
        limits.bytes = bytes
        return limits
    }

    @Test(
        "T43: fed ten times its bytes it stays within them, keeps what is used, and never says more than there is",
        arguments: [1 << 19, 1 << 20])
    func staysWithinItsBytes(_ bytes: Int) throws {
        var index = BlockIndex(limits: Self.limits(bytes: bytes)), random = SeededNumbers(7), most = 0
        let slots = try (0..<12).map { _ in
            let slot = index.open()
            return try #require(slot)
        }
        let favourite: [UInt64] = (0..<20).map { _ in random.next() }
        for slot in slots { index.store(favourite, on: slot) }
        var stored: [UInt64] = []
        for _ in 0..<bytes * 10 / 28 / 50 {
            let prompt = favourite.prefix(4) + (0..<46).map { _ in random.next() }
            let slot = slots[Int(random.next() % 12)]
            index.store(Array(prompt[4...]), after: favourite[3], on: slot)
            index.store(Array(prompt[4..<8]), after: favourite[3], on: slots[0])
            let reached = slots.map { index.match(Array(prompt), $0).device }
            #expect(zip(slots, reached).allSatisfy { $0 == slot || $1 <= ($0 == slots[0] ? 8 : 4) })
            #expect(index.match(favourite, slots[3]).device == 20, "used all the time, and dropped")
            stored.append(prompt[10])
            most = max(most, index.counts.bytes)
        }
        let counts = index.counts
        #expect(most <= bytes + bytes / 20, "\(most) of \(bytes) bytes")
        #expect(most >= bytes / 2 && counts.evicted > 0, "\(counts)")
        #expect(counts.refused * 50 < counts.evicted, "\(counts)")
    }

    @Test("T41: what a peak of leases or of caches took is given back once nothing needed it from one look to the next")
    func givesBack() throws {
        var index = BlockIndex(), random = SeededNumbers(5)
        let opened = index.open()
        let slot = try #require(opened), atRest = index.counts.bytes
        let few: [UInt64] = (0..<100).map { _ in random.next() }
        index.store(few, on: slot)
        for _ in 0..<3 {
            let prompts: [[UInt64]] = (0..<100).map { _ in (0..<1_000).map { _ in random.next() } }
            for prompt in prompts {
                #expect(index.hold(prompt.span, on: slot) == 1_000)
                index.store(prompt, on: slot)
            }
            let most = index.counts.bytes
            #expect(most > atRest + 200_000 * 24)
            for prompt in prompts {
                index.release(prompt.span, on: slot, isPredicted: true)
                index.remove(prompt.reversed(), on: slot)
            }
            // Needed since the last look.
            index.look()
            #expect(!index.giveBack(atMost: 16_384) && index.counts.bytes == most)
            index.look()
            var slices = 1
            while index.giveBack(atMost: 16_384) { slices += 1 }
            #expect(slices > 2, "all at once")
            // A piece of each table that still has something, and what stands in place of the others.
            #expect(index.counts.bytes < atRest + (1 << 19), "\(index.counts.bytes), and \(atRest) at rest")
            #expect(index.match(few, slot).device == 100 && index.match(prompts[0], slot).device == 0)
        }
    }

    @Test("what a full index finds is never more than the twin, and right of leases", arguments: 1...3)
    func underReports(_ seed: Int) throws {
        var random = SeededNumbers(UInt64(seed)), index = BlockIndex(limits: Self.limits(bytes: 1 << 19)), twin = NaiveIndex()
        var matches = BlockMatches(), exact = 0, asked = 0
        for _ in 0..<40 {
            let slot = index.open()
            twin.open(try #require(slot))
        }
        let tree = PromptTree(prompts: 700, blocks: 5...60, &random)
        for step in 0..<2_500 {
            let slot = try #require(twin.open.randomElement(using: &random)),
                prompt = try #require(tree.prompts.randomElement(using: &random))
            let start = random.next() % 3 == 0 ? Int.random(in: 0..<prompt.count, using: &random) : 0
            let run = Array(prompt[start...])
            switch random.next() % 8 {
            case 0:
                index.remove(run.reversed(), on: slot)
                twin.remove(run, on: slot, tier: .device)
            case 1 where step % 7 == 0:
                index.clear(slot)
                twin.clear(slot)
            case 2: _ = index.sweep(atMost: 500)
            default:
                index.store(run, after: start == 0 ? nil : prompt[start - 1], on: slot)
                twin.store(run, on: slot, tier: .device)
            }
            let question = try #require(tree.prompts.randomElement(using: &random))
            index.match(question.span, into: &matches)
            for slot in twin.open {
                let found = matches[slot].device, there = twin.match(question, slot).device
                guard found <= there else {
                    Issue.record("seed \(seed), step \(step): \(found) of \(there) found")
                    return
                }
                asked += there > 0 ? 1 : 0
                exact += found == there && there > 0 ? 1 : 0
            }
        }
        #expect(index.counts.evicted > 0 && exact * 4 > asked, "\(exact) of \(asked), \(index.counts)")
        for slot in twin.open { index.retire(slot) }
        while index.sweep(atMost: 10_000) {}
        #expect(index.counts.blocks == 0 && index.counts.copies == 0 && index.counts.openMarks == 0, "\(index.counts)")
    }

    @Test("without room a lease counts its first blocks, and gives back just those")
    func leasesWithoutRoom() throws {
        var index = BlockIndex(limits: Self.limits(bytes: 2 << 20)), random = SeededNumbers(1), leases: [([UInt64], Int)] = []
        let opened = index.open()
        let slot = try #require(opened)
        for _ in 0..<100 {
            let prompt = (0..<100).map { _ in random.next() }
            leases.append((prompt, index.hold(prompt.span, on: slot)))
        }
        let held = leases.reduce(0) { $0 + $1.1 }
        #expect(leases.contains { $0.1 < 100 } && index.activeBlocks(on: slot) == held)
        for (prompt, count) in leases { index.release(prompt.span.extracting(first: count), on: slot, isPredicted: true) }
        #expect(index.counts.activeBlocks == 0 && index.counts.predictedBlocks == 0 && index.counts.bytes <= 2 << 20)
    }
}
