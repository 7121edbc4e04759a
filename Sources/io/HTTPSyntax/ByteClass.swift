import Glibc

/// What a byte may be part of, by RFC 9110 and RFC 3986: a bit for each byte of ASCII, so that a byte is judged without a table in memory.
///
/// Public, as all that is looked at for each byte or field: the compiler inlines nothing less in another module.
public struct ByteClass: Sendable {
    @usableFromInline let low: UInt64
    @usableFromInline let high: UInt64
    @usableFromInline let isAboveASCII: Bool

    @inlinable @inline(__always)
    init(_ low: UInt64, _ high: UInt64, aboveASCII: Bool = false) {
        self.low = low
        self.high = high
        isAboveASCII = aboveASCII
    }

    @inlinable @inline(__always)
    public func contains(_ byte: UInt8) -> Bool {
        byte < 0x80 ? (byte < 0x40 ? low : high) >> UInt64(byte & 0x3F) & 1 != 0 : isAboveASCII
    }

    /// Of a name or a method: letters, digits and !#$%&'*+-.^_`|~
    @inlinable public static var token: ByteClass { ByteClass(0x03FF_6CFA_0000_0000, 0x57FF_FFFF_C7FF_FFFE) }
    /// Of a field's value: visible, space, tab, or above ASCII.
    @inlinable public static var fieldValue: ByteClass { ByteClass(0xFFFF_FFFF_0000_0200, 0x7FFF_FFFF_FFFF_FFFF, aboveASCII: true) }
    /// Of a path as it is sent: letters, digits and -._~!$&'()*+,;=:@ with / between segments and % for escapes.
    @inlinable public static var path: ByteClass { ByteClass(0x2FFF_FFF2_0000_0000, 0x47FF_FFFE_87FF_FFFF) }
    /// Of a query as it is sent: visible but for #. More than the RFC's, since clients send brackets and bars as they are.
    @inlinable public static var query: ByteClass { ByteClass(0xFFFF_FFF6_0000_0000, 0x7FFF_FFFF_FFFF_FFFF) }
    /// Of a host's name, or of an address of numbers: the same as `host` without : and [
    @inlinable public static var hostName: ByteClass { ByteClass(0x03FF_6000_0000_0000, 0x47FF_FFFE_A7FF_FFFE) }
    /// Of a host and a port: letters, digits and -._~:[] which is less than the RFC's: no escapes and no commas, which proxies read differently.
    @inlinable public static var host: ByteClass { ByteClass(0x07FF_6000_0000_0000, 0x47FF_FFFE_AFFF_FFFE) }
}

/// Small things about bytes that requests and responses share.
public enum HTTPText {
    /// Whether the bytes can be a field's value.
    package static func isFieldValue(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let start = bytes.baseAddress else { return true }
        var index = ByteScan.endOfPlain(start, from: 0, to: bytes.count)
        while index < bytes.count {
            guard ByteClass.fieldValue.contains(bytes[index]) else { return false }
            index = ByteScan.endOfPlain(start, from: index + 1, to: bytes.count)
        }
        return true
    }

    /// Behind the bytes from `start` on that are in the class.
    @inlinable @inline(__always)
    public static func end(of wanted: ByteClass, in bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        var index = start
        while index < bytes.count, wanted.contains(bytes[index]) { index &+= 1 }
        return index
    }

    package static func isEvery(_ bytes: UnsafeRawBufferPointer, _ wanted: ByteClass) -> Bool {
        for byte in bytes where !wanted.contains(byte) { return false }
        return true
    }

