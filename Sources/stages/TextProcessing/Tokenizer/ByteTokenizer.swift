package import ClusterModel

/// A token for each byte, and special tokens behind them: exact, fast, and enough for engines that make their tokens up.
package struct ByteTokenizer: Tokenizer {
    package let vocabulary: Vocabulary
    /// Longest first, so that one which begins with another wins.
    private let specials: [(utf8: [UInt8], token: TokenID)]
    /// Bytes that begin a special token.
    private let starts: [Bool]

    /// Bytes are tokens 0 to 255; `specials` follow from 256, each text not empty and there once.
    package init(specials: [String]) {
        vocabulary = Vocabulary((UInt8.min...UInt8.max).map { ([$0], false) } + specials.map { (Array($0.utf8), true) })
        self.specials = vocabulary.specials.map { (Array($0.text.utf8), $0.token) }
            .sorted { ($0.utf8.count, $1.token) > ($1.utf8.count, $0.token) }
        var starts = [Bool](repeating: false, count: 256)
        for special in self.specials { starts[Int(special.utf8[0])] = true }
        self.starts = starts
    }

    package func encode(
        _ prompt: PromptText, from cut: TextCut, atMost limit: Int, isCancelled: () -> Bool, into tokens: inout [TokenID],
        cuts: inout [TextCut]
    ) throws(TextError) {
        let most = min(limit, Int.max / 2) - cut.tokens + tokens.count
        tokens.reserveCapacity(max(0, min(most, tokens.count + prompt.utf8.count - cut.byte)))
        var start = cut.byte
        for run in prompt.runs where run.end > start {
            if isCancelled() { throw .cancelled }
            let text = prompt.utf8.span.extracting(start..<run.end)
            start = run.end
            if run.isTrusted {
                encodeTrusted(text, atMost: most, into: &tokens)
            } else if tokens.count + text.count <= most {
                for index in text.indices { tokens.append(TokenID(text[index])) }
            } else {
                throw .promptTooLong(limit: limit)
            }
            guard tokens.count <= most else { throw .promptTooLong(limit: limit) }
        }
    }

    /// Stops soon behind the first token that is too many.
    private func encodeTrusted(_ text: Span<UInt8>, atMost most: Int, into tokens: inout [TokenID]) {
        var position = 0
        while position < text.count && tokens.count <= most {
            let plain = position
            while position < text.count, !starts[Int(text[position])], position - plain <= most { position += 1 }
            for index in plain..<position { tokens.append(TokenID(text[index])) }
            guard position < text.count else { return }
            if let special = special(at: position, in: text) {
                tokens.append(special.token)
                position += special.utf8.count
            } else {
                tokens.append(TokenID(text[position]))
                position += 1
            }
        }
    }

    private func special(at position: Int, in text: Span<UInt8>) -> (utf8: [UInt8], token: TokenID)? {
        specials.first { special in
            special.utf8.count <= text.count - position && special.utf8.indices.allSatisfy { special.utf8[$0] == text[position + $0] }
        }
    }
}
