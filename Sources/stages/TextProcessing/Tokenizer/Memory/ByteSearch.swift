/// Looks at 32 bytes a step: most text that is searched holds nothing of what it is searched for.
enum ByteSearch {
    /// The first place of `byte` from `start` on, or `end`.
    static func first(_ byte: UInt8, in text: UnsafePointer<UInt8>, from start: Int, to end: Int) -> Int {
        let bytes = UnsafeRawPointer(text), ones = SIMD4<UInt64>(repeating: 0x0101_0101_0101_0101), wanted = ones &* UInt64(byte)
        var place = start
        while place + 32 <= end {
            // A byte that is zero now borrows from the one above it: where none is, no high bit comes to be set.
            let other = bytes.loadUnaligned(fromByteOffset: place, as: SIMD4<UInt64>.self) ^ wanted
            guard (other &- ones) & ~other & (ones &* 0x80) == .zero else { break }
            place += 32
        }
        while place < end, text[place] != byte { place += 1 }
        return place
    }

    /// The first place from `start` on that is not ASCII, or `end`, or up to 31 bytes before it.
    static func endOfASCII(_ text: UnsafePointer<UInt8>, from start: Int, to end: Int) -> Int {
        let bytes = UnsafeRawPointer(text), high = SIMD4<UInt64>(repeating: 0x8080_8080_8080_8080)
        var place = start
        while place + 32 <= end, bytes.loadUnaligned(fromByteOffset: place, as: SIMD4<UInt64>.self) & high == .zero { place += 32 }
        return place
    }
}
