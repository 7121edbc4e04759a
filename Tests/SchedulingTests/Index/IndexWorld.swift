import Scheduling

/// Numbers that follow from a seed.
struct SeededNumbers: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1 }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}

/// Prompts that share beginnings, as hashes of their blocks; each hash has one parent.
struct PromptTree {
    private(set) var prompts: [[UInt64]] = []
    private(set) var parents: [UInt64: UInt64] = [:]

    init(prompts count: Int, blocks: ClosedRange<Int>, _ random: inout SeededNumbers) {
        for _ in 0..<count {
            var prompt: [UInt64] = []
            if let other = prompts.randomElement(using: &random), random.next() % 8 != 0 {
                prompt += other.prefix(Int.random(in: 1...other.count, using: &random))
            }
            for _ in 0..<Int.random(in: blocks, using: &random) {
                let hash = random.next() | 1
                if let parent = prompt.last { parents[hash] = parent }
                prompt.append(hash)
            }
            prompts.append(prompt)
        }
    }
}

extension BlockIndex {
    mutating func store(_ hashes: [UInt64], after parent: UInt64? = nil, on slot: PlacementSlot, tier: BlockTier = .device) {
        store(hashes.span, after: parent, on: slot, tier: tier)
    }

    mutating func remove(_ hashes: [UInt64], on slot: PlacementSlot, tier: BlockTier = .device) {
        remove(hashes.span, on: slot, tier: tier)
    }

    /// What it finds for one slot.
    mutating func match(_ hashes: [UInt64], _ slot: PlacementSlot) -> BlockMatch {
        var matches = BlockMatches()
        match(hashes.span, into: &matches)
        return matches[slot]
    }
}
