/// What a text is searched for: a known pattern as code, or one of the file's own.
enum Pattern: Sendable {
    case gpt2
    case word(WordScanner)
    case casedWord(CasedWordScanner)
    case deepSeek
    case numbers(NumberScanner)
    case hanKana
    case digitTriple
    case property(PropertyScanner)
    case literal(LiteralScanner)
    case oneClass(ClassScanner)
    case expression(RegularExpression)

    /// Calls `body` with every match and with what is between matches, in order; stops once it returns false.
    @inline(__always)
    func pieces(
        of text: ScalarText, from start: Int, _ body: (_ start: Int, _ end: Int, _ isMatch: Bool) -> Bool
    ) throws(TextError) {
        switch self {
        case .gpt2: GPT2Scanner().pieces(of: text, from: start, body)
        case .word(let scanner): scanner.pieces(of: text, from: start, body)
        case .casedWord(let scanner): scanner.pieces(of: text, from: start, body)
        case .deepSeek: DeepSeekScanner().pieces(of: text, from: start, body)
        case .numbers(let scanner): scanner.pieces(of: text, from: start, body)
        case .hanKana: HanKanaScanner().pieces(of: text, from: start, body)
        case .digitTriple: DigitTripleScanner().pieces(of: text, from: start, body)
        case .property(let scanner): scanner.pieces(of: text, from: start, body)
        case .literal(let scanner): scanner.pieces(of: text, from: start, body)
        case .oneClass(let scanner): scanner.pieces(of: text, from: start, body)
        case .expression(let expression): try expression.pieces(of: text, from: start, body)
        }
    }

    /// Where the next pieces end, matches and what is between them; fewer than there is room for only at the end. Nil for an expression, which
    /// has to see its text as a whole.
    func ends(of text: ScalarText, from start: Int, into ends: OwnedBuffer<Int>) -> Int? {
        switch self {
        case .gpt2: GPT2Scanner().ends(of: text, from: start, into: ends)
        case .word(let scanner): scanner.ends(of: text, from: start, into: ends)
        case .casedWord(let scanner): scanner.ends(of: text, from: start, into: ends)
        case .deepSeek: DeepSeekScanner().ends(of: text, from: start, into: ends)
        case .numbers(let scanner): scanner.ends(of: text, from: start, into: ends)
        case .hanKana: HanKanaScanner().ends(of: text, from: start, into: ends)
        case .digitTriple: DigitTripleScanner().ends(of: text, from: start, into: ends)
        case .property(let scanner): scanner.ends(of: text, from: start, into: ends)
        case .literal(let scanner): scanner.ends(of: text, from: start, into: ends)
        case .oneClass(let scanner): scanner.ends(of: text, from: start, into: ends)
        case .expression: nil
        }
    }
}

extension Pattern {
    /// No piece holds a letter with a blank behind it, and pieces before such a blank follow from the text up to it, those from it on from
    /// what begins with it.
    var endsWordsAtBlanks: Bool {
        switch self {
        case .gpt2, .word, .casedWord, .deepSeek: true
        case .numbers, .hanKana, .digitTriple, .property, .literal, .oneClass, .expression: false
        }
    }

    /// The scanner for a pattern's exact text, where there is one.
    static func known(_ text: String) -> Pattern? {
        families.first { $0.text == text }?.pattern ?? ClassScanner(text).map(Pattern.oneClass)
    }

    /// Texts as the files of well-known models have them.
    static let families: [(name: String, text: String, pattern: Pattern)] = [
        ("gpt-2", #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#, .gpt2),
        (
            "llama-3",
            #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#,
            .word(WordScanner(numbers: 3))
        ),
        (
            "qwen-2",
            #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#,
            .word(WordScanner(numbers: 1))
        ),
        (
            "qwen-3.5",
            #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#,
            .word(WordScanner(numbers: 1, marksAreLetters: true))
        ),
        (
            "gpt-4o",
            #"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"#
                + #"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"#
                + #"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"#,
            .casedWord(CasedWordScanner(numbers: 3, hasContractions: true))
        ),
        (
            "tekken",
            #"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|"#
                + #"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|"#
                + #"\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"#,
            .casedWord(CasedWordScanner(numbers: 1, hasContractions: false))
        ),
        (
            "deepseek-3",
            ##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|"##
                + #"\s*[\r\n]+|\s+(?!\S)|\s+"#,
            .deepSeek
        ),
        ("deepseek-3 numbers", #"\p{N}{1,3}"#, .numbers(NumberScanner(most: 3))),
        ("deepseek-3 characters", "[一-龥぀-ゟ゠-ヿ]+", .hanKana),
        ("single numbers", #"\p{N}"#, .numbers(NumberScanner(most: 1))),
        ("falcon numbers", "[0-9][0-9][0-9]", .digitTriple),
    ]
}
