/// `\p{N}{1,n}`
struct NumberScanner: PretokenScanner {
    let most: Int

    @inline(__always)
    func match(_ text: ScalarText, at place: Int) -> Int { text.numbers(from: place, atMost: most) }
}

/// `[一-龥぀-ゟ゠-ヿ]+`: Chinese characters and kana.
struct HanKanaScanner: PretokenScanner {
    @inline(__always)
    func match(_ text: ScalarText, at place: Int) -> Int {
        var place = place
        while place < text.end, text.base[place] >= 0xE3 {
            let (code, length) = UTF8Scalar.read(text.base + place)
            guard 0x4E00...0x9FA5 ~= code || 0x3040...0x30FF ~= code else { break }
            place += length
        }
        return place
    }
}

/// `[0-9][0-9][0-9]`
struct DigitTripleScanner: PretokenScanner {
    @inline(__always)
    func match(_ text: ScalarText, at place: Int) -> Int {
        guard place + 3 <= text.end else { return place }
        return (0..<3).allSatisfy { text.base[place + $0] &- UInt8(ascii: "0") < 10 } ? place + 3 : place
    }
}

/// One code point that has a property.
struct PropertyScanner: PretokenScanner {
    let mask: UInt8
    private let properties = UnicodeProperties.table

    init(_ mask: UInt8) { self.mask = mask }

    @inline(__always)
    func match(_ text: ScalarText, at place: Int) -> Int {
        let (code, length) = UTF8Scalar.read(text.base + place)
        return properties[code] & mask != 0 ? place + length : place
    }
}

/// A text as it is, of at least one byte.
struct LiteralScanner: PretokenScanner {
    let literal: [UInt8]

    @inline(__always)
    func match(_ text: ScalarText, at place: Int) -> Int {
        guard text.base[place] == literal[0], place + literal.count <= text.end else { return place }
        return literal.indices.allSatisfy { text.base[place + $0] == literal[$0] } ? place + literal.count : place
    }
}
