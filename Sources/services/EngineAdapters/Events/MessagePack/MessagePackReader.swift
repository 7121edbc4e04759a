/// Reads MessagePack values in place, one after the other.
///
/// Nothing in it calls itself: who skips a value counts what is still to come, so that depth costs nothing. A count of elements is believed
/// only as far as there are bytes for them, and each read has a limit of its caller's beside.
package struct MessagePackReader: ~Escapable {
    private let bytes: RawSpan
    package private(set) var offset = 0

    @_lifetime(copy bytes)
    package init(_ bytes: RawSpan) { self.bytes = bytes }

    package var isAtEnd: Bool { offset == bytes.byteCount }
    private var remaining: Int { bytes.byteCount - offset }

    /// What stands at the beginning of each value; its bytes or elements follow.
    private enum Head {
        case null
        case boolean(Bool)
        case unsigned(UInt64)
        case negative(Int64)
        case float(Double)
        case text(Int)
        case binary(Int)
        case array(Int)
        case map(Int)
        case `extension`(Int)

        var kind: MessagePackKind {
            switch self {
            case .null: .null
            case .boolean: .boolean
            case .unsigned, .negative: .integer
            case .float: .float
            case .text: .text
            case .binary: .binary
            case .array: .array
            case .map: .map
            case .extension: .extension
            }
        }
    }

    // MARK: Heads

    private mutating func load<Number: FixedWidthInteger & BitwiseCopyable>(_ type: Number.Type) throws(MessagePackError) -> Number {
        guard remaining >= MemoryLayout<Number>.size else { throw .truncated(at: offset) }
        let value = bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: Number.self)
        offset += MemoryLayout<Number>.size
        return Number(bigEndian: value)
    }

    // A count is read before it is compared: an argument that moves the reader would be compared with where the reader stood before.

    /// Of bytes that follow: they are there.
    private mutating func byteCount<Number: FixedWidthInteger & BitwiseCopyable>(_ type: Number.Type) throws(MessagePackError) -> Int {
        let count = Int(clamping: try load(type))
        return try checked(count)
    }

    private func checked(_ count: Int) throws(MessagePackError) -> Int {
        guard count <= remaining else { throw .truncated(at: offset) }
        return count
    }

    /// An extension's type is a byte of its own.
    private mutating func extensionHead<Number: FixedWidthInteger & BitwiseCopyable>(
        _ type: Number.Type
    ) throws(MessagePackError) -> Head {
        let count = Int(clamping: try load(type))
        return try extensionHead(ofBytes: count)
    }

    private mutating func extensionHead(ofBytes count: Int) throws(MessagePackError) -> Head {
        guard count < remaining else { throw .truncated(at: offset) }
        offset += 1
        return .extension(count)
    }

    /// Of elements that follow, each of `width` values: each takes a byte at least.
    private mutating func elementCount<Number: FixedWidthInteger & BitwiseCopyable>(
        _ type: Number.Type, width: Int = 1
    ) throws(MessagePackError) -> Int {
        let count = Int(clamping: try load(type))
        return try elements(count, width: width)
    }

    private func elements(_ count: Int, width: Int = 1) throws(MessagePackError) -> Int {
        guard count <= remaining / width else { throw .truncated(at: offset) }
        return count
    }

    private mutating func head() throws(MessagePackError) -> Head {
        let place = offset
        let first = try load(UInt8.self)
        switch first {
        case 0x00...0x7F: return .unsigned(UInt64(first))
        case 0x80...0x8F: return .map(try elements(Int(first & 0x0F), width: 2))
        case 0x90...0x9F: return .array(try elements(Int(first & 0x0F)))
        case 0xA0...0xBF: return .text(try checked(Int(first & 0x1F)))
        case 0xC0: return .null
        case 0xC2: return .boolean(false)
        case 0xC3: return .boolean(true)
        case 0xC4: return .binary(try byteCount(UInt8.self))
        case 0xC5: return .binary(try byteCount(UInt16.self))
        case 0xC6: return .binary(try byteCount(UInt32.self))
        case 0xC7: return try extensionHead(UInt8.self)
        case 0xC8: return try extensionHead(UInt16.self)
        case 0xC9: return try extensionHead(UInt32.self)
        case 0xCA: return .float(Double(Float(bitPattern: try load(UInt32.self))))
        case 0xCB: return .float(Double(bitPattern: try load(UInt64.self)))
        case 0xCC: return .unsigned(UInt64(try load(UInt8.self)))
        case 0xCD: return .unsigned(UInt64(try load(UInt16.self)))
        case 0xCE: return .unsigned(UInt64(try load(UInt32.self)))
        case 0xCF: return .unsigned(try load(UInt64.self))
        case 0xD0: return Self.signed(Int64(try load(Int8.self)))
        case 0xD1: return Self.signed(Int64(try load(Int16.self)))
        case 0xD2: return Self.signed(Int64(try load(Int32.self)))
        case 0xD3: return Self.signed(try load(Int64.self))
        case 0xD4...0xD8: return try extensionHead(ofBytes: 1 << Int(first - 0xD4))
        case 0xD9: return .text(try byteCount(UInt8.self))
        case 0xDA: return .text(try byteCount(UInt16.self))
        case 0xDB: return .text(try byteCount(UInt32.self))
        case 0xDC: return .array(try elementCount(UInt16.self))
        case 0xDD: return .array(try elementCount(UInt32.self))
        case 0xDE: return .map(try elementCount(UInt16.self, width: 2))
        case 0xDF: return .map(try elementCount(UInt32.self, width: 2))
        case 0xE0...0xFF: return .negative(Int64(Int8(bitPattern: first)))
        default: throw .reservedByte(at: place)
        }
    }

    /// A whole number that is not below zero has one form, in whatever width it came.
    private static func signed(_ value: Int64) -> Head { value >= 0 ? .unsigned(UInt64(value)) : .negative(value) }

    // MARK: Values

    /// What the next value is; it is not used up.
    package func nextKind() throws(MessagePackError) -> MessagePackKind {
        var ahead = MessagePackReader(bytes)
        ahead.offset = offset
        return try ahead.head().kind
    }

    /// True where the next value is nil, which is used up then.
    package mutating func isNull() throws(MessagePackError) -> Bool {
        guard remaining > 0 else { throw .truncated(at: offset) }
        guard bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self) == 0xC0 else { return false }
        offset += 1
        return true
    }

    /// Of any width and sign, as the bits of a 64-bit number: what was written unsigned and what was written signed agree.
    package mutating func integerBits() throws(MessagePackError) -> UInt64 {
        let place = offset
        switch try head() {
        case .unsigned(let value): return value
        case .negative(let value): return UInt64(bitPattern: value)
        default: throw .wrongType(wanted: .integer, at: place)
        }
    }

    package mutating func integer<Number: FixedWidthInteger>(_ type: Number.Type = Number.self) throws(MessagePackError) -> Number {
        let place = offset, number: Number?
        switch try head() {
        case .unsigned(let value): number = Number(exactly: value)
        case .negative(let value): number = Number(exactly: value)
        default: throw .wrongType(wanted: .integer, at: place)
        }
        guard let number else { throw .outOfRange(at: place) }
        return number
    }

    /// Whole numbers count too: writers shorten them.
    package mutating func float() throws(MessagePackError) -> Double {
        let place = offset
        switch try head() {
        case .float(let value): return value
        case .unsigned(let value): return Double(value)
        case .negative(let value): return Double(value)
        default: throw .wrongType(wanted: .float, at: place)
        }
    }

    /// Bytes that are not UTF-8 are repaired, as in every text from outside.
    package mutating func text(atMost limit: Int) throws(MessagePackError) -> String {
        let place = offset
        guard case .text(let count) = try head() else { throw .wrongType(wanted: .text, at: place) }
        guard count <= limit else { throw .tooLong(limit: limit, at: place) }
        defer { offset += count }
        return bytes.extracting(offset..<offset + count).withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    }

    package mutating func binary(atMost limit: Int) throws(MessagePackError) -> [UInt8] {
        let place = offset
        guard case .binary(let count) = try head() else { throw .wrongType(wanted: .binary, at: place) }
        guard count <= limit else { throw .tooLong(limit: limit, at: place) }
        defer { offset += count }
        return bytes.extracting(offset..<offset + count).withUnsafeBytes { Array($0) }
    }

    /// How many elements follow.
    package mutating func array(atMost limit: Int) throws(MessagePackError) -> Int {
        let place = offset
        guard case .array(let count) = try head() else { throw .wrongType(wanted: .array, at: place) }
        guard count <= limit else { throw .tooLong(limit: limit, at: place) }
        return count
    }

    /// How many pairs of a key and a value follow.
    package mutating func map(atMost limit: Int) throws(MessagePackError) -> Int {
        let place = offset
        guard case .map(let count) = try head() else { throw .wrongType(wanted: .map, at: place) }
        guard count <= limit else { throw .tooLong(limit: limit, at: place) }
        return count
    }

    /// Passes over one value, whatever is in it.
    package mutating func skip() throws(MessagePackError) {
        // Each value that is still to come has a byte at least, so the loop is bounded by the bytes, and the sum cannot overflow.
        var toCome = 1
        while toCome > 0 {
            toCome -= 1
            switch try head() {
            case .null, .boolean, .unsigned, .negative, .float: break
            case .text(let count), .binary(let count), .extension(let count): offset += count
            case .array(let count): toCome += count
            case .map(let count): toCome += 2 * count
            }
            guard toCome <= remaining else { throw .truncated(at: bytes.byteCount) }
        }
    }

    /// Where the next value ends.
    package func endOfNext() throws(MessagePackError) -> Int {
        var ahead = MessagePackReader(bytes)
        ahead.offset = offset
        try ahead.skip()
        return ahead.offset
    }

    /// Goes on behind a value whose end is known, however far it was read.
    package mutating func goOn(at place: Int) {
        precondition(place >= offset && place <= bytes.byteCount, "an end that `endOfNext` gave")
        offset = place
    }
}
