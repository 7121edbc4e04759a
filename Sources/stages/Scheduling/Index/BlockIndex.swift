/// Which blocks of KV cache lie where, as workers said, as leases hold them, and as leases let expect.
///
/// Exact for each placement and tier. Owned by one loop.
package struct BlockIndex: ~Copyable {
    private struct Uses {
        var active = 0
        var predicted = 0
    }

    private struct Place {
        var isOpen = false
        var isRetired = false
        /// Tiers as bits.
        var cached: [UInt64: UInt8] = [:]
        var used: [UInt64: Uses] = [:]
    }

    private let limits: IndexLimits
    private var places: [Place] = []
    private var tallies = IndexCounts()

    package init(limits: IndexLimits = IndexLimits()) { self.limits = limits }

    package var counts: IndexCounts {
        var counts = tallies
        for place in places where place.isOpen {
            counts.slots += 1
            counts.copies += place.cached.count
            counts.activeBlocks += place.used.values.count { $0.active > 0 }
            counts.predictedBlocks += place.used.values.count { $0.predicted > 0 }
        }
        counts.retiredSlots = places.count { $0.isRetired }
        counts.blocks = counts.copies
        return counts
    }

    // MARK: Slots

    /// A number for one placement; nil: all are taken.
    package mutating func open() -> PlacementSlot? {
        var index = places.firstIndex { !$0.isOpen && !$0.isRetired }
        if index == nil, places.count < limits.slots {
            index = places.count
            places.append(Place())
        }
        guard let index else { return nil }
        places[index].isOpen = true
        return PlacementSlot(UInt16(index))
    }

    /// Ends the use of a slot: nothing of it matches from now on. It is given anew once `sweep` has taken its entries away.
    package mutating func retire(_ slot: PlacementSlot) {
        guard isOpen(slot) else { return }
        places[slot.index].isOpen = false
        places[slot.index].isRetired = true
    }

    /// Takes entries of retired slots away, looking at no more than so many blocks. True: more is left to do.
    package mutating func sweep(atMost entries: Int) -> Bool {
        for index in places.indices where places[index].isRetired { places[index] = Place() }
        return false
    }

    // MARK: What events say

    /// A run of blocks, each the parent of the next, is in that tier of that placement. Said twice it changes nothing.
    package mutating func store(_ hashes: Span<UInt64>, after parent: UInt64?, on slot: PlacementSlot, tier: BlockTier) {
        guard isOpen(slot) else { return }
        if let parent, hashes.count > 0, places[slot.index].cached[parent] == nil { tallies.parentsNotFound += 1 }
        var before = parent
        for index in hashes.indices {
            let hash = hashes[index]
            guard hash != before else {
                tallies.selfParents += 1
                return
            }
            places[slot.index].cached[hash, default: 0] |= 1 << tier.rawValue
            before = hash
        }
    }

    /// Blocks of a snapshot, in any order, each with its parent; 0: the first of a prompt. A parent may come later.
    package mutating func restore(_ hashes: Span<UInt64>, parents: Span<UInt64>, on slot: PlacementSlot, tier: BlockTier) {
        guard isOpen(slot) else { return }
        for index in 0..<min(hashes.count, parents.count) {
            guard hashes[index] != parents[index] else {
                tallies.selfParents += 1
                continue
            }
            places[slot.index].cached[hashes[index], default: 0] |= 1 << tier.rawValue
        }
    }

    package mutating func remove(_ hashes: Span<UInt64>, on slot: PlacementSlot, tier: BlockTier) {
        guard isOpen(slot) else { return }
        for index in hashes.indices {
            guard let tiers = places[slot.index].cached[hashes[index]], tiers & 1 << tier.rawValue != 0 else {
                tallies.blocksNotFound += 1
                continue
            }
            let left = tiers & ~(1 << tier.rawValue)
            places[slot.index].cached[hashes[index]] = left == 0 ? nil : left
        }
    }

    /// The placement has lost its cache in all tiers, and may store anew at once. What requests hold there stays.
    package mutating func clear(_ slot: PlacementSlot) {
        guard isOpen(slot) else { return }
        places[slot.index].cached.removeAll()
    }

    // MARK: What leases say

    /// A lease of these blocks, the prompt's from the first on, was booked there.
    package mutating func hold(_ hashes: Span<UInt64>, on slot: PlacementSlot) {
        guard isOpen(slot) else { return }
        for index in hashes.indices {
            places[slot.index].used[hashes[index], default: Uses()].active += 1
            places[slot.index].used[hashes[index], default: Uses()].predicted += 1
        }
    }

    /// The lease's prefill is done: events have said what of it is stored.
    package mutating func settle(_ hashes: Span<UInt64>, on slot: PlacementSlot) {
        guard isOpen(slot) else { return }
        for index in hashes.indices { drop(hashes[index], on: slot, \.predicted) }
    }

    /// The lease has ended; `isPredicted` unless it was settled.
    package mutating func release(_ hashes: Span<UInt64>, on slot: PlacementSlot, isPredicted: Bool) {
        guard isOpen(slot) else { return }
        for index in hashes.indices {
            if isPredicted { drop(hashes[index], on: slot, \.predicted) }
            drop(hashes[index], on: slot, \.active)
        }
    }

    private mutating func drop(_ hash: UInt64, on slot: PlacementSlot, _ count: WritableKeyPath<Uses, Int>) {
        guard var uses = places[slot.index].used[hash] else { return }
        uses[keyPath: count] = max(uses[keyPath: count] - 1, 0)
        places[slot.index].used[hash] = uses.active == 0 && uses.predicted == 0 ? nil : uses
    }

    // MARK: Questions

    /// How much of a prompt each placement has. `matches` is emptied first.
    package mutating func match(_ hashes: Span<UInt64>, into matches: inout BlockMatches) {
        matches.removeAll()
        for index in places.indices where places[index].isOpen {
            let place = places[index]
            func run(from start: Int, _ has: (UInt64) -> Bool) -> Int {
                var end = start
                while end < hashes.count, has(hashes[end]) { end += 1 }
                return end
            }
            func tiers(_ hash: UInt64) -> UInt8 { place.cached[hash] ?? 0 }
            let confirmed = run(from: 0) { tiers($0) & 1 != 0 }
            func isPredicted(_ hash: UInt64) -> Bool { (place.used[hash]?.predicted ?? 0) > 0 }
            let device = run(from: 0) { tiers($0) & 1 != 0 || isPredicted($0) }
            let host = run(from: device) { tiers($0) & 3 != 0 || isPredicted($0) }
            let disk = run(from: host) { tiers($0) & 7 != 0 || isPredicted($0) }
            let external = run(from: disk) { tiers($0) & 15 != 0 || isPredicted($0) }
            var match = BlockMatch()
            match.confirmed = UInt32(confirmed)
            match.device = UInt32(device)
            match.host = UInt32(host - device)
            match.disk = UInt32(disk - host)
            match.external = UInt32(external - disk)
            match.active = UInt32(run(from: 0) { (place.used[$0]?.active ?? 0) > 0 })
            if match != BlockMatch() { matches.set(match, of: PlacementSlot(UInt16(index))) }
        }
    }

    /// Blocks that live leases hold there, each once.
    package func activeBlocks(on slot: PlacementSlot) -> Int {
        isOpen(slot) ? places[slot.index].used.values.count { $0.active > 0 } : 0
    }

    /// How many of a lease's last blocks no other lease holds there.
    package func exclusiveBlocks(_ hashes: Span<UInt64>, on slot: PlacementSlot) -> Int {
        guard isOpen(slot) else { return 0 }
        var count = 0
        while count < hashes.count, places[slot.index].used[hashes[hashes.count - 1 - count]]?.active == 1 { count += 1 }
        return count
    }

    /// Blocks on the device there, as events said.
    package func cachedBlocks(on slot: PlacementSlot) -> Int {
        isOpen(slot) ? places[slot.index].cached.values.count { $0 & 1 != 0 } : 0
    }

    private func isOpen(_ slot: PlacementSlot) -> Bool { slot.index < places.count && places[slot.index].isOpen }
}
