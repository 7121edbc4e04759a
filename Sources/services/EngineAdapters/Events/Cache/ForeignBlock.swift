import ClusterModel
import Engines

/// A block of an engine elsewhere, as we know it.
struct ForeignBlock: Hashable {
    let hash: SequenceHash
    /// Nil: it begins a prompt.
    let parent: SequenceHash?
    /// How the chain that it is part of is hashed: adapter and salt are said of its first block alone.
    let hasher: BlockHasher
    /// In each tier, by its number. An engine that computes one prompt twice at once keeps it twice, and says of each copy that it went.
    private var copies = SIMD4<UInt32>.zero

    init(hash: SequenceHash, parent: SequenceHash?, hasher: BlockHasher) {
        self.hash = hash
        self.parent = parent
        self.hasher = hasher
    }

    var isGone: Bool { copies == .zero }

    /// True for the first one of the tier.
    mutating func addCopy(in tier: EngineTier) -> Bool {
        let place = Int(tier.rawValue)
        guard copies[place] < .max else { return false }
        copies[place] += 1
        return copies[place] == 1
    }

    /// True for the last one of the tier; nil where there is none.
    mutating func dropCopy(from tier: EngineTier) -> Bool? {
        let place = Int(tier.rawValue)
        guard copies[place] > 0 else { return nil }
        copies[place] -= 1
        return copies[place] == 0
    }
}
