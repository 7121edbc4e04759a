import ClusterModel
import WireProtocol

/// What the engine's changes say that its caches hold, for each rank and tier: the truth that the stream tells and snapshots are read from.
///
/// The loop's own picture, so that a page is read between two turns while the engine works on.
struct CacheMirror {
    enum Stored: Hashable { case stored, known, full }

    /// Blocks of one tier in one range of hashes, over all ranks.
    struct Page: Hashable {
        var blocks: [HeldBlocks] = []
        /// The end of the range, included.
        var through = UInt64.max
        /// Where the next page of the tier begins; nil: this was its last.
        var next: UInt64?
    }

    private let limit: Int
    private var sets: [BlockSet]
    private(set) var count = 0
    let ranks: Int

    init(ranks: Int, limit: Int = WorkerLimits.mirroredBlocks) {
        self.ranks = ranks
        self.limit = limit
        sets = Array(repeating: BlockSet(), count: ranks * Self.tiers)
    }

    private static let tiers = Tier.allCases.count
    private static func set(_ rank: UInt32, _ tier: Tier) -> Int { Int(rank) * tiers + Int(tier.rawValue) }

    func has(_ rank: UInt32) -> Bool { rank < ranks }
    func count(rank: UInt32, tier: Tier) -> Int { sets[Self.set(rank, tier)].count }

    // MARK: Changes

    mutating func store(_ hash: UInt64, parent: UInt64?, rank: UInt32, tier: Tier) -> Stored {
        guard count < limit else { return .full }
        guard sets[Self.set(rank, tier)].insert(hash, parent: parent ?? 0) else { return .known }
        count += 1
        return .stored
    }

    /// False if it is not there.
    mutating func remove(_ hash: UInt64, rank: UInt32, tier: Tier) -> Bool {
        guard sets[Self.set(rank, tier)].remove(hash) else { return false }
        count -= 1
        return true
    }

    /// Every tier of the rank.
    mutating func clear(_ rank: UInt32) {
        for tier in Tier.allCases {
            count -= self.count(rank: rank, tier: tier)
            sets[Self.set(rank, tier)].removeAll()
        }
    }

    // MARK: Questions

    /// How many of a prompt's blocks, from the first one on, the rank has, in whatever tier. Found by halves: of a chain with a gap it may count
    /// what lies behind.
    func prefix(of hashes: [SequenceHash], rank: UInt32) -> Int {
        let held = Tier.allCases.map { Self.set(rank, $0) }.filter { !sets[$0].isEmpty }
        guard !held.isEmpty else { return 0 }
        var low = 0, high = hashes.count
        while low < high {
            let middle = (low + high) / 2
            if held.contains(where: { sets[$0].contains(hashes[middle].rawValue) }) { low = middle + 1 } else { high = middle }
        }
        return low
    }

    // MARK: Pages

    /// A rank's next entry while a page is gathered.
    private struct Head {
        let rank: Int
        /// Of `Page.blocks`.
        let slot: Int
        var place: BlockSet.Place
        var entry: BlockSet.Entry
    }

    /// The blocks from `start` on, as many as fit a page. All ranks' blocks of one hash are in one page: its range covers every rank.
    func page(_ tier: Tier, from start: UInt64) -> Page {
        var page = Page(), heads: [Head] = []
        for rank in 0..<ranks {
            let set = sets[Self.set(UInt32(rank), tier)], place = set.place(atOrAbove: start)
            guard let entry = set[place] else { continue }
            heads.append(Head(rank: rank, slot: page.blocks.count, place: place, entry: entry))
            page.blocks.append(HeldBlocks(rank: UInt32(rank), tier: tier, hashes: [], parents: []))
        }
        // An array that is sorted is a heap.
        heads.sort { $0.entry.hash < $1.entry.hash }
        let room = Self.room(ranks: heads.count)
        var taken = 0, last: UInt64 = 0
        while let head = heads.first, taken < room || head.entry.hash == last {
            page.blocks[head.slot].hashes.append(head.entry.hash)
            page.blocks[head.slot].parents.append(head.entry.parent)
            taken += 1
            last = head.entry.hash
            advance(&heads, tier)
        }
        page.blocks.removeAll { $0.hashes.isEmpty }
        guard !heads.isEmpty else { return page }
        page.through = last
        // Something stands behind it, so it is not the largest there is.
        page.next = last + 1
        return page
    }

    /// The first head goes on to its rank's next entry, and sinks to where that belongs.
    private func advance(_ heads: inout [Head], _ tier: Tier) {
        let set = Self.set(UInt32(heads[0].rank), tier)
        heads[0].place = sets[set].place(after: heads[0].place)
        if let entry = sets[set][heads[0].place] {
            heads[0].entry = entry
        } else {
            heads.swapAt(0, heads.count - 1)
            heads.removeLast()
        }
        var parent = 0
        while true {
            var child = 2 * parent + 1
            guard child < heads.count else { return }
            if child + 1 < heads.count, heads[child + 1].entry.hash < heads[child].entry.hash { child += 1 }
            guard heads[child].entry.hash < heads[parent].entry.hash else { return }
            heads.swapAt(parent, child)
            parent = child
        }
    }

    /// Entries of a page of so many ranks, with one more a rank for the last hash of the page.
    private static func room(ranks: Int) -> Int {
        min(Limits.snapshotHashes, (WorkerLimits.snapshotPageBytes - (bytesPerRank + bytesPerBlock) * ranks) / bytesPerBlock)
    }

    /// Tag, length, rank, tier and two counts of a HeldBlocks.
    private static let bytesPerRank = 1 + 4 + 4 + 1 + 4 + 4
    /// Hash and parent.
    private static let bytesPerBlock = 16
}
