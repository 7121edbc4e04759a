package import ClusterModel

/// The tokens of a simulated model that has the tokenizer of a real one: what it says is pieces of some sentences in that model's tokens.
package struct MockVocabulary: Hashable, Sendable {
    /// What a frontend needs to render and tokenize for it.
    package let files: [EngineModelFile]
    /// A JSON object, or empty.
    package let generationDefaults: [UInt8]
    package let size: UInt32
    package let endOfText: TokenID
    let speech: [TokenID]
    /// Nil: it says what is in `speech` and nothing else.
    let spelling: MockSpelling?

    /// A piece is so many tokens in a row.
    static let piece = 16
    /// Candidates of log probabilities are drawn from this many tokens.
    static let leastSize: UInt32 = 128

    /// Nil if there is too little to speak with: `speech` has the tokens of `sentences`, all below `size`.
    package init?(
        files: [EngineModelFile], generationDefaults: [UInt8], size: UInt32, endOfText: TokenID, speech: [TokenID],
        spelling: MockSpelling? = nil
    ) {
        guard size >= Self.leastSize, endOfText < size, speech.count > Self.piece, speech.allSatisfy({ $0 < size }) else { return nil }
        self.files = files
        self.generationDefaults = generationDefaults
        self.size = size
        self.endOfText = endOfText
        self.speech = speech
        self.spelling = spelling
    }

    /// What to tokenize for `speech`.
    package static let sentences: String = {
        var text = MockText(promptHash: 0, seed: 0), bytes: [UInt8] = []
        for position in 0..<UInt32(4_096) { bytes.append(UInt8(truncatingIfNeeded: text.token(at: position))) }
        return String(decoding: bytes, as: UTF8.self)
    }()
}
