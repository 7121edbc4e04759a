package import ClusterModel

/// Writes the answer to one request: the chunks of a stream, or one body. Made once per request; appends to a buffer of the caller's, and
/// allocates nothing but what that buffer needs.
///
/// Each call appends one whole JSON text without line breaks; how events are framed is the caller's. A stream is, for each choice: one opening
/// (if `opensChoices`), texts, exactly one finish; then, where it is wanted, one usage; then `AnswerEnd.done`.
package protocol AnswerWriter: Sendable {
    var delivery: Delivery { get }

    /// A choice begins with an event of its own.
    var opensChoices: Bool { get }

    /// The `nvext` object of every chunk, as JSON; empty: none.
    var chunkExtension: [UInt8] { get set }

    func appendOpening(choice: Int, usage: TokenUsage, to bytes: inout [UInt8])

    /// `text` is valid UTF-8; it may be empty where there are log probabilities only.
    func appendText(choice: Int, _ text: RawSpan, logprobs: LogprobsBuffer?, usage: TokenUsage, to bytes: inout [UInt8])

    /// `extensionJSON`, if not nil, takes the place of `chunkExtension` in this chunk.
    func appendFinish(choice: Int, _ reason: FinishKind, usage: TokenUsage, extensionJSON: [UInt8]?, to bytes: inout [UInt8])

    /// The last chunk of a stream whose client asked for usage.
    func appendUsage(_ usage: TokenUsage, to bytes: inout [UInt8])

    /// The whole answer at once. Choices are written in their order; `extensionJSON` empty: none.
    func appendBody(_ choices: [CompletedChoice], usage: TokenUsage, extensionJSON: [UInt8], to bytes: inout [UInt8])
}

package enum AnswerEnd {
    /// The data of the event behind the last one.
    package static let done: StaticString = "[DONE]"
}

/// One choice of an answer that is not streamed.
package struct CompletedChoice: Sendable {
    package var index: Int
    /// Valid UTF-8.
    package var text: [UInt8]
    package var finish: FinishKind
    package var logprobs: LogprobsBuffer?

    package init(index: Int, text: [UInt8], finish: FinishKind, logprobs: LogprobsBuffer? = nil) {
        self.index = index
        self.text = text
        self.finish = finish
        self.logprobs = logprobs
    }
}
