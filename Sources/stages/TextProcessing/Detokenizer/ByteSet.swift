/// Some of the 256 bytes. Every answer holds several, so they take 32 bytes in place and no memory of their own.
struct ByteSet: Sendable {
    private var words = InlineArray<4, UInt64>(repeating: 0)

    @inline(__always)
    func contains(_ byte: UInt8) -> Bool { words[Int(byte >> 6)] >> UInt64(byte & 63) & 1 != 0 }

    mutating func insert(_ byte: UInt8) { words[Int(byte >> 6)] |= 1 << UInt64(byte & 63) }
}
