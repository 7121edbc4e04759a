/// A pattern in Ruby's syntax, as Hugging Face's tokenizers reads it, in PCRE2's words.
///
/// What means something else there is written out, and what cannot be written out is refused: a pattern that is read a little differently would
/// split a little differently, and nobody would notice.
struct RubyPattern {
    /// What `\w` is inside of a class.
    private static let wordInClass = #"\p{Alphabetic}\p{M}\p{Nd}\p{Pc}"#
    /// Outside of one, six numbers of ISO 8859-1 count as well, as no other such numbers do.
    private static let word = wordInClass + #"\x{B2}\x{B3}\x{B9}\x{BC}-\x{BE}"#
    private static let hexDigit = "0-9A-Fa-f"
    /// Escaped letters that mean the same in both, inside of a class and outside.
    private static let same = Set("aefnrtdDpPxbBAzZ".utf8)

    private(set) var translated: [UInt8] = []
    /// Why the pattern cannot be read.
    private(set) var reason: String?
    private var isInClass = false

    init(_ pattern: String) { read(pattern) }

    private mutating func read(_ pattern: String) {
        var rest = pattern.utf8[...]
        while reason == nil, let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "\\"):
                guard let escaped = rest.popFirst() else { return append([byte]) }
                escape(escaped)
            case UInt8(ascii: "["):
                guard !isInClass else { return reason = "has a class inside of a class, which is not supported" }
                isInClass = true
                append([byte])
                if rest.first == UInt8(ascii: "^") { append([rest.removeFirst()]) }
                // Here it is one of the characters.
                if rest.first == UInt8(ascii: "]") { append([rest.removeFirst()]) }
            case UInt8(ascii: "]"):
                isInClass = false
                append([byte])
            case UInt8(ascii: "&") where isInClass && rest.first == byte:
                reason = "has && in a class, which is not supported"
            default: append([byte])
            }
        }
    }

    private mutating func append(_ bytes: some Sequence<UInt8>) { translated.append(contentsOf: bytes) }

    private mutating func escape(_ byte: UInt8) {
        switch byte {
        // There these are about the property White_Space, and here about one code point more.
        case UInt8(ascii: "s"): append(#"\p{White_Space}"#.utf8)
        case UInt8(ascii: "S"): append(#"\P{White_Space}"#.utf8)
        // There marks and all alphabetic ones are of words, and not all numbers.
        case UInt8(ascii: "w"): append((isInClass ? RubyPattern.wordInClass : "[\(RubyPattern.word)]").utf8)
        case UInt8(ascii: "W") where !isInClass: append("[^\(RubyPattern.word)]".utf8)
        case UInt8(ascii: "b") where !isInClass: append(boundary(isThere: true))
        case UInt8(ascii: "B") where !isInClass: append(boundary(isThere: false))
        // There a hexadecimal digit, and here a blank.
        case UInt8(ascii: "h"): append((isInClass ? RubyPattern.hexDigit : "[\(RubyPattern.hexDigit)]").utf8)
        case UInt8(ascii: "H") where !isInClass: append("[^\(RubyPattern.hexDigit)]".utf8)
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"):
            guard RubyPattern.same.contains(byte) else {
                return reason = #"has \\#(UnicodeScalar(byte))\#(isInClass ? " in a class" : ""), which is not supported"#
            }
            append([UInt8(ascii: "\\"), byte])
        default: append([UInt8(ascii: "\\"), byte])
        }
    }

    private func boundary(isThere: Bool) -> String.UTF8View {
        let word = "[\(RubyPattern.word)]"
        return (isThere ? "(?:(?<=\(word))(?!\(word))|(?<!\(word))(?=\(word)))" : "(?:(?<=\(word))(?=\(word))|(?<!\(word))(?!\(word)))")
            .utf8
    }
}
