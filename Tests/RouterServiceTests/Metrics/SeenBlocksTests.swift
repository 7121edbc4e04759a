import ClusterModel
import Testing

@testable import RouterService

@Suite("What one cache for all would have had")
struct SeenBlocksTests {
    @Test("a prompt finds what earlier ones began with, and in its own pool only")
    func prefixes() {
        var seen = SeenBlocks(secret: 99)
        #expect(seen.note([1, 2, 3, 4], pool: 0) == 0)
        #expect(seen.note([1, 2, 3, 4], pool: 0) == 4)
        #expect(seen.note([1, 2, 30, 40, 50], pool: 0) == 2)
        #expect(seen.note([1, 2, 30, 40, 50, 60], pool: 0) == 5)
        #expect(seen.note([1, 2, 3, 4], pool: 7 << 32) == 0)
        #expect(seen.note([], pool: 0) == 0)
        #expect(seen.count == 12)
    }

    @Test(
        "what is found is what a cache without bounds would have had, for random families of prompts",
        arguments: 1...8 as ClosedRange<UInt64>)
    func againstNaive(_ seed: UInt64) {
        var random = SeededRandom(seed: seed), seen = SeenBlocks(secret: random.next()), all: Set<UInt64> = []
        var prompts: [[UInt64]] = [[]]
        for _ in 0..<600 {
            // A prompt goes on from the first part of another one.
            let root = prompts[Int.random(in: 0..<prompts.count, using: &random)]
            var prompt = Array(root.prefix(Int.random(in: 0...root.count, using: &random)))
            for _ in 0..<Int.random(in: 0..<20, using: &random) { prompt.append(random.next()) }
            prompts.append(prompt)
            let expected = prompt.firstIndex { !all.contains($0) } ?? prompt.count
            #expect(seen.note(prompt, pool: 5) == expected)
            all.formUnion(prompt)
        }
        #expect(seen.count == all.count)
    }

    @Test("memory is bounded: two generations, and what is asked for again is kept")
    func bounded() {
        var seen = SeenBlocks(secret: 3, limit: 100), random = SeededRandom(seed: 1)
        let kept = (0..<10).map { _ in random.next() }
        var most = 0
        _ = seen.note(kept, pool: 0)
        for _ in 0..<500 {
            _ = seen.note((0..<30).map { _ in random.next() }, pool: 0)
            #expect(seen.note(kept, pool: 0) == 10)
            most = max(most, seen.count)
        }
        #expect(most <= 200 && most > 100)
        // What nobody asked for in two generations is forgotten.
        for _ in 0..<10 { _ = seen.note((0..<30).map { _ in random.next() }, pool: 0) }
        #expect(seen.note(kept, pool: 0) == 0)
    }

    @Test("a prompt that goes on from a known one while a generation is full is in the next one from its first block on")
    func rotation() {
        var seen = SeenBlocks(secret: 3, limit: 100), random = SeededRandom(seed: 2)
        func some(_ count: Int) -> [UInt64] { (0..<count).map { _ in random.next() } }
        let root = some(10), whole = root + some(20)
        _ = seen.note(root, pool: 0)
        _ = seen.note(some(80), pool: 0)
        #expect(seen.note(whole, pool: 0) == 10)
        _ = seen.note(some(60), pool: 0)
        // Full again: what was noted first of all is gone, but for what was noted again.
        _ = seen.note(some(60), pool: 0)
        #expect(seen.note(whole, pool: 0) == 30)
    }

    @Test("hashes that are no chain are counted and bounded like others")
    func hostile() {
        var seen = SeenBlocks(secret: 3, limit: 64)
        for round in 0..<200 as Range<UInt64> {
            _ = seen.note(Array(repeating: 0, count: 40) + [round << 63, round], pool: 0)
            #expect(seen.count <= 128)
        }
        #expect(seen.note([0], pool: 0) == 1)
    }
}
