/// What Hugging Face's tokenizers holds a code point for. Its parts know different versions of Unicode, so each use has a bit of its own.
struct UnicodeProperties {
    /// The general category as far as patterns ask for it.
    enum Category: UInt8 {
        case other, uppercase, lowercase, titlecase, modifierLetter, otherLetter, mark, number, punctuation, symbol
    }

    let bits: UInt8

    var category: Category { Category(rawValue: bits & 0x0F) ?? .other }
    var isWhiteSpace: Bool { bits & UnicodeProperties.whiteSpace != 0 }
    var isWord: Bool { bits & UnicodeProperties.word != 0 }

    static let whiteSpace: UInt8 = 16
    /// For `Digits`.
    static let numeric: UInt8 = 32
    /// For `Punctuation`.
    static let punctuation: UInt8 = 64
    /// For added tokens that must be single words.
    static let word: UInt8 = 128

    static let table = CodePointTable(runs: UnicodePropertyData.runs, kinds: UnicodePropertyData.kinds)

    init(bits: UInt8) { self.bits = bits }
    init(of scalar: UInt32) { bits = UnicodeProperties.table[scalar] }
}
