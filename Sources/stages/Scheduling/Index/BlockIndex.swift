/// Which blocks of KV cache lie where, as workers said, as leases hold them, and as leases let expect.
///
/// Exact for each placement and tier, as far as there is room: without room the index knows of less than there is, never of more. Its bytes stay
/// within `IndexLimits.bytes`: seven eighths for caches (see `CacheMirror` for what goes when they are full), an eighth for the blocks of leases, of
/// which nothing is dropped. Owned by one loop; no call allocates once the tables have their size.
package struct BlockIndex: ~Copyable {
    /// What is known of a slot.
    struct Slot {
        var isOpen = false
        var isRetired = false
        /// Under which of its two numbers its cache stands.
        var bank = 0
        /// Tables from which something of it is still to be swept.
        var sweeps = 0

        var isFree: Bool { !isOpen && !isRetired && sweeps == 0 }
    }

    let limits: IndexLimits
    var cache: CacheMirror
    var leases: LeaseBlocks
    var slots: [Slot] = []
    /// Open slots by the bank of their cache, and all of them.
    var first = SlotSet(), second = SlotSet(), live = SlotSet()
    let nobody: SlotSet
    var scratch = MatchScratch(words: 1)
    private var done: [PlaceNumber] = []

    /// `secret`: a random number that no peer knows, so that none can choose hashes that fall together.
    package init(limits: IndexLimits = IndexLimits(), secret: UInt64 = 0x5851_F42D_4C95_7F2D) {
        self.limits = limits
        cache = CacheMirror(byteLimit: limits.bytes / 16 * 14, secret: secret)
        leases = LeaseBlocks(byteLimit: limits.bytes / 8, secret: secret)
        nobody = SlotSet(wordCount: SlotSet.words(for: min(limits.slots, IndexLimits.mostSlots)))
    }

    // MARK: Slots

    /// A number for one placement; nil: all are taken.
    package mutating func open() -> PlacementSlot? {
        var index = slots.firstIndex { $0.isFree }
        if index == nil, slots.count < min(limits.slots, IndexLimits.mostSlots) {
            index = slots.count
            slots.append(Slot())
            grow(slots: slots.count)
        }
        guard let index else { return nil }
        slots[index] = Slot(isOpen: true)
        first[index] = true
        live[index] = true
        return PlacementSlot(UInt16(index))
    }

    /// Ends the use of a slot: nothing of it matches from now on. It is given anew once `sweep` has taken its entries away.
    package mutating func retire(_ slot: PlacementSlot) {
        guard isOpen(slot) else { return }
        let index = slot.index
        cache.end(number(of: slot))
        leases.end(index)
        slots[index].isOpen = false
        slots[index].isRetired = true
        slots[index].sweeps += 2
        first[index] = false
        second[index] = false
        live[index] = false
    }

    /// Takes entries away that do not count any more, of retired slots and cleared caches, looking at no more than so many. True: more is left.
    package mutating func sweep(atMost entries: Int) -> Bool {
        var left = max(entries, 1)
        left -= cache.sweep(atMost: left, &done)
        if left > 0 { _ = leases.sweep(atMost: left, &done) }
        for number in done {
            slots[number.slot].sweeps -= 1
            if slots[number.slot].sweeps == 0 { slots[number.slot].isRetired = false }
        }
        done.removeAll(keepingCapacity: true)
        return !(cache.lap.isIdle && leases.lap.isIdle)
    }

    /// Memory that a peak has taken, and that nothing has used since this was called last, is given back by the next calls of `giveBack`.
    package mutating func look() {
        cache.table.look()
        leases.table.look()
    }

    /// In slices of about so many steps. True: more is left.
    package mutating func giveBack(atMost steps: Int) -> Bool {
        let isMoreOfCaches = cache.table.giveBack(atMost: steps), isMoreOfLeases = leases.table.giveBack(atMost: steps)
        return isMoreOfCaches || isMoreOfLeases
    }

    private mutating func grow(slots count: Int) {
        var words = scratch.words
        // In steps of a quarter, as a fleet comes up one by one.
        if count > words << 6 { words = min(max(SlotSet.words(for: count), words + words / 4), nobody.wordCount) }
        cache.grow(slots: count, words: words)
        leases.grow(slots: count)
        guard words > scratch.words else { return }
        first.grow(toWords: words)
        second.grow(toWords: words)
        live.grow(toWords: words)
        scratch = MatchScratch(words: words)
    }

    func isOpen(_ slot: PlacementSlot) -> Bool { slot.index < slots.count && slots[slot.index].isOpen }
    func number(of slot: PlacementSlot) -> PlaceNumber { PlaceNumber(slot: slot.index, bank: slots[slot.index].bank) }

    // MARK: What events say

    /// A run of blocks, each the parent of the next, is in that tier of that placement. Said twice it changes nothing. Answers how many of them came
    /// to the device.
    @discardableResult
    package mutating func store(_ hashes: Span<UInt64>, after parent: UInt64?, on slot: PlacementSlot, tier: BlockTier) -> Int {
        guard isOpen(slot) else { return 0 }
        let number = number(of: slot), before = cache.places[number.index].arrived
        cache.store(hashes, after: parent, on: number, tier: tier)
        return cache.places[number.index].arrived - before
    }

    /// Blocks of a snapshot, in any order, each with its parent; 0: the first of a prompt. A parent may come later.
    package mutating func restore(_ hashes: Span<UInt64>, parents: Span<UInt64>, on slot: PlacementSlot, tier: BlockTier) {
        guard isOpen(slot) else { return }
        for index in 0..<min(hashes.count, parents.count) {
            cache.restore(hashes[index], parent: parents[index], on: number(of: slot), tier: tier)
        }
    }

    package mutating func remove(_ hashes: Span<UInt64>, on slot: PlacementSlot, tier: BlockTier) {
        guard isOpen(slot) else { return }
        cache.remove(hashes, on: number(of: slot), tier: tier)
    }

    /// What the last `clear` of it left is not swept yet: another one would first sweep all of it, however much that is.
    package func isBeingSwept(_ slot: PlacementSlot) -> Bool {
        isOpen(slot) && cache.places[number(of: slot).index].isUsed && cache.places[number(of: slot).sibling.index].isStale
    }

    /// The placement has lost its cache in all tiers, and may store anew at once. What requests hold there stays.
    package mutating func clear(_ slot: PlacementSlot) {
        guard isOpen(slot) else { return }
        let old = number(of: slot)
        guard cache.places[old.index].isUsed else { return }
        // Cleared again before the sweep of the last time has ended: that one is ended first.
        while cache.places[old.sibling.index].isStale { _ = sweep(atMost: .max) }
        cache.end(old)
        slots[slot.index].sweeps += 1
        slots[slot.index].bank = old.sibling.bank
        first[slot.index] = old.sibling.bank == 0
        second[slot.index] = old.sibling.bank == 1
    }

    // MARK: What leases say

    /// A lease of these blocks, the prompt's from the first on, was booked there. How many were counted: without room fewer, and then only
    /// those, the first ones, are to be settled and released.
    @discardableResult
    package mutating func hold(_ hashes: Span<UInt64>, on slot: PlacementSlot) -> Int {
        isOpen(slot) ? leases.hold(hashes, on: slot.index) : 0
    }

    /// The lease's prefill is done: events have said what of it is stored.
    package mutating func settle(_ hashes: Span<UInt64>, on slot: PlacementSlot) {
        if isOpen(slot) { leases.settle(hashes, on: slot.index) }
    }

    /// The lease has ended; `isPredicted` unless it was settled.
    package mutating func release(_ hashes: Span<UInt64>, on slot: PlacementSlot, isPredicted: Bool) {
        if isOpen(slot) { leases.release(hashes, on: slot.index, isPredicted: isPredicted) }
    }

    // MARK: Questions

    /// Blocks that live leases hold there, each once.
    package func activeBlocks(on slot: PlacementSlot) -> Int { isOpen(slot) ? leases.blocks[slot.index] : 0 }

    /// How many of a lease's last blocks no other lease holds there.
    package func exclusiveBlocks(_ hashes: Span<UInt64>, on slot: PlacementSlot) -> Int {
        guard isOpen(slot) else { return 0 }
        var count = 0
        while count < hashes.count, leases.count(hashes[hashes.count - 1 - count], on: slot.index) == 1 { count += 1 }
        return count
    }

    /// Blocks on the device there, as events said.
    package func cachedBlocks(on slot: PlacementSlot) -> Int { isOpen(slot) ? cache.places[number(of: slot).index].onDevice : 0 }

    package var counts: IndexCounts {
        var counts = IndexCounts()
        counts.bytes = cache.table.bytes + leases.table.bytes + scratch.bytes
        counts.blocks = cache.table.count
        counts.copies = cache.copies
        counts.activeBlocks = leases.liveCopies
        counts.predictedBlocks = leases.predictedCopies
        counts.slots = slots.count { $0.isOpen }
        counts.retiredSlots = slots.count { $0.isRetired }
        counts.openMarks = cache.openMarks
        counts.evicted = cache.evicted
        counts.refused = cache.refused
        counts.parentsNotFound = cache.parentsNotFound
        counts.parentsDisputed = cache.parentsDisputed
        counts.selfParents = cache.selfParents
        counts.blocksNotFound = cache.blocksNotFound
        return counts
    }
}
