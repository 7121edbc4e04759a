import ClusterModel
import Testing

@testable import WorkerService

/// Ways to draw hashes that could hurt a structure.
enum HashPattern: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case random, ascending, descending, dense, clustered, extremes
    var testDescription: String { rawValue }

    func hash(_ step: Int, _ random: inout SeededRandom) -> UInt64 {
        switch self {
        case .random: random.next()
        case .ascending: UInt64(step) * 3
        case .descending: .max - UInt64(step) * 3
        case .dense: random.next() % 5_000
        case .clustered: (random.next() % 8) << 61 | random.next() % 2_000
        case .extremes: [0, 1, .max, .max - 1, 1 << 63][Int(random.next() % 5)] &+ random.next() % 3
        }
    }
}

@Suite("Sets of blocks")
struct BlockSetTests {
    private static func all(_ set: BlockSet, from hash: UInt64 = 0) -> [BlockSet.Entry] {
        var entries: [BlockSet.Entry] = [], place = set.place(atOrAbove: hash)
        while let entry = set[place] {
            entries.append(entry)
            place = set.place(after: place)
        }
        return entries
    }

    private static func expected(_ naive: [UInt64: UInt64], from hash: UInt64 = 0) -> [BlockSet.Entry] {
        naive.filter { $0.key >= hash }.sorted { $0.key < $1.key }.map { BlockSet.Entry(hash: $0.key, parent: $0.value) }
    }

    @Test("it is a sorted dictionary, whatever comes and goes", arguments: HashPattern.allCases)
    func operations(_ pattern: HashPattern) {
        var random = SeededRandom(seed: 7), set = BlockSet(), naive: [UInt64: UInt64] = [:], known: [UInt64] = []
        for step in 0..<120_000 {
            // Times of growth and times of decline.
            let grows = (step / 20_000) % 2 == 0
            if known.isEmpty || random.next() % 10 < (grows ? 7 : 3) {
                let hash = pattern.hash(step, &random), parent = random.next()
                let isNew = naive[hash] == nil
                if set.insert(hash, parent: parent) != isNew { Issue.record("insert at step \(step)") }
                if isNew {
                    naive[hash] = parent
                    known.append(hash)
                }
            } else if random.next() % 20 == 0 {
                let hash = pattern.hash(step, &random)
                if set.remove(hash) != (naive.removeValue(forKey: hash) != nil) { Issue.record("removal at step \(step)") }
            } else {
                known.swapAt(Int(random.next() % UInt64(known.count)), known.count - 1)
                let hash = known.removeLast()
                if set.remove(hash) != (naive.removeValue(forKey: hash) != nil) { Issue.record("removal at step \(step)") }
            }
            if set.count != naive.count { Issue.record("count at step \(step)") }
            if step % 10_000 == 9_999 {
                #expect(Self.all(set) == Self.expected(naive))
                for start in [0, 1, .max, pattern.hash(step, &random), random.next()] as [UInt64] {
                    #expect(Self.all(set, from: start) == Self.expected(naive, from: start))
                }
            }
        }
        for hash in naive.keys.sorted(by: { $0 % 97 < $1 % 97 }) where !set.remove(hash) { Issue.record("\(hash) is gone") }
        #expect(set.isEmpty && Self.all(set) == [])
    }

    @Test("whole ranges may go, and what is left beside them is read on")
    func ranges() {
        var random = SeededRandom(seed: 4), set = BlockSet(), naive: [UInt64: UInt64] = [:]
        for _ in 0..<20_000 {
            let hash = random.next()
            naive[hash] = 1
            _ = set.insert(hash, parent: 1)
        }
        while !naive.isEmpty {
            let hashes = naive.keys.sorted(), start = Int(random.next() % UInt64(hashes.count))
            for hash in hashes[start...].prefix(1_500) {
                if !set.remove(hash) { Issue.record("\(hash) is gone") }
                naive[hash] = nil
            }
            #expect(Self.all(set) == Self.expected(naive))
        }
    }

    @Test("reading begins at every entry and at every gap")
    func everyStart() {
        var set = BlockSet(), hashes: [UInt64] = []
        for number in 1...3_000 as ClosedRange<UInt64> {
            hashes.append(number * 10)
            _ = set.insert(number * 10, parent: number)
        }
        for start in 0...30_010 as ClosedRange<UInt64> {
            let first = set[set.place(atOrAbove: start)]?.hash
            let expected = start > 30_000 ? nil : max(10, (start + 9) / 10 * 10)
            if first != expected { Issue.record("from \(start): \(String(describing: first))") }
        }
    }
}
