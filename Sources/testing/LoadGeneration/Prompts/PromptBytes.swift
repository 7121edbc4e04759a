import ClusterModel
import JSONText

/// Writes the prompts of planned requests: equal leading ids of blocks become equal leading tokens, and nothing else does.
///
/// A block that is not full is the beginning of the full one, so that a prompt that grows begins with what it was.
package struct PromptBytes: Sendable {
    package enum Form: Hashable, Sendable {
        /// Words. A server's tokenizer decides how many tokens they are; with one token a byte it is exact.
        case text(charactersPerToken: Double)
        /// The same, cut from a real text.
        case passages(PassageText, charactersPerToken: Double)
        /// Token ids, for APIs that take them: exact with every model that knows so many.
        case tokens(vocabulary: Int)

        /// The same text with so many characters a token; token ids are what they are.
        package func stretched(_ characters: Double) -> Form {
            switch self {
            case .text: .text(charactersPerToken: characters)
            case .passages(let text, _): .passages(text, charactersPerToken: characters)
            case .tokens: self
            }
        }
    }

    package let form: Form
    private let blockTokens: UInt32
    private let wordTable: WordTable
    private let tokens: Range<UInt64>

    /// Ids below this are control tokens in many vocabularies; in small ones an eighth is kept away from.
    private static let usualSpecials: UInt64 = 1_000

    package init(_ form: Form, blockTokens: UInt32) {
        self.form = form
        self.blockTokens = blockTokens
        wordTable = WordTable()
        if case .tokens(let vocabulary) = form {
            let count = UInt64(max(2, vocabulary))
            tokens = min(Self.usualSpecials, count / 8)..<count
        } else {
            tokens = 0..<1
        }
    }

    /// Appends the prompt as a JSON value.
    package func append(_ item: LoadItem, to bytes: inout [UInt8]) {
        let request = item.request
        switch form {
        case .text(let characters):
            bytes.append(UInt8(ascii: "\""))
            forEachRun(of: request, salt: item.salt) { id, count in
                wordTable.append(Self.characters(count, characters), of: id, to: &bytes)
            }
            bytes.append(UInt8(ascii: "\""))
        case .passages(let text, let characters):
            bytes.append(UInt8(ascii: "\""))
            forEachRun(of: request, salt: item.salt) { id, count in text.append(Self.characters(count, characters), of: id, to: &bytes) }
            bytes.append(UInt8(ascii: "\""))
        case .tokens:
            bytes.append(UInt8(ascii: "["))
            var isFirst = true
            forEachRun(of: request, salt: item.salt) { id, count in
                var random = SeededRandom(seed: id)
                for _ in 0..<count {
                    if isFirst { isFirst = false } else { bytes.append(UInt8(ascii: ",")) }
                    JSONWriter.appendDigits(tokens.lowerBound + random.next() % UInt64(tokens.count), to: &bytes)
                }
            }
            bytes.append(UInt8(ascii: "]"))
        }
    }

    private static func characters(_ tokens: UInt32, _ perToken: Double) -> Int { max(1, Int((Double(tokens) * perToken).rounded())) }

    /// The parts of a prompt that are told apart: its blocks, and what it has beyond them, which it shares with nobody.
    private func forEachRun(of request: PlannedRequest, salt: UInt64, _ body: (_ id: UInt64, _ tokens: UInt32) -> Void) {
        var left = request.promptTokens
        if blockTokens > 0 {
            for id in request.blocks where left > 0 {
                let count = min(left, blockTokens)
                body(id, count)
                left -= count
            }
        }
        if left > 0 { body(PromptSalt.mix(salt, .max), left) }
    }
}
