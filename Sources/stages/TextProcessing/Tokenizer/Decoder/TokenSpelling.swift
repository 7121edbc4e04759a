/// How a token's text in the file becomes the bytes that it spells.
struct TokenSpelling: Sendable {
    enum Step: Sendable {
        /// The text is in `ByteLevel`'s alphabet, unless it has a letter that is not in it.
        case byteLevel
        case replace([UInt8], [UInt8])
        /// `<0x0A>` is that byte.
        case byteFallback
        /// From the beginning and from the end of each token.
        case strip([UInt8], start: Int, stop: Int)
    }

    /// What the first token of a text loses.
    enum Beginning: Hashable, Sendable {
        case whole
        /// Up to so many blanks at the beginning of the text.
        case losesBlanks(Int)
        /// All that stands for blanks in the first token.
        case losesFirstTokensBlanks
    }

    var steps: [Step] = []
    var beginning = Beginning.whole

    /// Appends what the token spells anywhere but at the beginning of a text. False if that is too much.
    func append(_ text: UnsafeBufferPointer<UInt8>, to bytes: inout [UInt8]) -> Bool {
        if steps.count == 1, case .byteLevel = steps[0] {
            if !ByteAlphabet.append(bytesOf: text, to: &bytes) { bytes.append(contentsOf: text) }
            return true
        }
        var spelled = Array(text)
        for step in steps {
            switch step {
            case .byteLevel:
                var read: [UInt8] = []
                if spelled.withUnsafeBufferPointer({ ByteAlphabet.append(bytesOf: $0, to: &read) }) { spelled = read }
            case .replace(let old, let new): spelled = TokenSpelling.replacing(old, new, in: spelled)
            case .byteFallback:
                if let byte = TokenSpelling.fallbackByte(spelled) { spelled = [byte] }
            case .strip(let content, let start, let stop): TokenSpelling.strip(content, start, stop, &spelled)
            }
            guard spelled.count <= TextLimits.rewrittenTokenBytes else { return false }
        }
        bytes.append(contentsOf: spelled)
        return true
    }

    /// The byte that `<0x0A>` stands for.
    static func fallbackByte(_ text: [UInt8]) -> UInt8? {
        guard text.count == 6, text.starts(with: "<0x".utf8), text[5] == UInt8(ascii: ">") else { return nil }
        return UInt8(String(decoding: text[3...4], as: UTF8.self), radix: 16)
    }

    private static func replacing(_ old: [UInt8], _ new: [UInt8], in text: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var place = 0
        while place < text.count {
            if text[place...].starts(with: old) {
                result.append(contentsOf: new)
                place += old.count
            } else {
                result.append(text[place])
                place += 1
            }
        }
        return result
    }

    private static func strip(_ content: [UInt8], _ start: Int, _ stop: Int, _ text: inout [UInt8]) {
        var rest = text[...]
        var count = 0
        while count < start, rest.starts(with: content) {
            rest = rest.dropFirst(content.count)
            count += 1
        }
        count = 0
        while count < stop, rest.suffix(content.count).elementsEqual(content) {
            rest = rest.dropLast(content.count)
            count += 1
        }
        text = Array(rest)
    }
}