    /// ASCII letters of either case are the same; others must be equal.
    package static func isSame(_ bytes: UnsafeRawBufferPointer, _ name: StaticString) -> Bool {
        isSame(bytes, UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
    }

    package static func isSame(_ bytes: UnsafeRawBufferPointer, _ name: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count == name.count else { return false }
        if bytes.count >= 8, let left = bytes.baseAddress, let right = name.baseAddress {
            return ByteScan.isSame(left, right, count: bytes.count)
        }
        for index in 0..<bytes.count {
            let left = bytes[index], right = name[index]
            guard left == right || (left ^ right == 0x20 && (0x61...0x7A).contains(left | 0x20)) else { return false }
        }
        return true
    }

    /// Whether the name of a field, each of whose bytes is one that a name may have, is the one that is wanted. That one has letters, digits,
    /// hyphens and underscores: with the bit of the case set no other byte of a name equals one of those.
    @inlinable @inline(__always)
    public static func isName(_ name: UnsafeRawBufferPointer, _ wanted: StaticString) -> Bool {
        isEqual(name, wanted, withBits: 0x2020_2020_2020_2020)
    }

    /// Whether two texts are the same, once some bits are set in each eight bytes of both.
    @inlinable @inline(__always)
    static func isEqual(_ bytes: UnsafeRawBufferPointer, _ text: StaticString, withBits bits: UInt64) -> Bool {
        let count = bytes.count
        guard count == text.utf8CodeUnitCount, let left = bytes.baseAddress else { return count == text.utf8CodeUnitCount }
        let right = UnsafeRawPointer(text.utf8Start)
        func isEqual<Word: FixedWidthInteger & BitwiseCopyable>(_ index: Int, as: Word.Type) -> Bool {
            let bits = Word(truncatingIfNeeded: bits)
            return left.loadUnaligned(fromByteOffset: index, as: Word.self) | bits
                == right.loadUnaligned(fromByteOffset: index, as: Word.self) | bits
        }
        if count >= 8 {
            var index = 0
            while index &+ 8 <= count {
                guard isEqual(index, as: UInt64.self) else { return false }
                index &+= 8
            }
            // The last eight, some of which were looked at before.
            return isEqual(count &- 8, as: UInt64.self)
        }
        if count >= 4 { return isEqual(0, as: UInt32.self) && isEqual(count &- 4, as: UInt32.self) }
        for index in 0..<count where !isEqual(index, as: UInt8.self) { return false }
        return true
    }

    /// Behind what of a path from `start` on is surely what it means; perhaps before it.
    package static func endOfOrdinaryPath(in bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        bytes.baseAddress.map { ByteScan.endOfOrdinaryPath($0, from: start, to: bytes.count) } ?? start
    }

    @inlinable @inline(__always)
    public static func isEqual(_ bytes: UnsafeRawBufferPointer, _ text: StaticString) -> Bool { isEqual(bytes, text, withBits: 0) }

    package static func isEqual(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
        guard left.count == right.count, let leftBase = left.baseAddress, let rightBase = right.baseAddress else {
            return left.isEmpty && right.isEmpty
        }
        return memcmp(leftBase, rightBase, left.count) == 0
    }

    /// The first space of a line at or behind a place.
    package static func firstBlank(in line: UnsafeRawBufferPointer, from start: Int) -> Int? {
        guard let base = line.baseAddress, start < line.count, let found = memchr(base + start, 0x20, line.count - start) else {
            return nil
        }
        return base.distance(to: UnsafeRawPointer(found))
    }

    package static func lowercased(_ byte: UInt8) -> UInt8 { (0x41...0x5A).contains(byte) ? byte | 0x20 : byte }

    /// A number in decimal digits and nothing else; nil if it is none, or too large.
    package static func decimal(_ bytes: UnsafeRawBufferPointer) -> Int? {
        guard !bytes.isEmpty else { return nil }
        var value = 0
        for byte in bytes {
            guard (0x30...0x39).contains(byte) else { return nil }
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(Int(byte - 0x30))
            guard !overflow, !carry else { return nil }
            value = sum
        }
        return value
    }

    package static func hexadecimal(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }

    /// Appends a number in decimal digits, without making a string of it.
    package static func append(decimal value: Int, to bytes: inout [UInt8]) {
        precondition(value >= 0, "lengths and codes are not negative")
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: mostDigits) { digits in
            var rest = value, first = mostDigits
            repeat {
                first -= 1
                digits[first] = 0x30 + UInt8(rest % 10)
                rest /= 10
            } while rest > 0
            bytes.append(contentsOf: UnsafeBufferPointer(rebasing: digits[first...]))
        }
    }

    /// Of the largest integer.
    package static let mostDigits = 20

    @inlinable @inline(__always)
    public static func append(_ text: StaticString, to bytes: inout [UInt8]) {
        bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Whether a comma-separated list holds a token.
    package static func list(_ bytes: UnsafeRawBufferPointer, holds token: StaticString) -> Bool {
        var isFound = false
        forEachElement(of: bytes) { if isSame($0, token) { isFound = true } }
        return isFound
    }

    /// The elements of a comma-separated list without the blanks around them; empty ones as well.
    package static func forEachElement(of bytes: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Void) {
        var start = 0
        for index in 0...bytes.count where index == bytes.count || bytes[index] == UInt8(ascii: ",") {
            body(trimmed(UnsafeRawBufferPointer(rebasing: bytes[start..<index])))
            start = index + 1
        }
    }

    /// Without blanks and tabs at both ends.
    package static func trimmed(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        var start = 0, end = bytes.count
        while start < end, isBlank(bytes[start]) { start += 1 }
        while end > start, isBlank(bytes[end - 1]) { end -= 1 }
        return UnsafeRawBufferPointer(rebasing: bytes[start..<end])
    }

    @inlinable @inline(__always)
    public static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
}
