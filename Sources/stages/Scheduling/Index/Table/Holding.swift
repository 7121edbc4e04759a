/// One placement's part in a block: its number and a mark, never 0, whose meaning the table's owner knows.
///
/// A number is twice the slot, plus the bank: see `PlaceNumber`.
struct Holding: BitwiseCopyable {
    var bits: UInt32

    static let none = Holding(bits: 0)

    @inline(__always) init(bits: UInt32) { self.bits = bits }
    @inline(__always) init(_ number: PlaceNumber, _ mark: UInt16) { bits = UInt32(number.rawValue) << 16 | UInt32(mark) }

    @inline(__always) var number: PlaceNumber { PlaceNumber(rawValue: UInt16(truncatingIfNeeded: bits >> 16)) }
    @inline(__always) var mark: UInt16 { UInt16(truncatingIfNeeded: bits) }
}

/// Under which number a placement's blocks are kept. Each slot has two, in two banks: when its cache is cleared it goes on under the other one, and
/// what stands under the first is swept away at leisure.
struct PlaceNumber: Hashable, BitwiseCopyable {
    let rawValue: UInt16

    @inline(__always) init(rawValue: UInt16) { self.rawValue = rawValue }
    @inline(__always) init(slot: Int, bank: Int) { rawValue = UInt16(truncatingIfNeeded: slot << 1 | bank) }

    @inline(__always) var index: Int { Int(rawValue) }
    @inline(__always) var slot: Int { Int(rawValue) >> 1 }
    @inline(__always) var bank: Int { Int(rawValue) & 1 }
    var sibling: PlaceNumber { PlaceNumber(rawValue: rawValue ^ 1) }
}

/// The slots whose blocks count, by the bank under which they count.
struct ValidSlots {
    let banks: (SlotWords, SlotWords)

    @inline(__always)
    func contains(_ number: PlaceNumber) -> Bool { (number.bank == 0 ? banks.0 : banks.1).contains(number.slot) }
}
