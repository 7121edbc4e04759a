import ClusterModel
import WireProtocol

/// Whoever reads a worker's stream and snapshot, in the plainest way that the rules allow: `proto-spec/03-exchanges.md#snapshots`.
struct NaiveFollower {
    struct Block: Hashable {
        let rank: UInt32
        let tier: Tier
        let hash: UInt64
    }

    /// With parents.
    private(set) var blocks: [Block: UInt64] = [:]
    private(set) var pages: [SnapshotPage] = []
    /// Pages that do not fit what came before.
    private(set) var faults: [String] = []

    mutating func take(_ page: SnapshotPage, asked cursor: SnapshotCursor) {
        if page.section != cursor.section || page.fromHash != cursor.fromHash { faults.append("another page than was asked for") }
        if let next = page.next, (next.section, next.fromHash) <= (cursor.section, cursor.fromHash) { faults.append("does not ascend") }
        pages.append(page)
        for case .heldBlocks(let held) in page.entries {
            if held.tier.rawValue + 1 != page.section { faults.append("another tier") }
            for (hash, parent) in zip(held.hashes, held.parents) {
                blocks[Block(rank: held.rank, tier: held.tier, hash: hash)] = parent
            }
        }
    }

    /// An event applies to a key if its number is above that of the key's page.
    mutating func take(_ event: WorkerEvent, number: UInt64) {
        switch event {
        case .blocksStored(let stored):
            var parent = stored.parent
            for hash in stored.hashes {
                if number > sequence(stored.tier, hash) {
                    blocks[Block(rank: stored.rank, tier: stored.tier, hash: hash)] = parent ?? 0
                }
                parent = hash
            }
        case .blocksRemoved(let removed):
            for hash in removed.hashes where number > sequence(removed.tier, hash) {
                blocks[Block(rank: removed.rank, tier: removed.tier, hash: hash)] = nil
            }
        case .rankCleared(let cleared):
            blocks = blocks.filter { $0.key.rank != cleared.rank || number <= sequence($0.key.tier, $0.key.hash) }
        default: break
        }
    }

    /// Of the page that a key is in; 0 where there is none: then every event counts.
    private func sequence(_ tier: Tier, _ hash: UInt64) -> UInt64 {
        pages.first { $0.section == tier.rawValue + 1 && ($0.fromHash...$0.throughHash).contains(hash) }?.sequence ?? 0
    }
}
