import ClusterModel

/// Finds added tokens as Hugging Face's tokenizers does: the leftmost, of those the longest, and then its flags.
///
/// What a client wrote may name added tokens, but no special ones. Models know `<think>` or `<tool_call>` from the texts they were trained on, where
/// such a word is its token wherever it stands; spelled in pieces it would be something no model has seen. A special token ends turns and
/// names speakers: one that a client could write would let it speak for others. So text that is not trusted is searched for all but the
/// special ones, and no token of either kind reaches over from one kind of text into the other.
struct AddedTokenMatcher: Sendable {
    struct Match {
        var token: TokenID
        /// What the token takes of the text, white space among it.
        var start: Int
        var end: Int
        /// What follows does not depend on what came before: see `TextCut`.
        var isCut: Bool
    }

    private let tokens: [AddedToken]
    /// The trie's strings as places in `tokens`.
    private let places: [[Int]]
    /// Of untrusted text, and of trusted text.
    private let tries: [TokenTrie]
    private let mayCut: [Bool]

    /// `contents` are the texts to look for, in the order of `tokens`: normalized where the text will be.
    init(_ tokens: [AddedToken], contents: [[UInt8]]) {
        self.tokens = tokens
        let places = [false, true].map { isTrusted in
            tokens.indices.filter { !contents[$0].isEmpty && (isTrusted || !tokens[$0].isSpecial) }
        }
        let tries = places.map { TokenTrie($0.map { contents[$0] }) }
        self.places = places
        self.tries = tries
        let mayGrow = AddedTokenMatcher.mayGrow(contents)
        mayCut = tokens.indices.map { !tokens[$0].stripsRight && !tokens[$0].isSingleWord && !mayGrow[$0] }
    }

    /// Whether a text stands inside of another one, other than at its end: what follows it may show that it is part of that other one.
    private static func mayGrow(_ contents: [[UInt8]]) -> [Bool] {
        let trie = TokenTrie(contents)
        var isInner = [Bool](repeating: false, count: contents.count)
        for content in contents {
            content.withUnsafeBufferPointer { content in
                for start in content.indices where trie.begins(with: content[start]) {
                    trie.strings(in: UnsafeBufferPointer(rebasing: content[start..<content.count - 1])) { isInner[$0] = true }
                }
            }
        }
        return contents.map { content in
            // Of equal texts the trie knows one.
            content.withUnsafeBufferPointer { trie.longest(in: $0).map { isInner[$0.string] } ?? false }
        }
    }

    var isEmpty: Bool { tries[1].isEmpty }

    /// Calls `body` with each match in `text[start...]`, in order. `runs` are the ends of stretches of equal trust, the last one the text's.
    func matches<Failure: Error>(
        in text: UnsafeBufferPointer<UInt8>, from start: Int, runs: some Sequence<PromptText.Run>,
        _ body: (Match) throws(Failure) -> Void
    ) throws(Failure) {
        var place = start
        var taken = start
        for run in runs where run.end > place {
            let trust = run.isTrusted ? 1 : 0
            guard !tries[trust].isEmpty else {
                place = run.end
                continue
            }
            while true {
                place = tries[trust].next(in: text, from: place, to: run.end)
                guard place < run.end else { break }
                guard let (string, length) = tries[trust].longest(in: UnsafeBufferPointer(rebasing: text[place..<run.end])) else {
                    place += 1
                    continue
                }
                let index = places[trust][string]
                if let match = match(index, text, place, length, taken) {
                    try body(match)
                    taken = match.end
                }
                place += length
            }
        }
    }

    /// Nil if it is no single word and must be.
    private func match(_ index: Int, _ text: UnsafeBufferPointer<UInt8>, _ place: Int, _ length: Int, _ taken: Int) -> Match? {
        let token = tokens[index]
        var match = Match(token: token.id, start: place, end: place + length, isCut: mayCut[index])
        if token.isSingleWord, endsWithWord(text, match.start) || beginsWithWord(text, match.end) { return nil }
        if token.stripsLeft {
            // What an earlier token took stays with it; so this looks at no blank twice.
            while match.start > taken, let start = spaceBefore(match.start, text) { match.start = start }
            match.start = max(match.start, taken)
        }
        if token.stripsRight {
            while match.end < text.count, let end = spaceBehind(match.end, text) { match.end = end }
        }
        return match
    }

    private func endsWithWord(_ text: UnsafeBufferPointer<UInt8>, _ end: Int) -> Bool {
        guard end > 0, let base = text.baseAddress else { return false }
        return UnicodeProperties(of: UTF8Scalar.read(base + UTF8Scalar.start(before: end, in: base)).code).isWord
    }

    private func beginsWithWord(_ text: UnsafeBufferPointer<UInt8>, _ start: Int) -> Bool {
        guard start < text.count, let base = text.baseAddress else { return false }
        return UnicodeProperties(of: UTF8Scalar.read(base + start).code).isWord
    }

    private func spaceBefore(_ end: Int, _ text: UnsafeBufferPointer<UInt8>) -> Int? {
        guard let base = text.baseAddress else { return nil }
        let start = UTF8Scalar.start(before: end, in: base)
        return UnicodeProperties(of: UTF8Scalar.read(base + start).code).isWhiteSpace ? start : nil
    }

    private func spaceBehind(_ start: Int, _ text: UnsafeBufferPointer<UInt8>) -> Int? {
        guard let base = text.baseAddress else { return nil }
        let (code, length) = UTF8Scalar.read(base + start)
        return UnicodeProperties(of: code).isWhiteSpace ? start + length : nil
    }
}
