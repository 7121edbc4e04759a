/// How much of one prompt's blocks a placement has, counted from the first block on.
package struct BlockMatch: Hashable, Sendable {
    /// On the device, as its worker said.
    package var confirmed: UInt32 = 0
    /// On the device, or predicted to be there: at least `confirmed`.
    package var device: UInt32 = 0
    /// The blocks that follow `device`, in the host's memory.
    package var host: UInt32 = 0
    /// The blocks that follow those.
    package var disk: UInt32 = 0
    /// The blocks that follow those.
    package var external: UInt32 = 0
    /// Held by requests that are booked or run there: this request would share them.
    package var active: UInt32 = 0

    package init() {}

    /// All of it that need not be computed, whatever tier it has to come from.
    package var cached: UInt32 { device + host + disk + external }
}

/// What one lookup found, by placement. Made once and filled again for each decision.
package struct BlockMatches: Sendable {
    private var found: [BlockMatch] = []
    private var touched: [PlacementSlot] = []
    /// Of the prompt: the longest `device` of all placements, by which an ideal choice is judged.
    package private(set) var longest: UInt32 = 0

    package init() {}

    /// Empty where nothing was found.
    @inline(__always)
    package subscript(slot: PlacementSlot) -> BlockMatch { slot.index < found.count ? found[slot.index] : BlockMatch() }

    /// Placements of which something was found, each once, in no order.
    package var slots: [PlacementSlot] { touched }

    package mutating func removeAll() {
        for slot in touched { found[slot.index] = BlockMatch() }
        touched.removeAll(keepingCapacity: true)
        longest = 0
    }

    package mutating func set(_ match: BlockMatch, of slot: PlacementSlot) {
        if slot.index >= found.count { found.append(contentsOf: repeatElement(BlockMatch(), count: slot.index + 1 - found.count)) }
        if found[slot.index] == BlockMatch() { touched.append(slot) }
        found[slot.index] = match
        longest = max(longest, match.device)
    }
}
