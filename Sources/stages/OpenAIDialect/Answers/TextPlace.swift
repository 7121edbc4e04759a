/// How many code points of a text have come, where the tokens that spell it may break inside one.
///
/// Counts as the WHATWG decoder reads: one for each maximal part of an ill-formed sequence.
struct TextPlace: Hashable, Sendable {
    /// Where the next code point begins, or the one that is not finished.
    private(set) var offset: Int
    /// Bytes that the code point under way still lacks, and the bounds of the next.
    private var missing = 0
    private var lower: UInt8 = 0x80
    private var upper: UInt8 = 0xBF

    init(offset: Int) { self.offset = offset }

    mutating func advance(over spelling: ArraySlice<UInt8>) {
        for byte in spelling {
            if missing > 0 {
                if lower <= byte && byte <= upper {
                    missing -= 1
                    (lower, upper) = (0x80, 0xBF)
                    if missing == 0 { offset += 1 }
                    continue
                }
                offset += 1  // what came of it is ill-formed, and this byte begins anew
            }
            begin(byte)
        }
    }

    private mutating func begin(_ byte: UInt8) {
        (missing, lower, upper) = (0, 0x80, 0xBF)
        switch byte {
        case 0xC2...0xDF: missing = 1
        case 0xE0: (missing, lower) = (2, 0xA0)
        case 0xED: (missing, upper) = (2, 0x9F)
        case 0xE1...0xEF: missing = 2
        case 0xF0: (missing, lower) = (3, 0x90)
        case 0xF4: (missing, upper) = (3, 0x8F)
        case 0xF1...0xF3: missing = 3
        default: offset += 1
        }
    }
}
