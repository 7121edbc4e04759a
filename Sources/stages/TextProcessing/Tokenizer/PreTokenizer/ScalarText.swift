/// A stretch of valid UTF-8 as scanners look at it: at each place the kind of a code point and its length. `PaddedBytes.padding` bytes may be
/// read behind it.
struct ScalarText {
    let base: UnsafePointer<UInt8>
    /// Behind the last byte.
    let end: Int
    private let kinds: UnsafePointer<UInt8>
    private let properties: CodePointTable

    init(_ base: UnsafePointer<UInt8>, end: Int) {
        self.base = base
        self.end = end
        kinds = ScalarKind.tables.base
        properties = UnicodeProperties.table
    }

    /// The kind and the length of the code point at `place`, which must be before the end.
    @inline(__always)
    func at(_ place: Int) -> (kind: UInt8, length: Int) {
        let byte = base[place]
        if byte < 0x80 { return (kinds[Int(byte)], 1) }
        return beyondASCII(place)
    }

    @inline(never)
    private func beyondASCII(_ place: Int) -> (kind: UInt8, length: Int) {
        let (code, length) = UTF8Scalar.read(base + place)
        return (kinds[128 + Int(properties[code])], length)
    }

    /// Behind the longest run from `place` whose kinds have a bit of `mask`.
    @inline(__always)
    func run(from place: Int, of mask: UInt8) -> Int {
        var place = place
        while place < end {
            let (kind, length) = at(place)
            guard kind & mask != 0 else { break }
            place = place &+ length
        }
        return place
    }

    /// The same for a mask that all letters of ASCII have and nothing else of ASCII: those are looked at eight a step.
    @inline(__always)
    func word(from start: Int, of mask: UInt8) -> Int {
        var place = start
        while place < end {
            let letters = ByteWord.letters(ByteWord.load(base + place))
            place = place &+ letters
            guard letters < 8 else { continue }
            guard place < end, base[place] >= 0x80 else { break }
            let (kind, length) = beyondASCII(place)
            guard kind & mask != 0 else { break }
            place = place &+ length
        }
        // What stands behind the end may be letters, too.
        return min(place, end)
    }

    /// Behind the longest run from `place` whose kinds have no bit of `mask`.
    @inline(__always)
    func run(from place: Int, without mask: UInt8) -> Int {
        var place = place
        while place < end {
            let (kind, length) = at(place)
            guard kind & mask == 0 else { break }
            place = place &+ length
        }
        return place
    }
}

/// The sets of code points that patterns name, as bits.
enum ScalarKind {
    static let letter: UInt8 = 1
    /// Letters that are not lower case, and marks.
    static let upperOrCaseless: UInt8 = 2
    /// Letters that are not upper or title case, and marks.
    static let lowerOrCaseless: UInt8 = 4
    static let number: UInt8 = 8
    static let space: UInt8 = 16
    /// U+000A and U+000D.
    static let newline: UInt8 = 32
    static let mark: UInt8 = 64
    static let punctuationOrSymbol: UInt8 = 128

    /// 128 kinds of ASCII, and behind them 256 for what the property table says of the others.
    static let tables = Tables()

    final class Tables: @unchecked Sendable {
        // Safety: written while it is made, only read afterwards.
        private let memory = OwnedBuffer<UInt8>(capacity: 128 + 256)
        var base: UnsafePointer<UInt8> { UnsafePointer(memory.base) }

        init() {
            for code in 0..<128 { memory.base[code] = ScalarKind.of(UnicodeProperties(of: UInt32(code))) }
            for newline in [0x0A, 0x0D] { memory.base[newline] |= ScalarKind.newline }
            for bits in 0..<256 { memory.base[128 + bits] = ScalarKind.of(UnicodeProperties(bits: UInt8(bits))) }
        }
    }

    private static func of(_ properties: UnicodeProperties) -> UInt8 {
        let kind: UInt8 =
            switch properties.category {
            case .uppercase, .titlecase: letter | upperOrCaseless
            case .lowercase: letter | lowerOrCaseless
            case .modifierLetter, .otherLetter: letter | upperOrCaseless | lowerOrCaseless
            case .mark: mark | upperOrCaseless | lowerOrCaseless
            case .number: number
            case .punctuation, .symbol: punctuationOrSymbol
            case .other: 0
            }
        return properties.isWhiteSpace ? kind | space : kind
    }
}
