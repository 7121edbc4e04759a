/// A byte for every code point, in pages of 256 that are stored once however often they occur.
final class CodePointTable: @unchecked Sendable {
    // Safety: written while it is made, only read afterwards.
    private let places: OwnedBuffer<UInt16>
    private let pages: OwnedBuffer<UInt8>

    private static let codePoints = 0x11_0000

    init(_ bytes: [UInt8]) {
        precondition(bytes.count == CodePointTable.codePoints, "one byte a code point")
        places = OwnedBuffer(capacity: CodePointTable.codePoints / 256)
        pages = OwnedBuffer()
        var known: [ArraySlice<UInt8>: UInt16] = [:]
        for page in 0..<CodePointTable.codePoints / 256 {
            let contents = bytes[page * 256..<page * 256 + 256]
            let place = known[contents] ?? UInt16(known.count)
            if known.updateValue(place, forKey: contents) == nil {
                pages.grow(to: known.count * 256, keeping: Int(place) * 256)
                for (offset, byte) in contents.enumerated() { pages.base[Int(place) * 256 + offset] = byte }
            }
            places.base[page] = place
        }
    }

    /// Of runs as the data files hold them: how many code points, and which of the kinds.
    convenience init(runs: StaticString, kinds: [UInt8]) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(CodePointTable.codePoints)
        var numbers = PackedNumbers(runs)
        while let count = numbers.next() {
            guard let kind = numbers.next() else { break }
            bytes.append(contentsOf: repeatElement(kinds[kind], count: count))
        }
        self.init(bytes)
    }

    /// Of a code point, which must be below 0x110000.
    @inline(__always)
    subscript(_ code: UInt32) -> UInt8 { pages.base[Int(places.base[Int(code &>> 8)]) &<< 8 | Int(code & 0xFF)] }
}

/// Numbers written five bits a digit, the lowest first; the sixth bit says that more follow.
struct PackedNumbers {
    private let digits: UnsafeBufferPointer<UInt8>
    private var position = 0

    init(_ text: StaticString) { digits = UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount) }

    mutating func next() -> Int? {
        guard position < digits.count else { return nil }
        var number = 0
        var shift = 0
        while position < digits.count {
            let digit = PackedNumbers.value(of: digits[position])
            position += 1
            number |= (digit & 31) << shift
            shift += 5
            if digit < 32 { break }
        }
        return number
    }

    private static func value(of digit: UInt8) -> Int {
        switch digit {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): Int(digit - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): Int(digit - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): Int(digit - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "+"): 62
        default: 63
        }
    }
}
