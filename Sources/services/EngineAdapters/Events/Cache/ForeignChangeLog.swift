import ClusterModel
import Engines

/// What came into one rank's cache and left it since it was last told: neighbours of one kind and tier are one change.
struct ForeignChangeLog {
    private let rank: Rank
    private var changes: [CacheChange] = []
    private var hashes: [SequenceHash] = []

    init(rank: Rank) { self.rank = rank }

    var isEmpty: Bool { changes.isEmpty }
    var count: Int { hashes.count }

    mutating func stored(_ hash: SequenceHash, after parent: SequenceHash?, in tier: EngineTier) {
        if let last = changes.last, case .stored = last.kind, last.tier == tier, let parent, hashes.last == parent {
            return extend(with: hash)
        }
        begin(.stored(parent: parent), tier, with: hash)
    }

    mutating func removed(_ hash: SequenceHash, from tier: EngineTier) {
        if let last = changes.last, last.kind == .removed, last.tier == tier { return extend(with: hash) }
        begin(.removed, tier, with: hash)
    }

    /// What was to be told before is of no account any more.
    mutating func cleared() {
        changes.removeAll(keepingCapacity: true)
        hashes.removeAll(keepingCapacity: true)
        changes.append(CacheChange(kind: .cleared, rank: rank))
    }

    private mutating func begin(_ kind: CacheChange.Kind, _ tier: EngineTier, with hash: SequenceHash) {
        changes.append(CacheChange(kind: kind, rank: rank, tier: tier, first: Int32(truncatingIfNeeded: hashes.count), count: 1))
        hashes.append(hash)
    }

    private mutating func extend(with hash: SequenceHash) {
        changes[changes.count - 1].count += 1
        hashes.append(hash)
    }

    /// Tells everything, behind what others told.
    mutating func move(to output: inout StepOutput) {
        guard !changes.isEmpty else { return }
        let offset = Int32(truncatingIfNeeded: output.hashes.count)
        for var change in changes {
            if change.kind != .cleared { change.first += offset }
            output.cache.append(change)
        }
        output.hashes.append(contentsOf: hashes)
        changes.removeAll(keepingCapacity: true)
        hashes.removeAll(keepingCapacity: true)
    }
}
