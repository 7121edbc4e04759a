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

    /// `room`: how many times as large it is as it must be.
    init(merges: Int, room: Int = 1) {
        var size = 16
        while size < merges + merges / 2 { size *= 2 }
        size *= room
        most = merges
        mask = size - 1
        slots = OwnedBuffer(repeating: Slot(pair: MergeTable.free, rank: MergeTable.never, token: 0), count: size)
    }

    /// A pair that comes twice keeps what was said last. False, with nothing changed, if too many pairs crowd its place.
    func set(_ left: TokenID, _ right: TokenID, rank: UInt32, token: TokenID) -> Bool {
        let pair = UInt64(left) << 32 | UInt64(right)
        guard let slot = slot(pair) else { return false }
        if slot.pointee.pair == MergeTable.free {
            precondition(count < most, "the table was made for all merges")
            count += 1
        }
        slot.pointee = Slot(pair: pair, rank: rank, token: token)
        return true
    }

    /// The rank is `never` if the pair does not merge.
    @inline(__always)
    func merge(_ left: TokenID, _ right: TokenID) -> (rank: UInt32, token: TokenID) {
        // A free slot says `never` itself. No token is so high that a pair could look like a free slot.
        guard let slot = slot(UInt64(left) &<< 32 | UInt64(right)) else { return (MergeTable.never, 0) }
        return (slot.pointee.rank, slot.pointee.token)
    }

    /// Where the pair is or belongs; nil if that is too far from where it should be.
    @inline(__always)
    private func slot(_ pair: UInt64) -> UnsafeMutablePointer<Slot>? {
        var hash = pair &* 0x9E37_79B9_7F4A_7C15
        hash ^= hash >> 29
        hash = hash &* 0xD6E8_FEB8_6659_FD93
        let first = Int(truncatingIfNeeded: hash >> 20) & mask
        var step = 0
        while step < TextLimits.modelSteps {
            let slot = slots.base + ((first &+ step) & mask)
            if slot.pointee.pair == pair || slot.pointee.pair == MergeTable.free { return slot }
            step = step &+ 1
        }
        return nil
    }
}
