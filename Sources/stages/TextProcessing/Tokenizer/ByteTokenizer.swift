package import ClusterModel

/// A token for each byte, and special tokens behind them: exact, fast, and enough for engines that make their tokens up.
package struct ByteTokenizer: Tokenizer {
    package let vocabulary: Vocabulary
    /// Longest first, so that one which begins with another wins.
    private let specials: [(utf8: [UInt8], token: TokenID)]

    /// Bytes are tokens 0 to 255; `specials` follow from 256, each text not empty and there once.
    package init(specials: [String]) {
        vocabulary = Vocabulary((UInt8.min...UInt8.max).map { ([$0], false) } + specials.map { (Array($0.utf8), true) })
        self.specials = vocabulary.specials.map { (Array($0.text.utf8), $0.token) }.sorted {
            ($0.utf8.count, $1.token) > ($1.utf8.count, $0.token)
        }
    }

    package func encode(_ prompt: PromptText, atMost limit: Int, into tokens: inout [TokenID]) throws(TextError) {
        let most = tokens.count + limit
        tokens.reserveCapacity(min(most, tokens.count + prompt.utf8.count))
        var start = 0
        for run in prompt.runs {
            let run = (bytes: start..<run.end, isTrusted: run.isTrusted)
            start = run.bytes.upperBound
            if run.isTrusted {
                encodeTrusted(prompt.utf8[run.bytes], into: &tokens)
            } else {
                guard tokens.count + run.bytes.count <= most else { throw .promptTooLong(limit: limit) }
                for byte in prompt.utf8[run.bytes] { tokens.append(TokenID(byte)) }
            }
            guard tokens.count <= most else { throw .promptTooLong(limit: limit) }
        }
    }

    private func encodeTrusted(_ text: ArraySlice<UInt8>, into tokens: inout [TokenID]) {
        var rest = text
        while let byte = rest.first {
            if let special = specials.first(where: { rest.starts(with: $0.utf8) }) {
                tokens.append(special.token)
                rest.removeFirst(special.utf8.count)
            } else {
                tokens.append(TokenID(byte))
                rest.removeFirst()
            }
        }
    }
}
