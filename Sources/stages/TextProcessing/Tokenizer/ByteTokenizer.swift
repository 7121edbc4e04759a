package import ClusterModel

/// A token for each byte, and special tokens behind them: exact, fast, and enough for engines that make their tokens up.
package struct ByteTokenizer: Tokenizer {
    package let vocabulary: Vocabulary
    /// The special tokens' texts, the first of them token 256.
    private let specials: TokenTrie
    private static let firstSpecial = 256

    /// Bytes are tokens 0 to 255; `specials` follow from 256, each text not empty and there once.
    package init(specials: [String]) {
        vocabulary = Vocabulary((UInt8.min...UInt8.max).map { ([$0], false) } + specials.map { (Array($0.utf8), true) })
        self.specials = TokenTrie(specials.map { Array($0.utf8) })
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
                try text.withUnsafeBufferPointer { (text) throws(TextError) in
                    try encodeTrusted(text, atMost: most, isCancelled: isCancelled, into: &tokens)
                }
            } else if tokens.count + text.count <= most {
                for index in text.indices { tokens.append(TokenID(text[index])) }
            } else {
                throw .promptTooLong(limit: limit)
            }
            guard tokens.count <= most else { throw .promptTooLong(limit: limit) }
        }
    }

    /// Stops soon behind the first token that is too many.
    private func encodeTrusted(
        _ text: UnsafeBufferPointer<UInt8>, atMost most: Int, isCancelled: () -> Bool, into tokens: inout [TokenID]
    ) throws(TextError) {
        var position = 0, nextCheck = TextLimits.bytesBetweenChecks
        while position < text.count && tokens.count <= most {
            if position >= nextCheck {
                if isCancelled() { throw .cancelled }
                nextCheck = position + TextLimits.bytesBetweenChecks
            }
            if specials.begins(with: text[position]),
                let special = specials.longest(in: UnsafeBufferPointer(rebasing: text[position...]))
            {
                tokens.append(TokenID(Self.firstSpecial + special.string))
                position += special.length
            } else {
                tokens.append(TokenID(text[position]))
                position += 1
            }
        }
    }
}
