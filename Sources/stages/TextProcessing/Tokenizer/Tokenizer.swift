package import ClusterModel

/// Turns text into the tokens of one model. Made once per model, used by many threads.
package protocol Tokenizer: Sendable {
    var vocabulary: Vocabulary { get }

    /// Appends the prompt's tokens. Throws `promptTooLong` as soon as there would be more than `limit`; what was appended until then stays.
    func encode(_ prompt: PromptText, atMost limit: Int, into tokens: inout [TokenID]) throws(TextError)
}

extension Tokenizer {
    package var vocabularySize: Int { vocabulary.count }
}
