/// Cuts a template's source into tokens, with the white space rules of `trim_blocks` and `lstrip_blocks`.
///
/// A tag that stands alone in its line leaves nothing of that line; `-` at either end of a tag takes all white space on that side, `+` keeps it.
struct TemplateLexer {
    private enum Tag { case output, block, comment }

    private let source: [UInt8]
    private var position = 0
    private var line = 1
    /// What came last ended a line.
    private var isAtLineStart = true
    private var tokens: [TemplateToken] = []

    static func tokens(of source: [UInt8]) throws(TemplateError) -> [TemplateToken] {
        var lexer = TemplateLexer(source)
        try lexer.run()
        return lexer.tokens
    }

    /// Line ends become line feeds, and a last one goes away.
    private init(_ source: [UInt8]) {
        var lines: [UInt8] = []
        lines.reserveCapacity(source.count)
        for (index, byte) in source.enumerated() {
            if byte == 0x0D {
                lines.append(0x0A)
            } else if byte != 0x0A || index == 0 || source[index - 1] != 0x0D {
                lines.append(byte)
            }
        }
        if lines.last == 0x0A { lines.removeLast() }
        self.source = lines
    }

    private mutating func run() throws(TemplateError) {
        while let (place, tag) = nextTag() {
            let text = position..<place
            let sign = place + 2 < source.count ? source[place + 2] : 0
            if tag == .block, let body = rawBody(from: place) {
                appendData(text, sign: sign, stripsLine: true)
                try raw(from: place, body)
                continue
            }
            appendData(text, sign: sign, stripsLine: tag != .output)
            position = place + (sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") ? 3 : 2)
            switch tag {
            case .comment: try comment()
            case .output: try inside(begin: .beginOutput, end: .endOutput, close: "}}")
            case .block: try inside(begin: .beginBlock, end: .endBlock, close: "%}")
            }
        }
        appendData(position..<source.count, sign: 0, stripsLine: false)
        tokens.append(TemplateToken(kind: .end, line: line))
    }

    private func nextTag() -> (Int, Tag)? {
        var place = position
        while place + 1 < source.count {
            if source[place] == UInt8(ascii: "{") {
                switch source[place + 1] {
                case UInt8(ascii: "{"): return (place, .output)
                case UInt8(ascii: "%"): return (place, .block)
                case UInt8(ascii: "#"): return (place, .comment)
                default: break
                }
            }
            place += 1
        }
        return nil
    }

    private mutating func appendData(_ range: Range<Int>, sign: UInt8, stripsLine: Bool) {
        var end = range.upperBound
        if sign == UInt8(ascii: "-") {
            end = PythonText.trimmed(source[range], left: false, right: true).upperBound
        } else if sign != UInt8(ascii: "+") && stripsLine {
            let lineFeed = source[range].lastIndex(of: 0x0A)
            if let start = lineFeed.map({ $0 + 1 }) ?? (isAtLineStart ? range.lowerBound : nil),
                PythonText.trimmed(source[start..<end], left: true, right: false).isEmpty
            {
                end = start
            }
        }
        if end > range.lowerBound { tokens.append(TemplateToken(kind: .data(Array(source[range.lowerBound..<end])), line: line)) }
        countLines(range)
    }

    private mutating func countLines(_ range: Range<Int>) {
        for byte in source[range] where byte == 0x0A { line += 1 }
    }

    // MARK: Comments and raw text

    private mutating func comment() throws(TemplateError) {
        var place = position
        while place + 1 < source.count {
            if source[place] == UInt8(ascii: "#") && source[place + 1] == UInt8(ascii: "}") {
                let sign = place > position ? source[place - 1] : 0
                return close(from: position, at: place, sign: sign, takesLineFeed: true)
            }
            place += 1
        }
        throw .invalid(line: line, reason: "a comment has no end")
    }

    /// Goes behind a closing mark of two bytes, and behind the white space that it takes.
    private mutating func close(from start: Int, at place: Int, sign: UInt8, takesLineFeed: Bool) {
        position = place + 2
        if sign == UInt8(ascii: "-") {
            skipBlanks()
        } else if takesLineFeed && sign != UInt8(ascii: "+") && position < source.count && source[position] == 0x0A {
            position += 1
        }
        countLines(start..<position)
        isAtLineStart = source[position - 1] == 0x0A
    }

    private mutating func skipBlanks() { position = afterBlanks(position) }

    private func afterBlanks(_ start: Int) -> Int {
        var place = start
        while place < source.count {
            let length = PythonText.blank(at: place, in: source[...])
            guard length > 0 else { break }
            place += length
        }
        return place
    }

    /// Where the text behind `{% raw %}` begins if that is the tag at `place`.
    private func rawBody(from place: Int) -> Int? {
        guard let (end, sign) = wordTag("raw", at: place), sign != UInt8(ascii: "+") else { return nil }
        return sign == UInt8(ascii: "-") ? afterBlanks(end) : end
    }

    /// The end of `{% word %}` at `place`, and the sign before its closing mark.
    private func wordTag(_ word: String, at place: Int) -> (end: Int, sign: UInt8)? {
        var at = place + 2
        if at < source.count, source[at] == UInt8(ascii: "-") || source[at] == UInt8(ascii: "+") { at += 1 }
        at = afterBlanks(at)
        guard source[at...].starts(with: word.utf8) else { return nil }
        at = afterBlanks(at + word.utf8.count)
        var sign: UInt8 = 0
        if at < source.count, source[at] == UInt8(ascii: "-") || source[at] == UInt8(ascii: "+") {
            sign = source[at]
            at += 1
        }
        return source[at...].starts(with: "%}".utf8) ? (at + 2, sign) : nil
    }

    private mutating func raw(from tag: Int, _ start: Int) throws(TemplateError) {
        countLines(tag..<start)
        var place = start
        while place + 1 < source.count {
            if source[place] == UInt8(ascii: "{"), source[place + 1] == UInt8(ascii: "%"), let (end, sign) = wordTag("endraw", at: place) {
                isAtLineStart = source[start - 1] == 0x0A
                appendData(start..<place, sign: source[place + 2], stripsLine: true)
                return close(from: place, at: end - 2, sign: sign, takesLineFeed: true)
            }
            place += 1
        }
        throw .invalid(line: line, reason: "raw text has no end")
    }

    // MARK: Inside tags

    private mutating func inside(begin: TemplateToken.Kind, end: TemplateToken.Kind, close mark: StaticString) throws(TemplateError) {
        tokens.append(TemplateToken(kind: begin, line: line))
        let mark = mark.withUTF8Buffer { Array($0) }
        var open: [UInt8] = []
        let scanner = TagScanner(source)
        while true {
            if open.isEmpty {
                let sign = position < source.count ? source[position] : 0
                let isSigned = sign == UInt8(ascii: "-") || (sign == UInt8(ascii: "+") && end == .endBlock)
                let place = isSigned ? position + 1 : position
                if source[place...].starts(with: mark) {
                    tokens.append(TemplateToken(kind: end, line: line))
                    return close(from: position, at: place, sign: isSigned ? sign : 0, takesLineFeed: end == .endBlock)
                }
            }
            guard position < source.count else { throw .invalid(line: line, reason: "a tag has no end") }
            let blank = PythonText.blank(at: position, in: source[...])
            if blank > 0 {
                if source[position] == 0x0A { line += 1 }
                position += blank
                continue
            }
            let start = position
            let kind = try scanner.token(at: &position, line: line)
            if case .symbol(let symbol) = kind { try balance(symbol, &open) }
            tokens.append(TemplateToken(kind: kind, line: line))
            countLines(start..<position)
        }
    }

    /// `}}` inside a dict is no end of the tag.
    private func balance(_ symbol: String, _ open: inout [UInt8]) throws(TemplateError) {
        switch symbol {
        case "(": open.append(UInt8(ascii: ")"))
        case "[": open.append(UInt8(ascii: "]"))
        case "{": open.append(UInt8(ascii: "}"))
        case ")", "]", "}":
            guard open.popLast() == symbol.utf8.first else { throw .invalid(line: line, reason: "unexpected '\(symbol)'") }
        default: break
        }
    }
}
