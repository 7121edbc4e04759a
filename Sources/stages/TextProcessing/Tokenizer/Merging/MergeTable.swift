import ClusterModel

/// Which two tokens become which one, and how early: an open-addressing hash table.
final class MergeTable {
    /// Of a pair that does not merge.
    static let never = UInt32.max

    private struct Slot: BitwiseCopyable {
        var pair: UInt64
        var rank: UInt32
        var token: TokenID
    }

    private static let free = UInt64.max

    private let slots: OwnedBuffer<Slot>
    private let mask: Int
    private let most: Int
    private(set) var count = 0

    init(merges: Int) {
        var size = 16
        while size < merges + merges / 2 { size *= 2 }
        most = merges
        mask = size - 1
        slots = OwnedBuffer(repeating: Slot(pair: MergeTable.free, rank: MergeTable.never, token: 0), count: size)
    }

    /// A pair that comes twice keeps what was said last.
    func set(_ left: TokenID, _ right: TokenID, rank: UInt32, token: TokenID) {
        let pair = UInt64(left) << 32 | UInt64(right)
        let slot = slots.base + place(pair)
        if slot.pointee.pair == MergeTable.free {
            precondition(count < most, "the table was made for all merges")
            count += 1
        }
        slot.pointee = Slot(pair: pair, rank: rank, token: token)
    }

    /// The rank is `never` if the pair does not merge.
    @inline(__always)
    func merge(_ left: TokenID, _ right: TokenID) -> (rank: UInt32, token: TokenID) {
        // A free slot says `never` itself. No token is so high that a pair could look like a free slot.
        let slot = slots.base + place(UInt64(left) &<< 32 | UInt64(right))
        return (slot.pointee.rank, slot.pointee.token)
    }

    /// Where the pair is or belongs. Ends, as a third of the slots is free.
    @inline(__always)
    private func place(_ pair: UInt64) -> Int {
        var hash = pair &* 0x9E37_79B9_7F4A_7C15
        hash ^= hash >> 29
        hash = hash &* 0xD6E8_FEB8_6659_FD93
        var place = Int(truncatingIfNeeded: hash >> 20) & mask
        while slots.base[place].pair != pair, slots.base[place].pair != MergeTable.free { place = (place &+ 1) & mask }
        return place
    }
}
