/// Code points of text that is known to be valid UTF-8.
enum UTF8Scalar {
    /// The code point that begins at `start`, whose bytes must all be there.
    @inline(__always)
    static func read(_ start: UnsafePointer<UInt8>) -> (code: UInt32, length: Int) {
        let first = UInt32(start[0])
        if first < 0x80 { return (first, 1) }
        let second = UInt32(start[1] & 0x3F)
        if first < 0xE0 { return ((first & 0x1F) &<< 6 | second, 2) }
        let third = UInt32(start[2] & 0x3F)
        if first < 0xF0 { return ((first & 0x0F) &<< 12 | second &<< 6 | third, 3) }
        return ((first & 0x07) &<< 18 | second &<< 12 | third &<< 6 | UInt32(start[3] & 0x3F), 4)
    }

    /// Bytes of the code point that begins with this byte.
    @inline(__always)
    static func length(_ first: UInt8) -> Int { first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4 }

    /// Where the code point begins that ends before `end`; there must be one.
    @inline(__always)
    static func start(before end: Int, in text: UnsafePointer<UInt8>) -> Int {
        var start = end - 1
        while start > 0, text[start] & 0xC0 == 0x80 { start -= 1 }
        return start
    }

    static func append(_ code: UInt32, to text: inout [UInt8]) {
        func continuation(_ shift: UInt32) -> UInt8 { 0x80 | UInt8(truncatingIfNeeded: code >> shift) & 0x3F }
        switch code {
        case 0..<0x80: text.append(UInt8(truncatingIfNeeded: code))
        case 0..<0x800:
            text.append(0xC0 | UInt8(truncatingIfNeeded: code >> 6))
            text.append(continuation(0))
        case 0..<0x1_0000:
            text.append(0xE0 | UInt8(truncatingIfNeeded: code >> 12))
            text.append(continuation(6))
            text.append(continuation(0))
        default:
            text.append(0xF0 | UInt8(truncatingIfNeeded: code >> 18))
            text.append(continuation(12))
            text.append(continuation(6))
            text.append(continuation(0))
        }
    }
}
