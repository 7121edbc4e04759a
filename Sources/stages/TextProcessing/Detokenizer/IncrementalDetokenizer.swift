package import ClusterModel

/// Turns the tokens of one choice into text, a batch at a time.
///
/// What it appends is valid UTF-8 at every moment: bytes that may become a code point wait for the rest of it (at most three), and what can
/// become none is replaced as the WHATWG decoder does it, one U+FFFD for each maximal part of a sequence. At steady state nothing is allocated.
package struct IncrementalDetokenizer: Sendable {
    private let vocabulary: Vocabulary
    private let showsSpecials: Bool
    private let visible: VisibleSpecials
    /// What the text still loses at its beginning.
    private var beginning: TokenSpelling.Beginning
    /// The unfinished tail between two calls; everything of a batch within one. Its memory is kept.
    private var raw: [UInt8] = []

    /// `visible` are special tokens that show even if specials do not.
    package init(_ vocabulary: Vocabulary, showsSpecials: Bool = false, visible: VisibleSpecials = .none) {
        self.vocabulary = vocabulary
        self.showsSpecials = showsSpecials
        self.visible = visible
        beginning = vocabulary.beginning
    }

    /// Whether `append` would say where this token stands.
    @inline(__always)
    package func marks(_ token: TokenID) -> Bool { vocabulary.isSpecial(token) && visible.contains(token) }

    /// Appends the parts of `text` that are visible special tokens to `marks`, ascending. Such a token ends what stands before it.
    package mutating func append(_ tokens: Span<TokenID>, to text: inout [UInt8], marks: inout [Range<Int>]) {
        guard !visible.isEmpty else { return append(tokens, to: &text) }
        var start = 0
        for index in tokens.indices where self.marks(tokens[index]) {
            append(tokens.extracting(start..<index), to: &text)
            start = index + 1
            finish(into: &text)
            let offset = text.count
            vocabulary.append(tokens[index], to: &text)
            marks.append(offset..<text.count)
        }
        append(tokens.extracting(start..<tokens.count), to: &text)
    }

    package mutating func append(_ tokens: Span<TokenID>, to text: inout [UInt8]) {
        for index in tokens.indices {
            let token = tokens[index]
            guard showsSpecials || !vocabulary.isSpecial(token) else { continue }
            let start = raw.count
            vocabulary.append(token, to: &raw)
            if beginning != .whole { begin(with: start) }
        }
        let consumed = UTF8Repair.decode(raw.span, isLast: false, into: &text)
        if consumed == raw.count {
            raw.removeAll(keepingCapacity: true)
        } else {
            raw.removeFirst(consumed)
        }
    }

    /// The text ends here: what still waits is part of a code point that never came.
    package mutating func finish(into text: inout [UInt8]) {
        _ = UTF8Repair.decode(raw.span, isLast: true, into: &text)
        raw.removeAll(keepingCapacity: true)
    }

    /// Takes away from the first tokens what a text does not begin with; `start` is where the newest token's bytes begin.
    private mutating func begin(with start: Int) {
        switch beginning {
        case .whole: break
        case .losesBlanks(let count):
            var lost = 0
            while lost < count, start + lost < raw.count, raw[start + lost] == 0x20 { lost += 1 }
            raw.removeSubrange(start..<start + lost)
            beginning = start < raw.count || lost == count ? .whole : .losesBlanks(count - lost)
        case .losesFirstTokensBlanks:
            let kept = raw[start...].filter { $0 != 0x20 }
            raw.replaceSubrange(start..., with: kept)
            beginning = .whole
        }
    }
}
