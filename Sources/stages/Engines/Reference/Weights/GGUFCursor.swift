/// Reads little-endian values one after another, and never beyond the end.
struct GGUFCursor {
    private let bytes: [UInt8]
    private(set) var offset = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var left: Int { bytes.count - offset }

    mutating func skip(_ count: Int, _ field: String) throws(WeightsError) {
        guard count <= left else { throw WeightsError(field, .truncated) }
        offset += count
    }

    mutating func word<Word: FixedWidthInteger & UnsignedInteger>(_: Word.Type, _ field: String) throws(WeightsError) -> Word {
        let first = offset
        try skip(Word.bitWidth / 8, field)
        var word: Word = 0
        for index in (first..<offset).reversed() { word = word << 8 | Word(truncatingIfNeeded: bytes[index]) }
        return word
    }

    /// A 64-bit count that must not be above the limit.
    mutating func count(limit: Int, _ field: String) throws(WeightsError) -> Int {
        guard let count = Int(exactly: try word(UInt64.self, field)), count <= limit else { throw WeightsError(field, .aboveLimit(limit)) }
        return count
    }

    /// A length, and so many bytes of UTF-8.
    mutating func text(limit: Int, _ field: String) throws(WeightsError) -> String {
        let count = try count(limit: limit, field), first = offset
        try skip(count, field)
        guard let text = String(validating: bytes[first..<offset], as: UTF8.self) else { throw WeightsError(field, .notText) }
        return text
    }
}
