/// Splits text by all steps of a pre-tokenizer, for those that are more than one pattern. Used by one thread at a time.
final class PieceSplitter {
    struct Piece: Hashable {
        var start: Int
        var end: Int
    }

    /// What the pieces are places in.
    private(set) var text: [UInt8] = []
    private(set) var pieces: [Piece] = []
    private var next: [Piece] = []
    /// Parts of one piece, before its matches are dealt with.
    private var parts: [(piece: Piece, isMatch: Bool)] = []
    private var isInByteAlphabet = false

    /// What it holds on to.
    var bytes: Int {
        text.capacity + (pieces.capacity + next.capacity) * MemoryLayout<Piece>.stride
            + parts.capacity * MemoryLayout<(piece: Piece, isMatch: Bool)>.stride
    }

    /// Asked once in a while, with the number of pieces that there will be at least, if no step removes any.
    typealias Check = (_ pieces: Int) throws(TextError) -> Void

    /// `isFirst`: the text is the beginning of the prompt. What `check` throws ends the work.
    func split(
        _ input: UnsafeBufferPointer<UInt8>, by steps: [PreTokenizer.Step], isFirst: Bool, check: Check = { _ in }
    ) throws(TextError) {
        text.removeAll(keepingCapacity: true)
        text.append(contentsOf: input)
        pieces.removeAll(keepingCapacity: true)
        pieces.append(Piece(start: 0, end: text.count))
        isInByteAlphabet = false
        for step in steps {
            switch step {
            case .split(let pattern, let behavior, let inverted): try split(pattern, behavior, inverted, check)
            case .byteLevel(let addsPrefixSpace, let splits):
                if addsPrefixSpace { rewrite { $0.first == 0x20 ? $0 : [0x20] + $0 } }
                if splits { try split(.gpt2, .isolated, false, check) }
                isInByteAlphabet = true
            case .metaspace(let metaspace): try apply(metaspace, isFirst, check)
            }
        }
    }

    // MARK: Splitting

    private func split(
        _ pattern: Pattern, _ behavior: PreTokenizer.Behavior, _ inverted: Bool, _ check: Check
    ) throws(TextError) {
        next.removeAll(keepingCapacity: true)
        let pieces = pieces
        var checkAt = TextLimits.bytesBetweenChecks
        for piece in pieces {
            parts.removeAll(keepingCapacity: true)
            var failure: TextError?
            try find(pattern, in: piece) { start, end, isMatch in
                // Empty parts say something about their neighbours only where these may join.
                if start < end || behavior != .isolated { parts.append((Piece(start: start, end: end), isMatch != inverted)) }
                guard end > checkAt else { return true }
                checkAt = end + TextLimits.bytesBetweenChecks
                do throws(TextError) { try check(next.count + (behavior == .isolated ? parts.count : 0)) } catch { failure = error }
                return failure == nil
            }
            if let failure { throw failure }
            arrange(behavior)
        }
        swap(&self.pieces, &next)
    }

    private func find(_ pattern: Pattern, in piece: Piece, _ body: (_ start: Int, _ end: Int, _ isMatch: Bool) -> Bool) throws(TextError) {
        guard isInByteAlphabet else {
            try text.withPaddedBytes { base, _ throws(TextError) in
                // The piece is all that the pattern sees.
                try pattern.pieces(of: ScalarText(base + piece.start, end: piece.end - piece.start), from: 0) { start, end, isMatch in
                    body(piece.start + start, piece.start + end, isMatch)
                }
            }
            return
        }
        var written: [UInt8] = []
        for byte in text[piece.start..<piece.end] { UTF8Scalar.append(ByteAlphabet.scalars[Int(byte)], to: &written) }
        // Every letter of the alphabet is one byte of the text.
        var letters = 0
        try written.withPaddedBytes { base, count throws(TextError) in
            try pattern.pieces(of: ScalarText(base, end: count), from: 0) { start, end, isMatch in
                let first = letters
                for place in start..<end where base[place] & 0xC0 != 0x80 { letters += 1 }
                return body(piece.start + first, piece.start + letters, isMatch)
            }
        }
    }

    /// As Hugging Face's tokenizers folds matches; empty pieces are left out.
    private func arrange(_ behavior: PreTokenizer.Behavior) {
        let first = next.count
        var lastMatched = false
        switch behavior {
        case .isolated: for part in parts { append(part.piece) }
        case .removed: for part in parts where !part.isMatch { append(part.piece) }
        case .contiguous:
            for part in parts {
                if part.isMatch == lastMatched, next.count > first { next[next.count - 1].end = part.piece.end } else { append(part.piece) }
                lastMatched = part.isMatch
            }
        case .mergedWithPrevious:
            for part in parts {
                if part.isMatch, !lastMatched, next.count > first {
                    next[next.count - 1].end = part.piece.end
                } else {
                    append(part.piece)
                }
                lastMatched = part.isMatch
            }
        case .mergedWithNext:
            for part in parts.reversed() {
                if part.isMatch, !lastMatched, next.count > first {
                    next[next.count - 1].start = part.piece.start
                } else {
                    append(part.piece)
                }
                lastMatched = part.isMatch
            }
            next[first...].reverse()
        }
    }

    private func append(_ piece: Piece) {
        if piece.start < piece.end { next.append(piece) }
    }

    // MARK: Changing text

    private func rewrite(_ change: ([UInt8]) -> [UInt8]) {
        var rewritten: [UInt8] = []
        rewritten.reserveCapacity(text.count + pieces.count)
        for index in pieces.indices {
            let piece = change(Array(text[pieces[index].start..<pieces[index].end]))
            pieces[index] = Piece(start: rewritten.count, end: rewritten.count + piece.count)
            rewritten.append(contentsOf: piece)
        }
        text = rewritten
    }

    private func apply(_ metaspace: PreTokenizer.Metaspace, _ isFirst: Bool, _ check: Check) throws(TextError) {
        let mark = metaspace.replacement
        var index = -1
        rewrite { piece in
            index += 1
            var result: [UInt8] = []
            result.reserveCapacity(piece.count + piece.count / 4)
            let prepends = metaspace.prepending == .always || metaspace.prepending == .first && isFirst && index == 0
            if prepends, !piece.starts(with: mark), piece.first != 0x20 { result.append(contentsOf: mark) }
            for byte in piece {
                if byte == 0x20 { result.append(contentsOf: mark) } else { result.append(byte) }
            }
            return result
        }
        if metaspace.splits { try split(.literal(LiteralScanner(literal: mark)), .mergedWithNext, false, check) }
    }
}
