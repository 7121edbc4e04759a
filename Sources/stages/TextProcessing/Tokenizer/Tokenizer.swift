package import ClusterModel

/// Turns text into the tokens of one model. Made once per model, used by many threads.
package protocol Tokenizer: Sendable {
    var vocabulary: Vocabulary { get }

    /// Appends the prompt's tokens behind `start`, and to `cuts` the cuts behind it, in order.
    ///
    /// Throws `promptTooLong` as soon as there would be more than `limit` tokens, those before `start` among them, and `cancelled` soon after
    /// `isCancelled` says so; what was appended until then stays. `start` must be a cut of this prompt.
    func encode(
        _ prompt: PromptText, from start: TextCut, atMost limit: Int, isCancelled: () -> Bool, into tokens: inout [TokenID],
        cuts: inout [TextCut]
    ) throws(TextError)
}

extension Tokenizer {
    package var vocabularySize: Int { vocabulary.count }

    /// The whole prompt.
    package func encode(
        _ prompt: PromptText, atMost limit: Int, isCancelled: () -> Bool = { false }, into tokens: inout [TokenID]
    ) throws(TextError) {
        var cuts: [TextCut] = []
        try encode(prompt, from: .start, atMost: limit, isCancelled: isCancelled, into: &tokens, cuts: &cuts)
    }
}
