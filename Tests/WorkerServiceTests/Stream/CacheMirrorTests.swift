import ClusterModel
import Testing
import WireProtocol

@testable import WorkerService

@Suite("Mirrors of caches")
struct CacheMirrorTests {
    private struct Place: Hashable {
        let rank: UInt32
        let tier: Tier
        let hash: UInt64
    }

    @Test(
        "a prompt's cached prefix is found to the block, on its rank alone, whatever tiers its blocks are in",
        arguments: [0, 1, 5, 126])
    func prefix(length: Int) {
        let hashes = (0..<length).map { SequenceHash(UInt64($0) &* 0x9E37_79B9_7F4A_7C15 &+ 1) }
        for held in 0...length {
            var mirror = CacheMirror(ranks: 2)
            for (index, hash) in hashes.prefix(held).enumerated() {
                let tier = Tier.allCases[index % Tier.allCases.count]
                _ = mirror.store(hash.rawValue, parent: nil, rank: 1, tier: tier)
            }
            #expect(mirror.prefix(of: hashes, rank: 1) == held)
            #expect(mirror.prefix(of: hashes, rank: 0) == 0)
        }
    }

    /// All pages of a tier from one hash on, checked as they come.
    private func read(_ mirror: CacheMirror, _ tier: Tier, from start: UInt64) throws -> (blocks: [Place: UInt64], pages: Int) {
        var blocks: [Place: UInt64] = [:], next: UInt64? = start, pages = 0
        while let from = next {
            let page = mirror.page(tier, from: from)
            pages += 1
            var message = SnapshotPage()
            message.entries = page.blocks.map { .heldBlocks($0) }
            message.next = SnapshotCursor(section: 1, fromHash: 0)
            try #require(MessageHeader.byteCount + bytes(of: message) <= 64 << 10)
            try #require(page.blocks.map(\.rank) == page.blocks.map(\.rank).sorted())
            for held in page.blocks {
                try #require(held.tier == tier && held.hashes.count == held.parents.count && !held.hashes.isEmpty)
                try #require(held.hashes == held.hashes.sorted() && Set(held.hashes).count == held.hashes.count)
                for (hash, parent) in zip(held.hashes, held.parents) {
                    try #require(hash >= from && hash <= page.through)
                    try #require(blocks.updateValue(parent, forKey: Place(rank: held.rank, tier: tier, hash: hash)) == nil)
                }
            }
            if let following = page.next { try #require(following == page.through + 1 && following > from) }
            if page.next == nil { try #require(page.through == .max) }
            next = page.next
        }
        return (blocks, pages)
    }

    private func bytes(of message: SnapshotPage) -> Int {
        var bytes: [UInt8] = []
        Codec.appendBody(message, to: &bytes)
        return bytes.count
    }

    @Test("pages of every tier hold every rank's blocks once, whatever the hashes are", arguments: HashPattern.allCases, [1, 3, 64])
    func pages(_ pattern: HashPattern, ranks: Int) throws {
        var random = SeededRandom(seed: 11), mirror = CacheMirror(ranks: ranks), naive: [Place: UInt64] = [:]
        for step in 0..<25_000 {
            let tier: Tier = random.next() % 8 == 0 ? .host : .device
            // The first rank has most of them.
            let rank = random.next() % 2 == 0 ? 0 : UInt32(random.next() % UInt64(ranks))
            let place = Place(rank: rank, tier: tier, hash: pattern.hash(step / 3, &random)), parent = step % 5 == 0 ? nil : random.next()
            if random.next() % 4 == 0 {
                #expect(mirror.remove(place.hash, rank: rank, tier: tier) == (naive.removeValue(forKey: place) != nil))
            } else {
                #expect(mirror.store(place.hash, parent: parent, rank: rank, tier: tier) == (naive[place] == nil ? .stored : .known))
                if naive[place] == nil { naive[place] = parent ?? 0 }
            }
        }
        #expect(mirror.count == naive.count)
        for tier in Tier.allCases {
            for start in [0, 3_000, 1 << 62, .max] + (0..<5).map({ _ in random.next() }) {
                let expected = naive.filter { $0.key.tier == tier && $0.key.hash >= start }
                let (blocks, pages) = try read(mirror, tier, from: start)
                #expect(blocks == expected)
                // As few pages as their size allows, but for what is kept free for the ranks.
                #expect(pages <= 1 + expected.count / (4_000 - 4 * ranks))
            }
        }
        mirror.clear(0)
        naive = naive.filter { $0.key.rank != 0 }
        #expect(mirror.count == naive.count)
        #expect(try read(mirror, .device, from: 0).blocks == naive.filter { $0.key.tier == .device })
    }

    @Test("a hash that every rank holds is in one page with all of them")
    func shared() throws {
        var mirror = CacheMirror(ranks: Limits.ranks)
        for hash in 0..<10 as Range<UInt64> {
            for rank in 0..<UInt32(Limits.ranks) { #expect(mirror.store(.max - hash, parent: nil, rank: rank, tier: .disk) == .stored) }
        }
        let (blocks, pages) = try read(mirror, .disk, from: 0)
        #expect(blocks.count == 10 * Limits.ranks && pages == 5)
    }

    @Test("an engine that stores without end is stopped at the limit, and can go on once something went")
    func full() {
        var mirror = CacheMirror(ranks: 1, limit: 100)
        for hash in 1...100 as ClosedRange<UInt64> { #expect(mirror.store(hash, parent: nil, rank: 0, tier: .device) == .stored) }
        #expect(mirror.store(101, parent: nil, rank: 0, tier: .host) == .full)
        #expect(mirror.remove(50, rank: 0, tier: .device) == true)
        #expect(mirror.store(101, parent: nil, rank: 0, tier: .host) == .stored)
        #expect(mirror.count == 100)
    }
}
