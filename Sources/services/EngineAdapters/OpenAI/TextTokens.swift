import ClusterModel
import TextProcessing

/// Turns the text of an answer back into tokens of its model, a piece at a time: whoever puts the tokens' texts together gets what the server
/// said, to the byte. They need not be the tokens that the server had.
struct TextTokens: Sendable {
    private let text: ModelText
    /// Where the text is that readers of the tokens have.
    private var detokenizer: IncrementalDetokenizer
    /// Of each byte, once they were needed.
    private var byteTokens: [TokenID?] = []

    /// - Parameter shown: tokens of the choice that readers have already.
    init(_ text: ModelText, after shown: [TokenID]) {
        self.text = text
        detokenizer = IncrementalDetokenizer(text.vocabulary)
        take(shown)
    }

    /// Tokens that the server gave itself.
    mutating func take(_ tokens: [TokenID]) {
        var unused: [UInt8] = []
        detokenizer.append(tokens.span, to: &unused)
    }

    /// Appends the tokens of a piece. Throws for one that this model's tokens cannot spell.
    mutating func append(_ piece: String, to tokens: inout [TokenID]) throws(ServerProblem) {
        guard !piece.isEmpty else { return }
        if let found = spelling(of: piece) { return tokens.append(contentsOf: found) }
        // A normalizer changes some of it: character by character, only what it changes is lost, and then spelled in bytes.
        for character in piece.unicodeScalars {
            guard let found = spelling(of: String(character)) ?? bytes(of: character) else {
                throw .malformed("text holds a character that the model has no tokens for")
            }
            tokens.append(contentsOf: found)
        }
    }

    /// Before a piece, so that it is not taken for the beginning of a text, which some tokenizers put a blank before.
    private static let before = "\n"

    private mutating func spelling(of piece: String) -> [TokenID]? {
        if let tokens = encode(piece), reads(tokens, as: piece) { return tokens }
        guard let start = encode(Self.before), let whole = encode(Self.before + piece), whole.starts(with: start) else { return nil }
        let tokens = Array(whole.dropFirst(start.count))
        return reads(tokens, as: piece) ? tokens : nil
    }

    /// No special token comes of it: a server does not show them.
    private func encode(_ piece: String) -> [TokenID]? {
        var prompt = PromptText(), tokens: [TokenID] = []
        prompt.append(content: piece)
        do throws(TextError) { try text.tokenizer.encode(prompt, atMost: AnswerLimits.tokens, into: &tokens) } catch { return nil }
        return tokens
    }

    /// One token a byte, where the model has such.
    private mutating func bytes(of character: Unicode.Scalar) -> [TokenID]? {
        if byteTokens.isEmpty { byteTokens = text.vocabulary.byteTokens }
        var tokens: [TokenID] = []
        for byte in String(character).utf8 {
            guard let token = byteTokens[Int(byte)] else { return nil }
            tokens.append(token)
        }
        return reads(tokens, as: String(character)) ? tokens : nil
    }

    /// Whether readers would see exactly this; if so, they have it.
    private mutating func reads(_ tokens: [TokenID], as piece: String) -> Bool {
        var reader = detokenizer, read: [UInt8] = []
        read.reserveCapacity(piece.utf8.count)
        reader.append(tokens.span, to: &read)
        guard read.elementsEqual(piece.utf8) else { return false }
        detokenizer = reader
        return true
    }
}

extension Vocabulary {
    /// The token that each byte is by itself; nil where there is none. Looks at all of them.
    fileprivate var byteTokens: [TokenID?] {
        var found = [TokenID?](repeating: nil, count: 256), bytes: [UInt8] = []
        for token in 0..<TokenID(clamping: count) where length(of: token) == 1 && !isSpecial(token) {
            bytes.removeAll(keepingCapacity: true)
            append(token, to: &bytes)
            if let byte = bytes.first, found[Int(byte)] == nil { found[Int(byte)] = token }
        }
        return found
    }
}
