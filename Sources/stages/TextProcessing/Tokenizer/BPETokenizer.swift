import Concurrency
package import ClusterModel

/// A `tokenizer.json` with byte-pair encoding, whose tokens are those of Hugging Face's `tokenizers`.
package final class BPETokenizer: Tokenizer {
    package let vocabulary: Vocabulary
    private let pipeline: TextPipeline
    /// Encoders that no thread uses. The lock is held to take one or to put it back.
    private let idle = Lock<[TextEncoder]>([])

    /// Reads the file's contents.
    package init(parsing contents: [UInt8]) throws(TextError) {
        let file = try TokenizerFile(parsing: contents)
        var builder = try ModelBuilder(file.model, isByteLevel: file.preTokenizer.isByteLevel)
        try file.checkAddedTokens(builder)
        vocabulary = try Vocabulary(file)
        pipeline = try TextPipeline(file, try builder.model(without: file.addedTokens.filter(\.isSpecial)))
    }

    /// What encoders at rest hold on to, beside their memories of pretokens.
    var idleBytes: Int { idle.with { $0.reduce(0) { $0 + $1.bytes } } }

    package func encode(
        _ prompt: PromptText, from start: TextCut, atMost limit: Int, isCancelled: () -> Bool, into tokens: inout [TokenID],
        cuts: inout [TextCut]
    ) throws(TextError) {
        let encoder = idle.with { $0.popLast() } ?? TextEncoder(pipeline)
        defer {
            encoder.trim()
            idle.with { if $0.count < TextLimits.idleEncoders { $0.append(encoder) } }
        }
        try encoder.encode(prompt, from: start, atMost: limit, isCancelled: isCancelled, into: &tokens, cuts: &cuts)
    }
}

/// All that encoding reads, the same for every thread.
final class TextPipeline: Sendable {
    let normalizer: Normalizer
    let preTokenizer: PreTokenizer
    let postProcessor: PostProcessor
    let model: BPEModel
    /// Every piece that pre-tokenizing finds becomes a token at least.
    let piecesHaveTokens: Bool
    /// Of text as it came.
    let rawTokens: AddedTokenMatcher
    /// Of normalized text.
    let normalizedTokens: AddedTokenMatcher
    let wordCuts: WordCuts

    init(_ file: TokenizerFile, _ model: BPEModel) throws(TextError) {
        normalizer = file.normalizer
        preTokenizer = file.preTokenizer
        postProcessor = file.postProcessor
        self.model = model
        piecesHaveTokens = preTokenizer.keepsAll && model.dropsNothing
        wordCuts = WordCuts(preTokenizer.only, normalizer, file.addedTokens)
        let raw = file.addedTokens.filter { !$0.isNormalized }
        rawTokens = AddedTokenMatcher(raw, contents: raw.map(\.content))
        let normalized = file.addedTokens.filter(\.isNormalized)
        var contents: [[UInt8]] = []
        var bytes = 0
        for token in normalized {
            var passage = Normalizer.Passage(text: token.content)
            do throws(TextError) { try normalizer.apply(to: &passage) } catch { throw TextPipeline.tooLong(token) }
            bytes += passage.text.count
            guard passage.text.count <= TextLimits.rewrittenTokenBytes, bytes <= TextLimits.addedTokensBytes else {
                throw TextPipeline.tooLong(token)
            }
            contents.append(passage.text)
        }
        normalizedTokens = AddedTokenMatcher(normalized, contents: contents)
    }

    private static func tooLong(_ token: AddedToken) -> TextError {
        .invalidFile(name: TokenizerFile.name, path: "normalizer", reason: "makes too many bytes of the added token \(token.id)")
    }
}
