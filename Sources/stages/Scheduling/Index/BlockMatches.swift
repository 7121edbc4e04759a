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
    /// By slot, in whole words of slots.
    private var found: [BlockMatch] = []
    /// Slots of which something was found, as bits.
    private var touched: [UInt64] = []
    /// Of the prompt: the longest `device` of all placements, by which an ideal choice is judged.
    package private(set) var longest: UInt32 = 0

    package init() {}

    /// Empty where nothing was found.
    @inline(__always)
    package subscript(slot: PlacementSlot) -> BlockMatch { slot.index < found.count ? found[slot.index] : BlockMatch() }

    /// Placements of which something was found, in the order of their slots.
    package var slots: [PlacementSlot] {
        touched.indices.flatMap { word in
            (0..<64).filter { touched[word] >> UInt64($0) & 1 != 0 }.map { PlacementSlot(UInt16(word << 6 + $0)) }
        }
    }

    package mutating func removeAll() {
        found.withUnsafeMutableBufferPointer { rows in
            for word in touched.indices where touched[word] != 0 {
                rows.extracting(word << 6..<(word + 1) << 6).update(repeating: BlockMatch())
                touched[word] = 0
            }
        }
        longest = 0
    }

    /// Fills an empty one: `body` writes rows of slots and their bits, of so many words, and returns the longest `device`.
    @inline(__always)
    mutating func fill(words: Int, _ body: (UnsafeMutableBufferPointer<BlockMatch>, UnsafeMutableBufferPointer<UInt64>) -> UInt32) {
        if words > touched.count { makeRoom(words: words) }
        longest = found.withUnsafeMutableBufferPointer { rows in touched.withUnsafeMutableBufferPointer { body(rows, $0) } }
    }

    @inline(never)
    private mutating func makeRoom(words: Int) {
        touched.append(contentsOf: repeatElement(0, count: words - touched.count))
        found.append(contentsOf: repeatElement(BlockMatch(), count: words << 6 - found.count))
    }

    package mutating func set(_ match: BlockMatch, of slot: PlacementSlot) {
        let word = slot.index >> 6
        if word >= touched.count { makeRoom(words: word + 1) }
        touched[word] |= 1 << UInt64(slot.index & 63)
        found[slot.index] = match
        longest = max(longest, match.device)
    }
}
