import ClusterModel

/// Prompt text cut from a real text: the words of people, most of which no tokenizer remembers from the prompt before.
///
/// A tokenizer that keeps what it has seen of words knows all 128 of `WordTable` after the first prompt, and looks as if it were free.
package struct PassageText: Hashable, Sendable {
    /// Why a text cannot be cut.
    package enum Refusal: Error, Hashable, Sendable, CustomStringConvertible {
        case tooShort(words: Int)

        package var description: String {
            switch self {
            case .tooShort(let words): "it has \(words) words, and needs \(PassageText.fewestWords) of ASCII letters to be cut from"
            }
        }
    }

    /// Of the file; a text that is longer teaches a tokenizer nothing more.
    package static let mostBytes = 8 << 20
    static let fewestWords = 1_000
    /// An excerpt, up to the end of a word where there is one.
    private static let excerptBytes: UInt64 = 96
    /// By which they differ in length: a power of two.
    private static let spread: UInt64 = 64
    private static let longestExcerpt = 256

    /// Printable ASCII in one line, without the two characters that JSON would escape.
    let bytes: [UInt8]
    /// Where words begin that have a whole excerpt behind them.
    private let starts: [UInt32]

    /// Any text: what is no printable ASCII counts as a space, and spaces as one.
    package init(_ text: [UInt8]) throws(Refusal) {
        var bytes: [UInt8] = [], starts: [UInt32] = []
        bytes.reserveCapacity(text.count)
        for byte in text {
            let isBlank = byte <= 0x20 || byte >= 0x7F
            if isBlank {
                if let last = bytes.last, last != 0x20 { bytes.append(0x20) }
                continue
            }
            if bytes.last ?? 0x20 == 0x20 { starts.append(UInt32(clamping: bytes.count)) }
            bytes.append(byte == UInt8(ascii: "\"") ? UInt8(ascii: "'") : byte == UInt8(ascii: "\\") ? UInt8(ascii: "/") : byte)
        }
        while let last = starts.last, Int(last) + Self.longestExcerpt > bytes.count { starts.removeLast() }
        guard starts.count >= Self.fewestWords else { throw .tooShort(words: starts.count) }
        self.bytes = bytes
        self.starts = starts
    }

    /// Appends the first `count` bytes of the text that `id` stands for: excerpts from all over, so that even two short ones are told apart.
    func append(_ count: Int, of id: UInt64, to out: inout [UInt8]) {
        var random = SeededRandom(seed: id), left = count
        out.reserveCapacity(out.count + count)
        while left > 0 {
            let bits = random.next()
            let start = Int(starts[Int((bits >> 16) % UInt64(starts.count))])
            var end = start + Int(Self.excerptBytes + bits % Self.spread)
            while end < start + Self.longestExcerpt, bytes[end - 1] != 0x20 { end += 1 }
            let length = min(left, end - start)
            out.append(contentsOf: bytes[start..<start + length])
            left -= length
        }
    }
}
