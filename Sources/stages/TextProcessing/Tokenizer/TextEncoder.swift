import ClusterModel

/// Encodes prompts one after another, with memory of its own: used by one thread at a time.
final class TextEncoder: @unchecked Sendable {
    // Safety: whoever encodes has taken it out of the tokenizer's idle ones, under their lock, and puts it back when done.
    private let pipeline: TextPipeline
    private let pretokens: PretokenEncoder
    private var splitter = PieceSplitter()
    private var padded = PaddedBytes()
    /// Of pieces that are about to be encoded.
    private let pieceEnds = OwnedBuffer<Int>(capacity: 256)

    init(_ pipeline: TextPipeline) {
        self.pipeline = pipeline
        pretokens = PretokenEncoder(pipeline.model)
    }

    /// What its buffers hold on to, beside the memory of pretokens.
    var bytes: Int { pretokens.bytes + splitter.bytes + padded.capacity }

    /// Gives back what a large prompt needed and most do without; the memory of pretokens stays.
    func trim() {
        pretokens.trim(to: TextLimits.idleBufferBytes)
        if splitter.bytes > TextLimits.idleBufferBytes { splitter = PieceSplitter() }
        if padded.capacity > TextLimits.idleBufferBytes { padded = PaddedBytes() }
    }

    func encode(
        _ prompt: PromptText, from start: TextCut, atMost limit: Int, isCancelled: () -> Bool, into tokens: inout [TokenID],
        cuts: inout [TextCut]
    ) throws(TextError) {
        pretokens.clear()
        let budget = Budget(limit: limit, before: tokens.count - start.tokens)
        if prompt.addsSpecials, start == .start { tokens.append(contentsOf: pipeline.postProcessor.before) }
        try prompt.utf8.withUnsafeBufferPointer { text throws(TextError) in
            var place = start.byte
            var window = RunWindow(prompt.runs)
            try pipeline.rawTokens.matches(in: text, from: start.byte, runs: prompt.runs) { match throws(TextError) in
                try append(text, place, match.start, &window, budget, isCancelled, &tokens, &cuts)
                tokens.append(match.token)
                try budget.check(tokens)
                place = match.end
                if match.isCut { cuts.append(TextCut(byte: match.end, tokens: tokens.count - budget.before)) }
            }
            try append(text, place, text.count, &window, budget, isCancelled, &tokens, &cuts)
        }
        if prompt.addsSpecials { tokens.append(contentsOf: pipeline.postProcessor.behind) }
        try budget.check(tokens)
    }

    /// How many tokens there may be.
    private struct Budget {
        let limit: Int
        /// Tokens in the array that are not the prompt's.
        let before: Int

        func check(_ tokens: [TokenID]) throws(TextError) {
            guard tokens.count - before <= limit else { throw .promptTooLong(limit: limit) }
        }
    }

    // MARK: Between added tokens

    private func append(
        _ text: UnsafeBufferPointer<UInt8>, _ start: Int, _ end: Int, _ window: inout RunWindow, _ budget: Budget,
        _ isCancelled: () -> Bool, _ tokens: inout [TokenID], _ cuts: inout [TextCut]
    ) throws(TextError) {
        guard start < end else { return }
        if isCancelled() { throw .cancelled }
        let part = UnsafeBufferPointer(rebasing: text[start..<end])
        if pipeline.normalizedTokens.isEmpty, pipeline.normalizer.isIdentity(on: part) {
            var run = PieceRun(pipeline.wordCuts, partStart: start)
            return try appendNormalized(part, isFirst: start == 0, &run, budget, isCancelled, &tokens, &cuts)
        }
        let runs = window.touching(start, end)
        var passage = Normalizer.Passage(text: Array(part), marks: runs.dropLast().map { $0.end - start })
        try pipeline.normalizer.apply(to: &passage)
        let isFirst = start == 0 && passage.keepsStart
        // Where the text is another one, its places are not the prompt's.
        var run = PieceRun()
        try passage.text.withUnsafeBufferPointer { normal throws(TextError) in
            let ends = passage.marks + [normal.count]
            let runs = zip(runs, ends).map { PromptText.Run(end: $1, isTrusted: $0.isTrusted) }
            var place = 0
            try pipeline.normalizedTokens.matches(in: normal, from: 0, runs: runs) { match throws(TextError) in
                if place < match.start {
                    let between = UnsafeBufferPointer(rebasing: normal[place..<match.start])
                    try appendNormalized(between, isFirst: isFirst && place == 0, &run, budget, isCancelled, &tokens, &cuts)
                }
                tokens.append(match.token)
                try budget.check(tokens)
                place = match.end
            }
            let rest = UnsafeBufferPointer(rebasing: normal[min(place, normal.count)...])
            try appendNormalized(rest, isFirst: isFirst && place == 0, &run, budget, isCancelled, &tokens, &cuts)
        }
    }

