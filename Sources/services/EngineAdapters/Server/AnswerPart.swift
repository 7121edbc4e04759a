package import ClusterModel
package import Engines

/// What a piece of an answer says, in no server's words.
package struct AnswerPart: Sendable {
    /// New ones.
    package var tokens: [TokenID] = []
    /// One for each token where they were asked for; otherwise none.
    package var logprobs: [AnswerLogprob] = []
    /// The last token, of this part or of an earlier one, ends the text.
    package var finish: EngineFinish?
    /// Counts as far as the server gives them, of this answer alone.
    package var promptTokens: UInt32?
    package var cachedTokens: UInt32?
    /// What a decode leg elsewhere starts with, as the server wrote it.
    package var handOver: [UInt8] = []

    package init() {}

    package mutating func removeAll() {
        tokens.removeAll(keepingCapacity: true)
        logprobs.removeAll(keepingCapacity: true)
        finish = nil
        promptTokens = nil
        cachedTokens = nil
        if !handOver.isEmpty { handOver = [] }
    }
}

/// A token's logprob, and the candidates at its place, likeliest first.
package struct AnswerLogprob: Hashable, Sendable {
    package var chosen: ScoredToken
    package var top: [ScoredToken]

    package init(chosen: ScoredToken, top: [ScoredToken]) {
        self.chosen = chosen
        self.top = top
    }
}

/// Reads the answer to one question: a value of a dialect, that knows what came before.
package protocol AnswerReader: Sendable {
    /// One event of a stream, or the whole body of an answer that is none. `part` is empty when it comes.
    mutating func read(_ text: UnsafeRawBufferPointer, into part: inout AnswerPart) throws(ServerProblem)
    /// The answer has ended as it should; what was held back is told now.
    mutating func end(into part: inout AnswerPart) throws(ServerProblem)
}

extension AnswerReader {
    package mutating func end(into part: inout AnswerPart) throws(ServerProblem) {}
}
