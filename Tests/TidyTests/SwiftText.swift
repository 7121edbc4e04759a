/// A Swift source taken apart: its code without comments and the contents of strings, its comments, and the tokens of the code.
///
/// What a comment or a string says is no code, so it never breaks a rule about code; what stands in an interpolation is code.
struct SwiftText {
    /// A name, a number, a single sign, or `""` for any string.
    struct Token: Equatable {
        let text: String
        let line: Int
    }

    let tokens: [Token]
    /// The text of comments, line by line; the first line is at index 0.
    let comments: [String]
    let lineCount: Int

    init(_ text: String) {
        var lexer = SwiftLexer(text)
        lexer.code(endsAtParenthesis: false)
        tokens = SwiftText.tokens(lexer.code)
        comments = SwiftText.lines(lexer.comments)
        lineCount = SwiftText.lines(Array(text.utf8)).count - (text.utf8.last == UInt8(ascii: "\n") ? 1 : 0)
    }

    /// Where the tokens of `phrase`, separated by spaces, follow one another.
    func places(of phrase: String) -> [Int] {
        let wanted = phrase.split(separator: " ").map(String.init)
        guard let first = wanted.first, tokens.count >= wanted.count else { return [] }
        return (0...(tokens.count - wanted.count)).filter { start in
            tokens[start].text == first && wanted.indices.allSatisfy { tokens[start + $0].text == wanted[$0] }
        }
    }

    func text(at index: Int) -> String? { tokens.indices.contains(index) ? tokens[index].text : nil }

    /// The index of the parenthesis that closes the one at `open`.
    func closing(_ open: Int) -> Int? {
        var depth = 0
        for index in open..<tokens.count {
            if tokens[index].text == "(" { depth += 1 }
            if tokens[index].text == ")" {
                depth -= 1
                if depth == 0 { return index }
            }
        }
        return nil
    }

    /// Whether a comment within four lines of `line` says `word`.
    func comment(near line: Int, says word: String) -> Bool {
        let first = max(line - 1 - 4, 0), last = min(line - 1 + 4, comments.count - 1)
        return first <= last && comments[first...last].contains { $0.contains(word) }
    }

    private static func lines(_ bytes: [UInt8]) -> [String] {
        bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) }
    }

    private static func tokens(_ code: [UInt8]) -> [Token] {
        var tokens: [Token] = [], word: [UInt8] = [], line = 1
        func isWordByte(_ byte: UInt8) -> Bool {
            byte == UInt8(ascii: "_") || byte == UInt8(ascii: "$") || byte >= 0x80 || (0x30...0x39).contains(byte)
                || (0x41...0x5A).contains(byte)
                || (0x61...0x7A).contains(byte)
        }
        for byte in code + [UInt8(ascii: "\n")] {
            if isWordByte(byte) {
                word.append(byte)
                continue
            }
            if !word.isEmpty {
                tokens.append(Token(text: String(decoding: word, as: UTF8.self), line: line))
                word.removeAll(keepingCapacity: true)
            }
            switch byte {
            case UInt8(ascii: "\n"): line += 1
            case UInt8(ascii: " "), UInt8(ascii: "\t"): break
            case UInt8(ascii: "\""): tokens.append(Token(text: "\"\"", line: line))
            default: tokens.append(Token(text: String(UnicodeScalar(byte)), line: line))
            }
        }
        return tokens
    }
}

/// Splits bytes into code and comments of the same length and the same lines; what does not belong is blank. A string leaves one quote in the code.
struct SwiftLexer {
    private let source: [UInt8]
    private var at = 0
    private(set) var code: [UInt8] = []
    private(set) var comments: [UInt8] = []

    init(_ text: String) {
        source = Array(text.utf8)
        code.reserveCapacity(source.count)
        comments.reserveCapacity(source.count)
    }

    private enum Place { case code, comment, nowhere }

    private func peek(_ offset: Int = 0) -> UInt8? { at + offset < source.count ? source[at + offset] : nil }
    private func sees(_ text: StaticString, at offset: Int = 0) -> Bool {
        text.withUTF8Buffer { wanted in wanted.indices.allSatisfy { peek(offset + $0) == wanted[$0] } }
    }

    private mutating func take(_ count: Int = 1, as place: Place) {
        for _ in 0..<count where at < source.count {
            let byte = source[at], blank = byte == UInt8(ascii: "\n") ? byte : UInt8(ascii: " ")
            code.append(place == .code ? byte : blank)
            comments.append(place == .comment ? byte : blank)
            at += 1
        }
    }

    /// Reads code; with `endsAtParenthesis` up to the one that closes an interpolation.
    mutating func code(endsAtParenthesis: Bool) {
        var depth = 0
        while let byte = peek() {
            if sees("//") {
                while let next = peek(), next != UInt8(ascii: "\n") { take(as: .comment) }
            } else if sees("/*") {
                blockComment()
            } else if byte == UInt8(ascii: "\"") {
                string(hashes: 0)
            } else if byte == UInt8(ascii: "#") {
                var hashes = 1
                while peek(hashes) == UInt8(ascii: "#") { hashes += 1 }
                if peek(hashes) == UInt8(ascii: "\"") { string(hashes: hashes) } else { take(hashes, as: .code) }
            } else {
                if byte == UInt8(ascii: "(") { depth += 1 }
                if byte == UInt8(ascii: ")") {
                    if endsAtParenthesis, depth == 0 { return }
                    depth -= 1
                }
                take(as: .code)
            }
        }
    }

    private mutating func blockComment() {
        var depth = 0
        repeat {
            if sees("/*") {
                depth += 1
                take(2, as: .comment)
            } else if sees("*/") {
                depth -= 1
                take(2, as: .comment)
            } else {
                take(as: .comment)
            }
        } while depth > 0 && at < source.count
    }

    private mutating func string(hashes: Int) {
        take(hashes, as: .nowhere)
        let quotes = sees("\"\"\"") ? 3 : 1
        take(as: .code)
        take(quotes - 1, as: .nowhere)
        func hashesFollow(_ offset: Int) -> Bool { (0..<hashes).allSatisfy { peek(offset + $0) == UInt8(ascii: "#") } }
        while let byte = peek() {
            if byte == UInt8(ascii: "\\"), hashesFollow(1) {
                take(1 + hashes, as: .nowhere)
                if peek() == UInt8(ascii: "(") {
                    take(as: .code)
                    code(endsAtParenthesis: true)
                    take(as: .code)
                } else {
                    take(as: .nowhere)
                }
            } else if quotes == 3 ? sees("\"\"\"") : byte == UInt8(ascii: "\""), hashesFollow(quotes) {
                return take(quotes + hashes, as: .nowhere)
            } else if quotes == 1, byte == UInt8(ascii: "\n") {
                return  // no Swift: the compiler says so better
            } else {
                take(as: .nowhere)
            }
        }
    }
}
