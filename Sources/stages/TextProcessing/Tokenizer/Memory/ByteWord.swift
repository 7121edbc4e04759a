/// Eight bytes at once, the first one lowest: only on little-endian machines, as all of the wire's integers.
enum ByteWord {
    private static let ones: UInt64 = 0x0101_0101_0101_0101

    /// The caller may read eight bytes.
    @inline(__always)
    static func load(_ bytes: UnsafePointer<UInt8>) -> UInt64 { UnsafeRawPointer(bytes).loadUnaligned(as: UInt64.self) }

    /// What keeps the first 1 to 8 bytes.
    @inline(__always)
    static func mask(_ count: Int) -> UInt64 { ~0 &>> (64 &- UInt64(truncatingIfNeeded: count) &* 8) }

    /// How many letters of ASCII it begins with.
    @inline(__always)
    static func letters(_ word: UInt64) -> Int {
        let high = ones &* 0x80
        // Capitals among the small ones, and room above each byte, so that sums of one do not reach the next.
        let small = (word | ones &* 0x20) & ~high
        let fromA = small &+ ones &* UInt64(0x80 - UInt8(ascii: "a")), behindZ = small &+ ones &* UInt64(0x7F - UInt8(ascii: "z"))
        let others = (~fromA | behindZ | word) & high
        return others.trailingZeroBitCount / 8
    }
}
