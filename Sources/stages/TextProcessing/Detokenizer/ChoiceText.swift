package import ClusterModel

/// What one batch of tokens did to a choice's text.
package struct ChoiceProgress: Hashable, Sendable {
    /// Tokens of the batch that belong to the choice: all of them, unless a stop text ended it before.
    package var tokens: Int
    /// Why the choice ended, if it did.
    package var finish: FinishKind?
    /// Which stop text ended it.
    package var stop: Int?

    package init(tokens: Int, finish: FinishKind? = nil, stop: Int? = nil) {
        self.tokens = tokens
        self.finish = finish
        self.stop = stop
    }
}

/// The text of one choice as its client sees it: detokenized, cut at stop texts, never breaking a code point.
package struct ChoiceText: Sendable {
    private var detokenizer: IncrementalDetokenizer
    private var matcher: StopMatcher
    private let includesStop: Bool
    /// Tokens that end the text unseen.
    private let hiddenTokens: [TokenID]
    /// The client's stop texts; hidden ones are counted behind them.
    private let stops: Int
    /// Tokens that must come before any stop is looked for.
    private let minTokens: Int
    private var produced = 0
    private var isFinished = false
    /// Text of one token on its way to the matcher; its memory is kept.
    private var scratch: [UInt8] = []

    /// `visible` are special tokens that a parser of the text must see; `hidden` is what ends it, unless the client ignores that.
    package init(
        _ vocabulary: Vocabulary, _ sampling: SamplingParameters, visible: VisibleSpecials = .none, hidden: HiddenStops = .none
    ) {
        let hidden = sampling.ignoresEndOfText ? .none : hidden
        detokenizer = IncrementalDetokenizer(vocabulary, showsSpecials: sampling.showsSpecialTokens, visible: visible)
        matcher = StopMatcher(sampling.stopTexts, includesStop: sampling.includesStop, hidden: hidden.texts)
        hiddenTokens = hidden.tokens
        stops = sampling.stopTexts.count
        includesStop = sampling.includesStop
        minTokens = Int(sampling.minTokens)
    }

    /// Appends to `shown` the text of the next tokens. With `finish` they are the last ones; a stop text in them comes first.
    ///
    /// The token that an engine stopped at is counted and not shown, unless stops are to be included; one that is hidden is never shown. Once finished, further tokens change nothing.
    package mutating func append(_ tokens: Span<TokenID>, finish: FinishKind? = nil, to shown: inout [UInt8]) -> ChoiceProgress {
        var marks: [Range<Int>] = []
        return append(tokens, finish: finish, to: &shown, marks: &marks)
    }

    /// The same; also appends the parts of `shown` that are visible special tokens to `marks`, ascending. No stop text reaches across one.
    package mutating func append(
        _ tokens: Span<TokenID>, finish: FinishKind? = nil, to shown: inout [UInt8], marks: inout [Range<Int>]
    ) -> ChoiceProgress {
        guard !isFinished else { return ChoiceProgress(tokens: 0) }
        if let end = hiddenEnd(of: tokens) {
            return append(tokens.extracting(first: end + 1), textual: end, finish: .endOfText, &shown, &marks)
        }
        let isUnseen = !includesStop && (finish == .endOfText || finish == .stopToken)
        return append(tokens, textual: isUnseen ? max(0, tokens.count - 1) : tokens.count, finish: finish, &shown, &marks)
    }

    /// The first token that ends the text by itself.
    private func hiddenEnd(of tokens: Span<TokenID>) -> Int? {
        guard !hiddenTokens.isEmpty else { return nil }
        for index in tokens.indices where hiddenTokens.contains(tokens[index]) && produced + index >= minTokens { return index }
        return nil
    }

    /// The first `textual` tokens are seen.
    private mutating func append(
        _ tokens: Span<TokenID>, textual: Int, finish: FinishKind?, _ shown: inout [UInt8], _ marks: inout [Range<Int>]
    ) -> ChoiceProgress {
        if let stopped = appendTextual(tokens.extracting(first: textual), to: &shown, &marks) { return stopped }
        produced += tokens.count - textual
        guard let finish else { return ChoiceProgress(tokens: tokens.count) }
        if let stop = end(&shown) { return progress(tokens.count, stoppedBy: stop) }
        return ChoiceProgress(tokens: tokens.count, finish: finish)
    }

    private func progress(_ tokens: Int, stoppedBy stop: Int) -> ChoiceProgress {
        stop < stops ? ChoiceProgress(tokens: tokens, finish: .stopText, stop: stop) : ChoiceProgress(tokens: tokens, finish: .endOfText)
    }

    /// Ends the choice where no token says so, such as before an error: shows what was held back.
    package mutating func finish(into shown: inout [UInt8]) {
        if !isFinished { _ = end(&shown) }
    }

    private mutating func appendTextual(_ tokens: Span<TokenID>, to shown: inout [UInt8], _ marks: inout [Range<Int>]) -> ChoiceProgress? {
        guard !matcher.isEmpty else {
            detokenizer.append(tokens, to: &shown, marks: &marks)
            produced += tokens.count
            return nil
        }
        var piece: [UInt8] = []
        swap(&piece, &scratch)
        defer { swap(&piece, &scratch) }
        // One at a time, so that a stop is charged with the tokens up to it and no more.
        for index in tokens.indices {
            produced += 1
            if produced <= minTokens {
                detokenizer.append(tokens.extracting(index...index), to: &shown, marks: &marks)
                continue
            }
            piece.removeAll(keepingCapacity: true)
            let isMark = detokenizer.marks(tokens[index])
            if isMark {
                detokenizer.finish(into: &piece)
            } else {
                detokenizer.append(tokens.extracting(index...index), to: &piece)
            }
            if let stop = matcher.append(piece.span, to: &shown) {
                isFinished = true
                return progress(index + 1, stoppedBy: stop)
            }
            if isMark {
                matcher.interrupt(into: &shown)
                detokenizer.append(tokens.extracting(index...index), to: &shown, marks: &marks)
            }
        }
        return nil
    }

    /// Shows what waits, with a replacement for the code point that is not finished: that may complete a stop text, whose index it returns then.
    private mutating func end(_ shown: inout [UInt8]) -> Int? {
        isFinished = true
        guard produced > minTokens else {  // the matcher has seen nothing yet
            detokenizer.finish(into: &shown)
            return nil
        }
        var rest: [UInt8] = []
        detokenizer.finish(into: &rest)
        if let stop = matcher.append(rest.span, to: &shown) { return stop }
        matcher.finish(into: &shown)
        return nil
    }
}
