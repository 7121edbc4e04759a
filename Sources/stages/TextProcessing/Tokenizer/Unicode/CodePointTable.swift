/// A byte for every code point, in pages of 256 that are stored once however often they occur.
final class CodePointTable: @unchecked Sendable {
    // Safety: written while it is made, only read afterwards.
    private let places: OwnedBuffer<UInt16>
    private let pages: OwnedBuffer<UInt8>

    private static let codePoints = 0x11_0000

    private static let pageSize = 256

    init(_ bytes: [UInt8]) {
        precondition(bytes.count == CodePointTable.codePoints, "one byte a code point")
        let count = CodePointTable.codePoints / CodePointTable.pageSize
        places = OwnedBuffer(capacity: count)
        pages = OwnedBuffer()
        // Most pages are like one before them, which is found by a sum of their words.
        var known: [UInt64: [Int]] = [:], stored = 0
        bytes.withUnsafeBytes { bytes in
            for page in 0..<count {
                let begin = page * CodePointTable.pageSize
                let contents = UnsafeRawBufferPointer(rebasing: bytes[begin..<begin + CodePointTable.pageSize])
                let sum = CodePointTable.sum(contents)
                if let place = known[sum]?.first(where: { isStored(contents, at: $0) }) {
                    places.base[page] = UInt16(place)
                    continue
                }
                known[sum, default: []].append(stored)
                places.base[page] = UInt16(stored)
                let end = (stored + 1) * CodePointTable.pageSize
                pages.grow(to: end, keeping: stored * CodePointTable.pageSize)
                UnsafeMutableRawBufferPointer(start: pages.base, count: end).suffix(CodePointTable.pageSize).copyBytes(from: contents)
                stored += 1
            }
        }
    }

    /// Of runs as the data files hold them: how many code points, and which of the kinds.
    convenience init(runs: StaticString, kinds: [UInt8]) {
        let bytes = [UInt8](unsafeUninitializedCapacity: CodePointTable.codePoints) { bytes, filled in
            var numbers = PackedNumbers(runs)
            while let count = numbers.next(), let kind = numbers.next() {
                bytes[filled..<filled + count].initialize(repeating: kinds[kind])
                filled += count
            }
        }
        self.init(bytes)
    }

    private static func sum(_ page: UnsafeRawBufferPointer) -> UInt64 {
        var sum: UInt64 = 0
        for place in stride(from: 0, to: pageSize, by: 8) {
            sum = (sum ^ page.loadUnaligned(fromByteOffset: place, as: UInt64.self)) &* 0x9E37_79B9_7F4A_7C15
            sum ^= sum &>> 32
        }
        return sum
    }

    private func isStored(_ page: UnsafeRawBufferPointer, at place: Int) -> Bool {
        page.elementsEqual(UnsafeRawBufferPointer(start: pages.base + place * CodePointTable.pageSize, count: CodePointTable.pageSize))
    }

    /// Calls `body` with all code points whose byte is not 0.
    func forEachSet(_ body: (UInt32) -> Void) {
        for page in 0..<CodePointTable.codePoints / CodePointTable.pageSize {
            let base = pages.base + Int(places.base[page]) * CodePointTable.pageSize
            let words = UnsafeRawBufferPointer(start: base, count: CodePointTable.pageSize)
            // Hardly any page has one.
            guard stride(from: 0, to: words.count, by: 8).contains(where: { words.loadUnaligned(fromByteOffset: $0, as: UInt64.self) != 0 })
            else { continue }
            for offset in 0..<CodePointTable.pageSize where base[offset] != 0 { body(UInt32(page * CodePointTable.pageSize + offset)) }
        }
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
