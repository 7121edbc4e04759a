/// The lines of a file, without copying them.
struct TraceLines {
    private let bytes: [UInt8]
    private var position: Int
    /// The number of the line that was given last, from 1.
    private(set) var number = 0

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
        position = bytes.starts(with: mark) ? mark.count : 0
    }

    /// Without its end; nil at the end of the file, which blank lines may precede. A blank line elsewhere is an error.
    mutating func next() throws(TraceError) -> Range<Int>? {
        guard position < bytes.count else { return nil }
        number += 1
        let begin = position
        var end = bytes.span.bytes.firstIndex(of: UInt8(ascii: "\n"), from: begin) ?? bytes.count
        position = end + 1
        if end > begin, bytes[end - 1] == UInt8(ascii: "\r") { end -= 1 }
        guard end > begin else {
            let rest = bytes[min(position, bytes.count)...]
            guard rest.allSatisfy({ $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }) else {
                throw TraceError(line: number, "is blank, and is not the last")
            }
            position = bytes.count
            return nil
        }
        guard end - begin <= TraceLimits.lineBytes else {
            throw TraceError(line: number, "is longer than \(TraceLimits.lineBytes) bytes")
        }
        return begin..<end
    }

    func withBytes<Result, Failure: Error>(_ line: Range<Int>, _ body: (RawSpan) throws(Failure) -> Result) throws(Failure) -> Result {
        try body(bytes.span.bytes.extracting(line))
    }
}

extension RawSpan {
    /// Eight bytes a step: most of a big file is looked at only here.
    func firstIndex(of wanted: UInt8, from begin: Int) -> Int? {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let pattern = ones &* UInt64(wanted)
        var index = begin
        while index + 8 <= byteCount {
            let word = UInt64(littleEndian: unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self)) ^ pattern
            // The lowest bit set marks the first zero byte; false marks stand only above it.
            let zeros = (word &- ones) & ~word & (ones &* 0x80)
            if zeros != 0 { return index + zeros.trailingZeroBitCount / 8 }
            index += 8
        }
        while index < byteCount {
            if unsafeLoad(fromByteOffset: index, as: UInt8.self) == wanted { return index }
            index += 1
        }
        return nil
    }
}
