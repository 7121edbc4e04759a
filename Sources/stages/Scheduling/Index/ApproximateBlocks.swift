package import ClusterModel

/// What placements without cache events are believed to hold: the prompts of requests that they accepted, for a while.
///
/// Its owner records a prompt once the worker has accepted the request, never before: what was refused or lost computes nothing. Blocks used again
/// stay longer. All of them together are bounded; over the bound the oldest go, down to a part of it, so that this is not done for each prompt.
package struct ApproximateBlocks: Sendable {
    private struct Key: Hashable {
        let slot: PlacementSlot
        let hash: UInt64
    }

    private struct Use {
        let key: Key
        let until: Instant
    }

    package let limits: ApproximateLimits
    /// When each block is forgotten.
    private var ends: [Key: Instant] = [:]
    /// How many each placement has.
    private var held: [PlacementSlot: Int] = [:]
    /// In the order of their ends; those that were used again since, or are gone, are passed over.
    private var uses = Fifo<Use>()
    private(set) package var expired: UInt64 = 0
    private(set) package var pruned: UInt64 = 0

    package init(limits: ApproximateLimits = ApproximateLimits()) { self.limits = limits }

    package var count: Int { ends.count }
    /// Uses that are remembered, with those that are passed over.
    var useCount: Int { uses.count }

    /// The worker accepted a request with this prompt: how many of its blocks it was not believed to have before.
    @discardableResult
    package mutating func accepted(_ hashes: Span<UInt64>, on slot: PlacementSlot, at now: Instant, in index: inout BlockIndex) -> Int {
        // Longer than all that may be kept: its beginning.
        let kept = hashes.extracting(first: limits.blocks)
        let added = index.store(kept, after: nil, on: slot, tier: .device)
        let until = now + limits.timeToLive
        // The end of the prompt first, so that it is forgotten first.
        for position in kept.indices.reversed() {
            let key = Key(slot: slot, hash: kept[position])
            let before = ends.updateValue(until, forKey: key)
            guard before != until else { continue }
            if before == nil { held[slot, default: 0] += 1 }
            uses.append(Use(key: key, until: until))
        }
        if ends.count > limits.blocks { prune(in: &index) }
        tidy()
        return added
    }

    /// Forgets what is over, at most so many. True: more is left to do.
    package mutating func expire(atMost count: Int, at now: Instant, in index: inout BlockIndex) -> Bool {
        var left = count
        while let oldest = uses.first, oldest.until <= now {
            guard left > 0 else { return true }
            left -= 1
            uses.removeFirst()
            if forget(oldest, in: &index) { expired += 1 }
        }
        return false
    }

    /// The placement has gone, or lost its cache. The index is told by whoever says so here.
    package mutating func forget(_ slot: PlacementSlot) {
        guard held.removeValue(forKey: slot) != nil else { return }
        uses.removeAll { $0.key.slot == slot }
        ends = ends.filter { $0.key.slot != slot }
    }

    private mutating func prune(in index: inout BlockIndex) {
        let goal = Int(Double(limits.blocks) * limits.keptShare)
        while ends.count > goal, let oldest = uses.first {
            uses.removeFirst()
            if forget(oldest, in: &index) { pruned += 1 }
        }
    }

    /// False: it was used again, or is gone already.
    private mutating func forget(_ use: Use, in index: inout BlockIndex) -> Bool {
        guard ends[use.key] == use.until else { return false }
        ends[use.key] = nil
        if let count = held[use.key.slot] { held[use.key.slot] = count > 1 ? count - 1 : nil }
        let one: [1 of UInt64] = [use.key.hash]
        index.remove(one.span, on: use.key.slot, tier: .device)
        return true
    }

    /// Uses that are passed over are not let grow beyond the blocks themselves.
    private mutating func tidy() {
        guard uses.count > 2 * max(ends.count, 1024) else { return }
        let ends = ends
        uses.removeAll { ends[$0.key] != $0.until }
    }
}

/// What approximate mode may believe, and how long.
package struct ApproximateLimits: Hashable, Sendable {
    /// After the last use: about as long as a busy worker keeps a block.
    package var timeToLive = Duration.seconds(120)
    /// Of all placements together.
    package var blocks = 1 << 20
    /// Of `blocks`, what is left once there were more.
    package var keptShare = 0.8

    package init() {}
}
