import ClusterModel
import JSONText

/// A `tokenizer.json`, read and checked as a whole. What it asks for and is not known here is refused by name.
///
/// `truncation` and `padding` are left aside: they are about batches, and whoever serves a model never cuts a prompt in silence.
struct TokenizerFile {
    static let name = "tokenizer.json"

    let model: ModelFile
    let addedTokens: [AddedToken]
    let normalizer: Normalizer
    let preTokenizer: PreTokenizer
    let postProcessor: PostProcessor
    let spelling: TokenSpelling
    /// Above the highest id of all.
    let count: Int

    init(parsing contents: [UInt8]) throws(TextError) {
        let limits = JSONLimits(
            depth: JSONLimits.file.depth, bytes: TextLimits.tokenizerFileBytes, values: TextLimits.tokenizerFileValues)
        let file = try FileNode(file: TokenizerFile.name, contents, limits: limits)
        model = try ModelFile(file.required("model"))
        normalizer = try Normalizer(file["normalizer"])
        preTokenizer = try PreTokenizer(file["pre_tokenizer"])
        spelling = try TokenSpelling(file.required("decoder"))
        addedTokens = try TokenizerFile.addedTokens(file["added_tokens"])
        count = addedTokens.reduce(model.count) { max($0, Int($1.id) + 1) }
        postProcessor = try PostProcessor(file["post_processor"], tokens: count)
    }

    private static func addedTokens(_ node: FileNode?) throws(TextError) -> [AddedToken] {
        guard let node else { return [] }
        var tokens: [AddedToken] = []
        var ids: Set<TokenID> = []
        var contents: Set<[UInt8]> = []
        var bytes = 0
        for element in try node.elements(atMost: TextLimits.addedTokens) {
            let token = try AddedToken(element)
            guard ids.insert(token.id).inserted else { throw element.error(at: ".id", "is there twice") }
            guard contents.insert(token.content).inserted else { throw element.error(at: ".content", "is there twice") }
            bytes += token.content.count
            guard bytes <= TextLimits.addedTokensBytes else {
                throw element.error("has, with those before, more than \(TextLimits.addedTokensBytes) bytes")
            }
            tokens.append(token)
        }
        return tokens
    }

    /// Added tokens have the ids that Hugging Face's tokenizers gives them: the model's own for the same text, otherwise the next ones behind its
    /// vocabulary. A file that says something else means other tokens than whoever reads it there.
    func checkAddedTokens(_ builder: ModelBuilder) throws(TextError) {
        var highest: TokenID?
        for (index, token) in addedTokens.enumerated() {
            let size = TokenID(model.entries.count)
            let expected = builder.id(of: token.content) ?? highest.map { $0 >= size ? $0 + 1 : size } ?? size
            guard token.id == expected else {
                throw .invalidFile(
                    name: TokenizerFile.name, path: "added_tokens[\(index)].id",
                    reason: "is \(token.id), and the vocabulary makes it \(expected)")
            }
            highest = max(highest ?? 0, token.id)
        }
    }
}
