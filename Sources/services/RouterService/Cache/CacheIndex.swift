import ClusterModel
import EventLoop
import Scheduling
import WireProtocol

/// The block index of a running router: what lies in the workers' caches, as their events say, and what requests hold there.
///
/// It knows no worker, only slots; a slot belongs to one rank of one life of a worker, from its registration until that life is over.
@LoopActor
final class CacheIndex {
    /// Leases hold in it through their book.
    var index: BlockIndex
    /// Of workers that tell of no blocks.
    private var approximate = ApproximateBlocks()
    private let loop: Loop
    /// Of the next slice; none: nothing is left behind that is known of.
    private var sweeping: TimerHandle?
    /// When it was last looked what memory is not needed any more.
    private var looked: Instant
    /// What the last lookup found; filled again by the next.
    private(set) var matches = BlockMatches()
    /// Hashes that lay unaligned in a message.
    private var copied: [UInt64] = []

    /// Spreads hashes in tables, so that no peer can choose some that fall together.
    let secret: UInt64

    init(loop: Loop, limits: IndexLimits) {
        self.loop = loop
        looked = loop.now
        secret = loop.secureRandomUInt64()
        index = BlockIndex(limits: limits, secret: secret)
    }

    // MARK: Slots

    /// Nil: there are no more; the rank is routed by load alone.
    func open() -> PlacementSlot? { index.open() }

    /// Nothing of it is left for a decision. Its leases were dropped before.
    func retire(_ slot: PlacementSlot) {
        approximate.forget(slot)
        index.retire(slot)
        // Its number is free once nothing is left of it: soon, as a fleet that restarts needs as many anew.
        sweepSoon()
    }

    // MARK: Decisions

    /// What every placement has of a prompt.
    func match(_ hashes: [UInt64]) -> BlockMatches {
        matches.removeAll()
        if !hashes.isEmpty { index.match(hashes.span, into: &matches) }
        return matches
    }

    func forgetMatches() { matches.removeAll() }

    // MARK: What workers say

    /// How many of them were not on the device before.
    func store(_ hashes: borrowing HashList, after parent: UInt64?, on slot: PlacementSlot, _ tier: Tier) -> Int {
        let aligned = copy(hashes)
        return index.store(aligned.span, after: parent, on: slot, tier: BlockTier(tier))
    }

    func remove(_ hashes: borrowing HashList, on slot: PlacementSlot, _ tier: Tier) {
        let aligned = copy(hashes)
        index.remove(aligned.span, on: slot, tier: BlockTier(tier))
    }

    func store(_ hashes: [UInt64], after parent: UInt64?, on slot: PlacementSlot, _ tier: Tier) -> Int {
        index.store(hashes.span, after: parent, on: slot, tier: BlockTier(tier))
    }

    func remove(_ hashes: [UInt64], on slot: PlacementSlot, _ tier: Tier) {
        index.remove(hashes.span, on: slot, tier: BlockTier(tier))
    }

    /// A page of a snapshot: each hash with its own parent, in the order of hashes and not of chains.
    func store(_ blocks: HeldBlocks, on slot: PlacementSlot) {
        index.restore(blocks.hashes.span, parents: blocks.parents.span, on: slot, tier: BlockTier(blocks.tier))
    }

    /// False, and nothing done: it was cleared a moment ago, and would stop the router until that is swept. Such a slot is to be given up.
    func clear(_ slot: PlacementSlot) -> Bool {
        guard !index.isBeingSwept(slot) else { return false }
        approximate.forget(slot)
        index.clear(slot)
        return true
    }

    func cachedBlocks(on slot: PlacementSlot) -> UInt64 { UInt64(index.cachedBlocks(on: slot)) }

    /// What a worker without cache events has accepted, it will hold for a while: how many blocks more than before.
    func accepted(_ hashes: [UInt64], on slot: PlacementSlot) -> Int {
        guard !hashes.isEmpty else { return 0 }
        return approximate.accepted(hashes.span, on: slot, at: loop.now, in: &index)
    }

    // MARK: Now and then

    var counts: IndexCounts { index.counts }

    /// Takes away what retired slots left behind and what was accepted too long ago, and gives back what a peak took, in slices until nothing is
    /// left. Called now and then; sets timers of its own only while there is something to take away.
    func tidy() {
        if looked.duration(to: loop.now) >= CacheLimits.unneeded {
            index.look()
            looked = loop.now
        }
        if sweeping == nil, sweep() { sweepSoon() }
    }

    private func sweepSoon() {
        guard sweeping == nil else { return }
        sweeping = loop.schedule(after: CacheLimits.sweepPause) { [weak self] in
            self?.sweeping = nil
            self?.tidy()
        }
    }

    func close() {
        loop.cancel(sweeping)
        sweeping = nil
    }

    /// A slice. True: more is left.
    private func sweep() -> Bool {
        let hasExpired = approximate.expire(atMost: CacheLimits.sweptEntries, at: loop.now, in: &index)
        let isUnswept = index.sweep(atMost: CacheLimits.sweptEntries), isGivingBack = index.giveBack(atMost: CacheLimits.sweptEntries)
        return hasExpired || isUnswept || isGivingBack
    }

    /// The same memory each time: whoever gets it lets go of it before the next.
    private func copy(_ hashes: borrowing HashList) -> [UInt64] {
        copied.removeAll(keepingCapacity: true)
        for place in 0..<hashes.count { copied.append(hashes[place]) }
        return copied
    }
}

/// Bounds of the index's care, and their reasons.
enum CacheLimits {
    /// Of the table, in one go: well under a tenth of a millisecond, so that a decision never waits for it.
    static let sweptEntries = 16_384
    /// Between two slices: a table of a million blocks is clean within a fifth of a second, for some hundredths of a core.
    static let sweepPause = Duration.milliseconds(2)
    /// Memory that was not needed for so long goes back: long enough that waves of requests find what the last one took.
    static let unneeded = Duration.seconds(10)
}

extension BlockTier {
    init(_ tier: Tier) {
        switch tier {
        case .device: self = .device
        case .host: self = .host
        case .disk: self = .disk
        case .external: self = .external
        }
    }
}