    private func appendNormalized(
        _ text: UnsafeBufferPointer<UInt8>, isFirst: Bool, _ run: inout PieceRun, _ budget: Budget, _ isCancelled: () -> Bool,
        _ tokens: inout [TokenID], _ cuts: inout [TextCut]
    ) throws(TextError) {
        guard !text.isEmpty else { return }
        run.begin()
        if let pattern = pipeline.preTokenizer.only {
            padded.assign(text)
            let base = padded.base
            let text = ScalarText(base, end: text.count)
            // Every piece lies inside of `padded`, whose bytes are not changed meanwhile.
            if case .expression(let expression) = pattern {
                try expression.pieces(of: text, from: 0) { start, end, _ in
                    append(base, start, end, &run, budget, isCancelled, &tokens, &cuts)
                }
            } else {
                appendPieces(of: text, by: pattern, &run, budget, isCancelled, &tokens, &cuts)
            }
        } else {
            let before = tokens.count - budget.before
            try splitter.split(text, by: pipeline.preTokenizer.steps, isFirst: isFirst) { pieces throws(TextError) in
                if isCancelled() { throw .cancelled }
                guard !pipeline.piecesHaveTokens || before + pieces <= budget.limit else { throw .promptTooLong(limit: budget.limit) }
            }
            splitter.text.withUnsafeBufferPointer { padded.assign($0) }
            for piece in splitter.pieces {
                guard append(padded.base, piece.start, piece.end, &run, budget, isCancelled, &tokens, &cuts) else { break }
            }
        }
        if let failure = run.failure { throw failure }
        pretokens.drain(into: &tokens)
        try budget.check(tokens)
    }

    /// Some pieces at a time: first where they end, then what their tokens are, since two small loops are faster than a large one.
    private func appendPieces(
        of text: ScalarText, by pattern: Pattern, _ run: inout PieceRun, _ budget: Budget, _ isCancelled: () -> Bool,
        _ tokens: inout [TokenID], _ cuts: inout [TextCut]
    ) {
        var start = 0
        while start < text.end, let count = pattern.ends(of: text, from: start, into: pieceEnds) {
            let ends = pieceEnds.base
            var done = 0
            while true {
                done += pretokens.appendShortWords(text.base, &start, ends + done, count - done, upTo: run.lookAt)
                guard done < count else { break }
                guard append(text.base, start, ends[done], &run, budget, isCancelled, &tokens, &cuts) else { return }
                start = ends[done]
                done += 1
            }
        }
    }

    /// What happened so far to the pieces of one part.
    private struct PieceRun {
        var failure: TextError?
        /// Where the part begins in the prompt, and where in it cuts may be; nil if they may not.
        private let cuts: (WordCuts, partStart: Int)?
        /// Offset of the next look at the limit and at whether the request is gone.
        private var checkAt = 0
        /// Offset at or behind which a cut is wanted.
        private var cutAt = Int.max
        /// The lesser of both.
        private(set) var lookAt = 0

        init() { cuts = nil }
        init(_ cuts: WordCuts, partStart: Int) { self.cuts = (cuts, partStart) }

        mutating func begin() {
            checkAt = TextLimits.bytesBetweenChecks
            cutAt = cuts.map { $0.next(behind: 0, ofPartAt: $1) } ?? .max
            lookAt = min(checkAt, cutAt)
        }

        func checks(upTo end: Int) -> Bool { end > checkAt }

        mutating func checked(at start: Int) {
            checkAt = start + TextLimits.bytesBetweenChecks
            lookAt = min(checkAt, cutAt)
        }

        /// Whether pieces meet at a cut there that is wanted, and where in the prompt it is.
        mutating func cut(_ base: UnsafePointer<UInt8>, at place: Int) -> Int? {
            guard place >= cutAt, place > 0, WordCuts.isCut(base, at: place), let (cuts, start) = cuts else { return nil }
            cutAt = cuts.next(behind: place, ofPartAt: start)
            lookAt = min(checkAt, cutAt)
            return start + place
        }
    }

    /// False once there is a failure.
    @inline(__always)
    private func append(
        _ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int, _ run: inout PieceRun, _ budget: Budget, _ isCancelled: () -> Bool,
        _ tokens: inout [TokenID], _ cuts: inout [TextCut]
    ) -> Bool {
        if end > run.lookAt, !look(base, start, end, &run, budget, isCancelled, &tokens, &cuts) { return false }
        guard pretokens.append(base, start, end, isCancelled: isCancelled) else {
            run.failure = .cancelled
            return false
        }
        return true
    }

    /// Before the piece is encoded.
    @inline(never)
    private func look(
        _ base: UnsafePointer<UInt8>, _ start: Int, _ end: Int, _ run: inout PieceRun, _ budget: Budget, _ isCancelled: () -> Bool,
        _ tokens: inout [TokenID], _ cuts: inout [TextCut]
    ) -> Bool {
        if let cut = run.cut(base, at: start) {
            pretokens.drain(into: &tokens)
            cuts.append(TextCut(byte: cut, tokens: tokens.count - budget.before, reach: cut + WordCuts.reach))
        }
        guard run.checks(upTo: end) else { return true }
        pretokens.drain(into: &tokens)
        run.checked(at: start)
        if isCancelled() {
            run.failure = .cancelled
        } else if tokens.count - budget.before > budget.limit {
            run.failure = .promptTooLong(limit: budget.limit)
        } else if end - start > TextLimits.pretokenBytes {
            run.failure = .wordTooLong(limit: TextLimits.pretokenBytes)
        }
        return run.failure == nil
    }
}
