import ClusterModel

/// The text of a simulated model: tokens that read like English, each a function of prompt, seed, choice and position alone.
///
/// Positions fall into sentences of 64 bytes, or into pieces of what a vocabulary brings; either follows from its number, so that a continued
/// request needs no history.
struct MockText {
    /// Bytes 0 to 255, then the special tokens: without a vocabulary.
    private static let endOfByteText: TokenID = 256
    static let vocabularySize: UInt32 = 259

    private static let sentenceBytes = 64
    private static let noSentence = UInt32.max

    private let key: UInt64
    private var sentence: InlineArray<64, UInt8> = .init(repeating: 0)
    /// Which sentence or piece that is.
    private var number = MockText.noSentence
    /// Empty: tokens are bytes.
    private let speech: [TokenID]
    /// Where the piece begins.
    private var start = 0
    /// What comes before any sentence; nil: nothing.
    private var written: MockWords?
    private(set) var endOfText: TokenID

    /// `promptHash` is that of the original prompt: what earlier attempts showed must not change what comes.
    init(promptHash: UInt64, seed: UInt64, _ vocabulary: MockVocabulary? = nil) {
        speech = vocabulary?.speech ?? []
        endOfText = vocabulary?.endOfText ?? Self.endOfByteText
        var mix = SeededRandom(seed: seed)
        var keyed = SeededRandom(seed: promptHash ^ mix.next())
        key = keyed.next()
    }

    /// Says these words, and ends behind them.
    mutating func say(_ words: MockWords) {
        written = words
        endOfText = words.end ?? endOfText
    }

    /// Whether the text has an end of its own, however long it may be.
    var isWritten: Bool { written != nil }
    /// Whether it ends there whatever else is wanted.
    var isBound: Bool { written?.isBound ?? false }

    static func promptHash(_ prompt: [TokenID], adapter: String) -> UInt64 {
        prompt.withUnsafeBytes { XXH3.hash($0, seed: adapter.isEmpty ? 0 : XXH3.hash(adapter)) }
    }

    /// For a draw that nothing else is drawn with.
    func draw(for purpose: Purpose) -> SeededRandom { SeededRandom(seed: key ^ purpose.rawValue) }

    enum Purpose: UInt64 {
        case answer = 0x5A1D_0C0F_FEE5_0001
        case constraint = 0xC0DE_0C0F_FEE5_0002
    }

    /// Where the text ends by itself: behind what is written, or after 16 to 256 tokens; the last one is `endOfText`.
    var naturalLength: UInt32 {
        if let written { return UInt32(clamping: written.tokens.count + 1) }
        var draw = SeededRandom(seed: ~key)
        return 16 + UInt32(draw.next() % 241)
    }

    mutating func token(at position: UInt32) -> TokenID {
        if let written, Int(position) < written.tokens.count { return written.tokens[Int(position)] }
        if !speech.isEmpty { return spoken(at: position) }
        let wanted = position / UInt32(Self.sentenceBytes)
        if wanted != number { write(wanted) }
        return TokenID(sentence[Int(position) % Self.sentenceBytes])
    }

    private mutating func spoken(at position: UInt32) -> TokenID {
        let wanted = position / UInt32(MockVocabulary.piece)
        if wanted != number {
            number = wanted
            var draw = draw(of: wanted)
            start = Int(draw.next() % UInt64(speech.count - MockVocabulary.piece))
        }
        return speech[start + Int(position) % MockVocabulary.piece]
    }

    /// A direction of length 1 that follows from the tokens.
    static func vector(of prompt: [TokenID], adapter: String, dimensions: Int) -> [Float] {
        var draw = SeededRandom(seed: promptHash(prompt, adapter: adapter))
        let raw = (0..<dimensions).map { _ in Float(draw.next() >> 40) / Float(1 << 23) - 1 }
        let length = raw.reduce(0) { $0 + $1 * $1 }.squareRoot()
        return length > 0 ? raw.map { $0 / length } : raw.enumerated().map { $0.offset == 0 ? 1 : 0 }
    }

    /// A draw of its own for each position: logprobs.
    func draw(at position: UInt32) -> SeededRandom { SeededRandom(seed: key &+ UInt64(position) &* 0xD6E8_FEB8_6659_FD93) }

    /// Another one for each sentence or piece.
    private func draw(of number: UInt32) -> SeededRandom { SeededRandom(seed: key ^ UInt64(number) &* 0x9E37_79B9_7F4A_7C15) }

    /// Words until exactly 62 bytes are full, then a full stop and a space.
    private mutating func write(_ wanted: UInt32) {
        number = wanted
        var draw = draw(of: wanted)
        var place = 0
        let end = Self.sentenceBytes - 2
        while place < end {
            let room = end - place
            // The last word fills what is left; before it, two bytes must be left for a space and a word of one letter.
            let length = room <= Self.longestWord ? room : 2 + Int(draw.next() % UInt64(min(Self.longestWord, room - 2) - 1))
            let words = Self.words[length - 1]
            let word = words[Int(draw.next() % UInt64(words.count))]
            for byte in word {
                sentence[place] = place == 0 ? byte & ~0x20 : byte
                place += 1
            }
            if place < end {
                sentence[place] = 0x20
                place += 1
            }
        }
        sentence[end] = UInt8(ascii: ".")
        sentence[end + 1] = 0x20
    }

    private static let longestWord = words.count

    /// By length, from one letter on; made-up texts of all kinds are of these.
    static let words: [[[UInt8]]] = [
        ["a"],
        ["we", "it", "is", "on", "at", "by", "to", "in"],
        ["the", "and", "one", "now", "sun", "sea", "day", "way", "red", "new"],
        ["wind", "rain", "tree", "bird", "long", "road", "blue", "slow", "find", "with"],
        ["river", "light", "stone", "cloud", "north", "quiet", "green", "walks", "under", "night"],
        ["garden", "silver", "winter", "bridge", "yellow", "summer", "little", "listen", "across"],
        ["morning", "evening", "village", "journey", "whisper", "between", "letters", "thunder"],
        ["mountain", "children", "sunlight", "remember", "distance", "together"],
        ["adventure", "beautiful", "different", "yesterday", "butterfly"],
    ].map { $0.map { Array($0.utf8) } }
}
