import ClusterModel
import Testing
import Transport

@Suite("Where a reader is in a feed")
struct FeedCursorTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let first: UInt64
        let count: Int
        let verdict: FeedCursor.Verdict
        let next: UInt64
    }

    @Test(
        "a batch is applied from the next number on, and only then",
        arguments: [
            Case(testDescription: "the next", first: 10, count: 3, verdict: .apply(skip: 0), next: 13),
            Case(testDescription: "one event", first: 10, count: 1, verdict: .apply(skip: 0), next: 11),
            Case(testDescription: "half known", first: 8, count: 5, verdict: .apply(skip: 2), next: 13),
            Case(testDescription: "all but the last known", first: 1, count: 10, verdict: .apply(skip: 9), next: 11),
            Case(testDescription: "just known", first: 7, count: 3, verdict: .behind, next: 10),
            Case(testDescription: "long known", first: 1, count: 1, verdict: .behind, next: 10),
            Case(testDescription: "one missing", first: 11, count: 3, verdict: .gap(missing: 10...10), next: 10),
            Case(testDescription: "many missing", first: 1_000, count: 1, verdict: .gap(missing: 10...999), next: 10),
            Case(testDescription: "a number at the end of all numbers", first: .max, count: 1, verdict: .behind, next: 10),
            Case(testDescription: "the last number there is", first: .max - 1, count: 1, verdict: .gap(missing: 10...(.max - 2)), next: 10),
        ])
    func batches(_ test: Case) {
        var cursor = FeedCursor(generation: 5, next: 10)
        #expect(cursor.batch(generation: 5, first: test.first, count: test.count) == test.verdict)
        #expect(cursor.next == test.next)
        #expect(cursor.batch(generation: 6, first: test.first, count: test.count) == .otherGeneration(6))
        #expect(cursor.next == test.next)
    }

    @Test("a beat shows what was lost at the end, and nothing when all came")
    func beats() {
        var cursor = FeedCursor(generation: 5, next: 1)
        #expect(cursor.beat(generation: 5, last: 0) == .behind)
        #expect(cursor.beat(generation: 5, last: 1) == .gap(missing: 1...1))
        _ = cursor.batch(generation: 5, first: 1, count: 7)
        #expect(cursor.beat(generation: 5, last: 7) == .behind)
        #expect(cursor.beat(generation: 5, last: 3) == .behind)
        #expect(cursor.beat(generation: 5, last: 9) == .gap(missing: 8...9))
        #expect(cursor.beat(generation: 4, last: 9) == .otherGeneration(4))
        cursor.restart(generation: 6, next: 100)
        #expect(cursor.beat(generation: 6, last: 99) == .behind)
        #expect(cursor.batch(generation: 6, first: 100, count: 1) == .apply(skip: 0))
    }

    @Test("over any loss, repetition and disorder, each event is applied at most once and in order; replays close every gap")
    func anything() {
        for seed in 1...50 as ClosedRange<UInt64> {
            var random = SeededRandom(seed: seed)
            var cursor = FeedCursor(generation: 1, next: 1), applied: [UInt64] = [], published: [(first: UInt64, count: Int)] = []
            var last: UInt64 = 0
            for _ in 0..<200 {
                let count = 1 + Int(random.next() % 5)
                published.append((last + 1, count))
                last += UInt64(count)
                let shown = published[published.count - 1 - Int(random.next() % UInt64(min(4, published.count)))]
                switch cursor.batch(generation: 1, first: shown.first, count: shown.count) {
                case .apply(let skip): for offset in skip..<shown.count { applied.append(shown.first + UInt64(offset)) }
                case .gap(let missing):
                    #expect(missing.lowerBound == cursor.next)
                    if random.next() % 2 == 0 {
                        applied.append(contentsOf: missing)
                        cursor.restart(generation: 1, next: missing.upperBound + 1)
                    }
                case .behind: break
                case .otherGeneration: #expect(Bool(false))
                }
            }
            if case .gap(let missing) = cursor.beat(generation: 1, last: last) { applied.append(contentsOf: missing) }
            #expect(applied == Array(1...last), "seed \(seed)")
        }
    }
}
