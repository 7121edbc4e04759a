/// Places in bytes that are found eight bytes at a time: most of what a client sends are names and values, and all of it is looked at.
enum ByteScan {
    private static let ones: UInt64 = 0x0101_0101_0101_0101
    private static let highs = ones << 7
    private static let lows = ~(ones << 7)

    /// Behind the letters and hyphens from `start` on, which most names of fields consist of.
    @inline(__always)
    static func endOfLetters(in bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        var index = start
        while index &+ 8 <= bytes.count {
            let others = otherThanLetters(word(bytes, index))
            guard others == 0 else { return index &+ others.trailingZeroBitCount >> 3 }
            index &+= 8
        }
        while index < bytes.count, isLetter(bytes[index]) { index &+= 1 }
        return index
    }

    /// Behind the bytes from `start` on that are neither control bytes nor DEL; a tab ends them as well.
    @inline(__always)
    static func endOfPlain(in bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        var index = start
        while index &+ 8 <= bytes.count {
            let controls = controls(word(bytes, index))
            guard controls == 0 else { return index &+ controls.trailingZeroBitCount >> 3 }
            index &+= 8
        }
        while index < bytes.count, bytes[index] >= 0x20, bytes[index] != 0x7F { index &+= 1 }
        return index
    }

    /// Whether two texts are the same but for the case of ASCII letters. Both have `count` bytes, eight at least.
    @inline(__always)
    static func isSame(_ left: UnsafeRawPointer, _ right: UnsafeRawPointer, count: Int) -> Bool {
        var index = 0
        while index &+ 8 <= count {
            guard isSame(word(left + index), word(right + index)) else { return false }
            index &+= 8
        }
        // The last eight, some of which were looked at before.
        return index == count || isSame(word(left + count - 8), word(right + count - 8))
    }

    // MARK: Words

    /// The high bit of the first byte that is no letter and no hyphen, and of others behind it.
    @inline(__always)
    private static func otherThanLetters(_ word: UInt64) -> UInt64 {
        let hyphen = word ^ ones &* 0x2D
        let otherThanHyphen = ((hyphen & lows) &+ lows) | hyphen
        return ~letters(word) & otherThanHyphen & highs
    }

    /// The high bit of every byte that is a letter of ASCII: between `a` and `z` once the bit of the case is set.
    @inline(__always)
    private static func letters(_ word: UInt64) -> UInt64 {
        let folded = (word | ones &* 0x20) & lows
        return (folded &+ ones &* 0x1F) & ~(folded &+ ones &* 0x05) & ~word & highs
    }

    /// The high bit of the first byte below space, or DEL, and perhaps of others behind it.
    @inline(__always)
    private static func controls(_ word: UInt64) -> UInt64 {
        let belowSpace = (word &- ones &* 0x20) & ~word, deleted = word ^ ones &* 0x7F
        return (belowSpace | ((deleted &- ones) & ~deleted)) & highs
    }

    /// Bytes may differ in the bit of the case, where they are letters.
    @inline(__always)
    private static func isSame(_ left: UInt64, _ right: UInt64) -> Bool {
        let differing = left ^ right
        return differing & ~(ones &* 0x20) == 0 && (differing << 2) & ~letters(left) == 0
    }

    @inline(__always)
    private static func word(_ bytes: UnsafeRawBufferPointer, _ index: Int) -> UInt64 {
        bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
    }

    @inline(__always)
    private static func word(_ place: UnsafeRawPointer) -> UInt64 { place.loadUnaligned(as: UInt64.self) }

    @inline(__always)
    private static func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte | 0x20) || byte == 0x2D }
}
