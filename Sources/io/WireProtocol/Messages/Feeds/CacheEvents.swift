/// Table: `proto-spec/04-messages.md#tier`.
package enum Tier: UInt8, WireEnum {
    case device = 0
    /// Pinned memory of the host.
    case host
    case disk
    /// A store that several workers share.
    case external
}

/// The hashes form one chain: each is the parent of the next. Layout: `proto-spec/04-messages.md#blocksstored`.
package struct BlocksStored: WireRecord, Hashable {
    package var rank: UInt32 = 0
    package var tier = Tier.device
    /// None: the first block of a prompt.
    package var parent: UInt64?
    /// Sequence hashes.
    package var hashes: [UInt64] = []

    package init() {}
    package init(rank: UInt32, tier: Tier, parent: UInt64?, hashes: [UInt64]) {
        self.rank = rank
        self.tier = tier
        self.parent = parent
        self.hashes = hashes
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u32("rank", &rank)
        try coder.choice("tier", &tier)
        try coder.optionalU64("parent", &parent)
        try coder.u64s("hashes", &hashes, atMost: Limits.hashesPerEvent)
    }
}

/// Layout: `proto-spec/04-messages.md#blocksremoved`.
package struct BlocksRemoved: WireRecord, Hashable {
    package var rank: UInt32 = 0
    package var tier = Tier.device
    /// In any order.
    package var hashes: [UInt64] = []

    package init() {}
    package init(rank: UInt32, tier: Tier, hashes: [UInt64]) {
        self.rank = rank
        self.tier = tier
        self.hashes = hashes
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u32("rank", &rank)
        try coder.choice("tier", &tier)
        try coder.u64s("hashes", &hashes, atMost: Limits.hashesPerEvent)
    }
}

/// Layout: `proto-spec/04-messages.md#rankcleared`.
package struct RankCleared: WireRecord, Hashable {
    /// Every tier of this rank is empty; other ranks keep theirs.
    package var rank: UInt32 = 0

    package init() {}
    package init(rank: UInt32) {
        self.rank = rank
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u32("rank", &rank)
    }
}
