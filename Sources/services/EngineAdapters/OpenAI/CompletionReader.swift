import ClusterModel
import Engines
import JSONText
import TextProcessing

/// Reads the stream that answers `POST /v1/completions` for one choice, whose text becomes tokens again.
struct CompletionReader: AnswerReader {
    private var tokens: TextTokens
    /// Tokens that may still come: what a server counts is not quite what its text comes to here.
    private var room: Int
    private var hasEnded = false

    init(_ text: ModelText, after shown: [TokenID], room: Int) {
        tokens = TextTokens(text, after: shown)
        self.room = room
    }

    mutating func read(_ text: UnsafeRawBufferPointer, into part: inout AnswerPart) throws(ServerProblem) {
        let answer = try AnswerValue(parsing: text)
        guard answer.isObject else { throw answer.problem("must be a JSON object") }
        if let error = answer["error"].value { throw .failure(error) }
        try readUsage(answer["usage"], into: &part)
        // The last event may have counts and no choice.
        guard let choice = try answer["choices"].elements(atMost: 1)?.first else { return }
        guard !hasEnded else { return }
        if let piece = try choice["text"].text(atMost: AnswerLimits.repeatedEventBytes) { try tokens.append(piece, to: &part.tokens) }
        part.finish = try Self.finish(choice["finish_reason"])
        if part.tokens.count > room || (part.tokens.count == room && part.finish == nil) {
            part.tokens.removeLast(part.tokens.count - room)
            part.finish = .length
        }
        room -= part.tokens.count
        hasEnded = part.finish != nil
    }

    private func readUsage(_ usage: AnswerValue, into part: inout AnswerPart) throws(ServerProblem) {
        part.promptTokens = try usage["prompt_tokens"].count(atMost: AnswerLimits.tokens).map { UInt32(clamping: $0) }
        part.cachedTokens = try usage["prompt_tokens_details"]["cached_tokens"].count(atMost: AnswerLimits.tokens)
            .map { UInt32(clamping: $0) }
    }

    /// In the words of OpenAI's API, and of servers that had words of their own before they spoke it.
    private static func finish(_ value: AnswerValue) throws(ServerProblem) -> EngineFinish? {
        switch try value.text() {
        // Some write an empty word while a text goes on.
        case nil, ""?: nil
        case "stop"?, "eos"?, "eos_token"?, "stop_sequence"?, "end_turn"?: .endOfText
        case "length"?, "max_tokens"?, "model_length"?: .length
        case "content_filter"?: .contentFilter
        case "abort"?, "error"?, "cancelled"?: throw .failed(status: nil)
        case .some: throw value.problem("is none that is known")
        }
    }
}
