import ClusterModel
import Testing
import WireProtocol

@testable import StreamFollowing

@Suite("The rule of keys")
struct PageMapTests {
    /// Pages of one tier as they were read at rising moments, and the number of each hash's page, kept one by one.
    private struct Naive {
        var map = PageMap(generation: 1)
        var state: UInt64 = 0
        var numbers: [UInt64] = []

        init(_ random: inout SeededRandom, hashes: UInt64) throws {
            var sequence = 10 + random.next() % 5
            state = sequence
            var page = SnapshotPage()
            page.generation = 1
            page.sequence = sequence
            page.throughHash = .max
            page.next = SnapshotCursor(section: 1, fromHash: 0)
            try map.add(page, heard: 0, wantsBlocks: true)
            numbers = Array(repeating: 0, count: Int(hashes))
            var from: UInt64 = 0
            while from < hashes {
                sequence += random.next() % 4
                let through = min(hashes - 1, from + random.next() % 9)
                page.section = 1
                page.sequence = sequence
                page.fromHash = from
                page.throughHash = through == hashes - 1 ? .max : through
                page.next = through == hashes - 1 ? nil : SnapshotCursor(section: 1, fromHash: through + 1)
                try map.add(page, heard: 0, wantsBlocks: true)
                for hash in from...through { numbers[Int(hash)] = sequence }
                from = through + 1
            }
        }
    }

    @Test(
        "an event counts for exactly the hashes whose page is older, and keeps the chain of its parents",
        arguments: 1...200 as ClosedRange<UInt64>)
    func hashes(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let naive = try Naive(&random, hashes: 64), map = naive.map
        #expect(map.oldest == naive.state && map.newest == naive.numbers.max() && map.next == nil)
        for _ in 0..<50 {
            let number = map.oldest &- 2 + random.next() % (map.newest - map.oldest + 5)
            let hashes = (0..<(1 + random.next() % 12)).map { _ in random.next() % 64 }
            let parent: UInt64? = random.next() % 2 == 0 ? nil : 1_000
            let stored = WorkerEvent.blocksStored(BlocksStored(rank: 0, tier: .device, parent: parent, hashes: hashes))
            var expected: [(UInt64, UInt64?)] = []
            for (index, hash) in hashes.enumerated() where number > max(naive.numbers[Int(hash)], map.oldest) {
                expected.append((hash, index == 0 ? parent : hashes[index - 1]))
            }
            var found: [(UInt64, UInt64?)] = []
            for case .blocksStored(let part) in Self.parts(map.rest(of: stored, number: number), stored) {
                for (index, hash) in part.hashes.enumerated() { found.append((hash, index == 0 ? part.parent : part.hashes[index - 1])) }
            }
            #expect(found.map(\.0) == expected.map(\.0) && found.map(\.1) == expected.map(\.1))
            let removed = WorkerEvent.blocksRemoved(BlocksRemoved(rank: 0, tier: .device, hashes: hashes))
            var left: [UInt64] = []
            for case .blocksRemoved(let part) in Self.parts(map.rest(of: removed, number: number), removed) { left += part.hashes }
            #expect(left == expected.map(\.0))
            // Events without a hash belong to section 0.
            let load = WorkerEvent.rankLoad(RankLoad())
            #expect(Self.parts(map.rest(of: load, number: number), load).isEmpty == (number <= naive.state))
        }
    }

    private static func parts(_ rest: PageMap.Rest, _ event: WorkerEvent) -> [WorkerEvent] {
        switch rest {
        case .whole: [event]
        case .parts(let parts): parts
        case .nothing, .spoilt: []
        }
    }

    @Test("a clear counts whole, or not at all, or spoils the pages that it fell between")
    func clears() throws {
        var random = SeededRandom(seed: 4)
        let map = try Naive(&random, hashes: 64).map, clear = WorkerEvent.rankCleared(RankCleared(rank: 0))
        for number in (map.oldest - 1)...(map.newest + 1) {
            switch map.rest(of: clear, number: number) {
            case .whole: #expect(number > map.newest)
            case .nothing: #expect(number <= map.oldest + 3)
            case .spoilt: #expect(number > map.oldest && number <= map.newest)
            case .parts: Issue.record("a clear has no parts")
            }
        }
    }

    @Test("sections that are passed over were empty when the page before them was read")
    func skipped() throws {
        var map = PageMap(generation: 1), page = SnapshotPage()
        (page.generation, page.sequence, page.throughHash, page.next) = (1, 5, .max, SnapshotCursor(section: 3, fromHash: 9))
        try map.add(page, heard: 0, wantsBlocks: true)
        (page.section, page.fromHash, page.sequence, page.next) = (3, 9, 8, nil)
        try map.add(page, heard: 0, wantsBlocks: true)
        func applies(_ tier: Tier, _ hash: UInt64, _ number: UInt64) -> Bool {
            if case .whole = map.rest(of: .blocksRemoved(BlocksRemoved(rank: 0, tier: tier, hashes: [hash])), number: number) {
                return true
            }
            return false
        }
        #expect(!applies(.device, 1, 5) && applies(.device, 1, 6) && applies(.host, 1, 6))
        #expect(!applies(.disk, 1, 8) && applies(.disk, 1, 9) && !applies(.external, 1, 8))
    }
}

@Suite("Batches that are held")
struct HeldBatchesTests {
    @Test(
        "they come out in the order of their numbers, each once, and their bytes are accounted for",
        arguments: 1...50 as ClosedRange<UInt64>)
    func order(seed: UInt64) {
        var random = SeededRandom(seed: seed), held = HeldBatches(), naive: [UInt64] = [], floor: UInt64 = 0
        for _ in 0..<600 {
            if random.next() % 5 < 3 {
                let first = floor + 1 + random.next() % 300
                #expect(held.insert(.init(first: first, count: 1, body: [1, 2, 3])) == !naive.contains(first))
                if !naive.contains(first) { naive.append(first) }
            } else if let least = naive.min() {
                #expect(held.removeFirst().first == least)
                naive.removeAll { $0 == least }
                floor = least
            }
            #expect(held.first?.first == naive.min())
            #expect(held.bytes == naive.count * (3 + FollowingLimits.heldOverhead))
        }
    }
}
