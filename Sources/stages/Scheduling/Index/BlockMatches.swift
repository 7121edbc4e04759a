/// How much of one prompt's blocks a placement has, counted from the first block on.
package struct BlockMatch: Hashable, Sendable {
    /// On the device, as its worker said.
    package var confirmed: UInt32 = 0
    /// On the device, or predicted to be there: at least `confirmed`.
    package var device: UInt32 = 0
    /// The blocks that follow `device`, in the host's memory; nearer ones between them count, too: they need not be computed either.
    package var host: UInt32 = 0
    /// The blocks that follow those, likewise.
    package var disk: UInt32 = 0
    /// The blocks that follow those, likewise.
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
        found.withUnsafeMutableBufferPointer { rows in
            for slot in touched { rows[slot.index] = BlockMatch() }
        }
        touched.removeAll(keepingCapacity: true)
        longest = 0
    }

    /// Fills an empty one: `body` writes the rows of slots below `slots`, notes each slot once, and returns the longest `device`.
    @inline(__always)
    mutating func fill(slots: Int, _ body: (UnsafeMutableBufferPointer<BlockMatch>, inout [PlacementSlot]) -> UInt32) {
        if slots > found.count { makeRoom(for: PlacementSlot(UInt16(slots - 1))) }
        longest = found.withUnsafeMutableBufferPointer { body($0, &touched) }
    }

    @inline(never)
    private mutating func makeRoom(for slot: PlacementSlot) {
        found.append(contentsOf: repeatElement(BlockMatch(), count: slot.index + 1 - found.count))
    }

    package mutating func set(_ match: BlockMatch, of slot: PlacementSlot) {
        if slot.index >= found.count { makeRoom(for: slot) }
        if found[slot.index] == BlockMatch() { touched.append(slot) }
        found[slot.index] = match
        longest = max(longest, match.device)
    }
}
