import ClusterModel

/// What came into one rank's cache and left it since the last step: neighbours of one kind are one change.
struct CacheChangeLog {
    private let rank: Rank
    private var changes: [CacheChange] = []
    private var hashes: [SequenceHash] = []

    init(rank: Rank) { self.rank = rank }

    var isEmpty: Bool { changes.isEmpty }

    mutating func stored(_ hash: SequenceHash, after parent: SequenceHash?) {
        if let last = changes.last, case .stored = last.kind, let parent, hashes.last == parent { return extend(with: hash) }
        begin(.stored(parent: parent), with: hash)
    }

    mutating func removed(_ hash: SequenceHash) {
        if changes.last?.kind == .removed { return extend(with: hash) }
        begin(.removed, with: hash)
    }

    mutating func cleared() { changes.append(CacheChange(kind: .cleared, rank: rank)) }

    private mutating func begin(_ kind: CacheChange.Kind, with hash: SequenceHash) {
        changes.append(CacheChange(kind: kind, rank: rank, first: Int32(truncatingIfNeeded: hashes.count), count: 1))
        hashes.append(hash)
    }

    private mutating func extend(with hash: SequenceHash) {
        changes[changes.count - 1].count += 1
        hashes.append(hash)
    }

    /// Says everything, behind what other ranks said.
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
