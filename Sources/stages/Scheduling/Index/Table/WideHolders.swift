/// The holders of a block that very many placements have: a mark for each slot, and the marks that a lookup asks for as bits.
struct WideHolders {
    /// The slots of one bank.
    private struct Part {
        var words = 0
        var bits: SlotWords?
        var marks: UnsafeMutablePointer<UInt16>?

        /// The mark that was there.
        mutating func set(_ slot: Int, _ mark: UInt16, _ primary: UInt16, _ room: Int) -> UInt16 {
            if slot >> 6 >= words, mark != 0 { grow(toWords: max(room, slot >> 6 + 1)) }
            guard slot >> 6 < words, let bits, let marks else { return 0 }
            let old = marks[slot]
            marks[slot] = mark
            let bit: UInt64 = 1 << UInt64(slot & 63)
            if mark & primary != 0 { bits[slot >> 6] |= bit } else { bits[slot >> 6] &= ~bit }
            return old
        }

        private mutating func grow(toWords count: Int) {
            let wider = SlotWords.allocate(capacity: count)
            wider.initialize(repeating: 0, count: count)
            let more = UnsafeMutablePointer<UInt16>.allocate(capacity: count << 6)
            more.initialize(repeating: 0, count: count << 6)
            if let bits { wider.update(from: bits, count: words) }
            if let marks { more.update(from: marks, count: words << 6) }
            bits?.deallocate()
            marks?.deallocate()
            self = Part(words: count, bits: wider, marks: more)
        }
    }

    /// With any mark.
    private(set) var count = 0
    /// With a mark that lookups ask for.
    private(set) var primaries = 0
    private var parts = (Part(), Part())

    /// Bits and marks of 64 slots.
    static let bytesAWord = 8 + 64 * 2

    var bytes: Int { (parts.0.words + parts.1.words) * Self.bytesAWord }
    /// Slots for which there is room.
    var words: Int { max(parts.0.words, parts.1.words) }

    /// What a mark under that number would take beyond what is there.
    func growth(for number: PlaceNumber, words: Int) -> Int {
        let part = number.bank == 0 ? parts.0 : parts.1
        return number.slot >> 6 < part.words ? 0 : (max(words, number.slot >> 6 + 1) - part.words) * Self.bytesAWord
    }

    @inline(__always)
    func bits(bank: Int) -> (words: Int, bits: SlotWords)? {
        let part = bank == 0 ? parts.0 : parts.1
        guard let bits = part.bits else { return nil }
        return (part.words, bits)
    }

    @inline(__always)
    func mark(_ number: PlaceNumber) -> UInt16 {
        let part = number.bank == 0 ? parts.0 : parts.1
        guard let marks = part.marks, number.slot >> 6 < part.words else { return 0 }
        return marks[number.slot]
    }

    /// Room for `words` words is made where the number has none yet.
    mutating func set(_ number: PlaceNumber, _ mark: UInt16, primary: UInt16, words: Int) {
        let old = number.bank == 0 ? parts.0.set(number.slot, mark, primary, words) : parts.1.set(number.slot, mark, primary, words)
        if mark != 0, old != 0, mark & primary != 0, old & primary != 0 { return }
        count += (mark != 0 ? 1 : 0) - (old != 0 ? 1 : 0)
        primaries += (mark & primary != 0 ? 1 : 0) - (old & primary != 0 ? 1 : 0)
    }

    /// All of them, in the order of their slots by bank.
    func forEach(_ body: (Holding) -> Void) {
        for bank in 0...1 {
            let part = bank == 0 ? parts.0 : parts.1
            guard let marks = part.marks else { continue }
            for slot in 0..<part.words << 6 where marks[slot] != 0 { body(Holding(PlaceNumber(slot: slot, bank: bank), marks[slot])) }
        }
    }

    /// Its memory is given back; it must not be used again.
    func deallocate() {
        for part in [parts.0, parts.1] {
            part.bits?.deallocate()
            part.marks?.deallocate()
        }
    }
}
