/// Places in bytes that are found sixteen bytes at a time: most of what a client sends are names and values, and all of it is looked at.
enum ByteScan {
    private typealias Block = SIMD16<UInt8>
    private typealias Marks = SIMDMask<SIMD16<Int8>>
    private static let blockBytes = 16

    private static let ones: UInt64 = 0x0101_0101_0101_0101
    private static let highs = ones << 7
    private static let lows = ~(ones << 7)

    /// Behind the letters and hyphens from `start` on, which most names of fields consist of.
    @inline(__always)
    static func endOfLetters(_ bytes: UnsafeRawPointer, from start: Int, to end: Int) -> Int {
        var index = start
        while index &+ blockBytes <= end {
            let block = block(bytes, index)
            if let other = first(of: .!(letters(block) .| block .== Block(repeating: 0x2D))) { return index &+ other }
            index &+= blockBytes
        }
        while index < end, isLetter(byte(bytes, index)) { index &+= 1 }
        return index
    }

    /// Behind the bytes from `start` on that are neither control bytes nor DEL; a tab ends them as well.
    @inline(__always)
    static func endOfPlain(_ bytes: UnsafeRawPointer, from start: Int, to end: Int) -> Int {
        var index = start
        while index &+ blockBytes <= end {
            let block = block(bytes, index)
            if let control = first(of: block .< Block(repeating: 0x20) .| block .== Block(repeating: 0x7F)) { return index &+ control }
            index &+= blockBytes
        }
        while index < end, byte(bytes, index) >= 0x20, byte(bytes, index) != 0x7F { index &+= 1 }
        return index
    }

    /// Behind the letters, digits, hyphens, underscores and slashes from `start` on, as far as no slash follows another; or before that.
    @inline(__always)
    static func endOfOrdinaryPath(_ bytes: UnsafeRawPointer, from start: Int, to end: Int) -> Int {
        var index = start
        // Each block beside the one that begins a byte later.
        while index &+ blockBytes < end {
            let block = block(bytes, index), slash = Block(repeating: 0x2F)
            let doubled = block .== slash .& Self.block(bytes, index &+ 1) .== slash
            let digitsAndSlash = block &- slash .< Block(repeating: 11)
            let signs = block .== Block(repeating: 0x2D) .| block .== Block(repeating: 0x5F)
            if let other = first(of: .!(letters(block) .| digitsAndSlash .| signs) .| doubled) { return index &+ other }
            index &+= blockBytes
        }
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

    // MARK: Blocks

    /// Between `a` and `z` once the bit of the case is set.
    @inline(__always)
    private static func letters(_ block: Block) -> Marks {
        (block | Block(repeating: 0x20)) &- Block(repeating: 0x61) .< Block(repeating: 26)
    }

    @inline(__always)
    private static func first(of marks: Marks) -> Int? {
        let (low, high) = withUnsafeBytes(of: marks) { ($0.load(as: UInt64.self), $0.load(fromByteOffset: 8, as: UInt64.self)) }
        if low != 0 { return low.trailingZeroBitCount >> 3 }
        return high != 0 ? 8 &+ high.trailingZeroBitCount >> 3 : nil
    }

    @inline(__always)
    private static func block(_ bytes: UnsafeRawPointer, _ index: Int) -> Block {
        bytes.loadUnaligned(fromByteOffset: index, as: Block.self)
    }

    // MARK: Bytes

    @inline(__always)
    static func byte(_ bytes: UnsafeRawPointer, _ index: Int) -> UInt8 { bytes.load(fromByteOffset: index, as: UInt8.self) }

    @inline(__always)
    private static func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte | 0x20) || byte == 0x2D }

    // MARK: Words

    /// Bytes may differ in the bit of the case, where they are letters.
    @inline(__always)
    private static func isSame(_ left: UInt64, _ right: UInt64) -> Bool {
        let differing = left ^ right
        return differing & ~(ones &* 0x20) == 0 && (differing << 2) & ~letters(left) == 0
    }

    /// The high bit of every byte that is a letter of ASCII.
    @inline(__always)
    private static func letters(_ word: UInt64) -> UInt64 {
        let folded = (word | ones &* 0x20) & lows
        return (folded &+ ones &* 0x1F) & ~(folded &+ ones &* 0x05) & ~word & highs
    }

    @inline(__always)
    private static func word(_ place: UnsafeRawPointer) -> UInt64 { place.loadUnaligned(as: UInt64.self) }
}
