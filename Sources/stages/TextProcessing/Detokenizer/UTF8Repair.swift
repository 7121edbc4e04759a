/// UTF-8 as the WHATWG decoder reads it: each maximal part of an ill-formed sequence becomes one U+FFFD.
enum UTF8Repair {
    /// Appends what `raw` says. Returns the bytes taken: all of them, or all but an unfinished tail of at most three unless `isLast`.
    static func decode(_ raw: Span<UInt8>, isLast: Bool, into text: inout [UInt8]) -> Int {
        raw.withUnsafeBufferPointer { decode($0, isLast: isLast, into: &text) }
    }

    private static func decode(_ raw: UnsafeBufferPointer<UInt8>, isLast: Bool, into text: inout [UInt8]) -> Int {
        var copied = 0
        var position = 0
        while position < raw.count {
            position = skipASCII(raw, from: position)
            guard position < raw.count else { break }
            let sequence = Sequence(raw, at: position)
            if sequence.isWhole {
                position += sequence.length
                continue
            }
            text.append(contentsOf: raw[copied..<position])
            if position + sequence.length == raw.count && sequence.isUnfinished && !isLast { return position }
            text.append(contentsOf: replacement)
            position += sequence.length
            copied = position
        }
        text.append(contentsOf: raw[copied...])
        return raw.count
    }

    private static let replacement: [UInt8] = [0xEF, 0xBF, 0xBD]

    @inline(__always)
    private static func skipASCII(_ raw: UnsafeBufferPointer<UInt8>, from start: Int) -> Int {
        var position = start
        let bytes = UnsafeRawBufferPointer(raw)
        while position + 8 <= raw.count {
            guard bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self) & 0x8080_8080_8080_8080 == 0 else { break }
            position += 8
        }
        while position < raw.count, raw[position] < 0x80 { position += 1 }
        return position
    }

    /// What stands at one place: a code point, or the maximal part of one.
    private struct Sequence {
        /// At least 1.
        let length: Int
        let isWhole: Bool
        /// It stops at the end of the bytes, and could go on.
        let isUnfinished: Bool

        @inline(__always)
        init(_ raw: UnsafeBufferPointer<UInt8>, at start: Int) {
            let needed: Int
            var allowed: ClosedRange<UInt8> = 0x80...0xBF  // of the second byte; later ones may be anything in here
            switch raw[start] {
            case 0x00...0x7F: needed = 0
            case 0xC2...0xDF: needed = 1
            case 0xE0: (needed, allowed) = (2, 0xA0...0xBF)  // lower ones would be overlong
            case 0xED: (needed, allowed) = (2, 0x80...0x9F)  // higher ones would be surrogates
            case 0xE1...0xEF: needed = 2
            case 0xF0: (needed, allowed) = (3, 0x90...0xBF)
            case 0xF4: (needed, allowed) = (3, 0x80...0x8F)  // higher ones would be beyond U+10FFFF
            case 0xF1...0xF3: needed = 3
            default:
                (length, isWhole, isUnfinished) = (1, false, false)
                return
            }
            var seen = 0
            while seen < needed, start + 1 + seen < raw.count, allowed.contains(raw[start + 1 + seen]) {
                allowed = 0x80...0xBF
                seen += 1
            }
            length = 1 + seen
            isWhole = seen == needed
            isUnfinished = seen < needed && start + 1 + seen == raw.count
        }
    }
}
