import ClusterModel
import Engines
import JSONText
import TextProcessing

/// Reads the stream that answers llama-server's `POST /completion` for one choice.
///
/// Its events have one token each. Tokens that end within a character are held back there and then left out: the text of the event in which the
/// character is whole has them all, and becomes tokens again.
struct LlamaReader: AnswerReader {
    private let endTokens: [TokenID]
    private let stopTokens: [TokenID]
    /// Candidates that were asked for; nil: no logprobs.
    private let topLogprobs: Int?
    private var tokens: TextTokens
    private var room: Int
    /// As the server counts.
    private var predicted = 0
    private var hasEnded = false

    init(_ request: EngineRequest, _ choice: EngineChoice, _ text: ModelText) {
        endTokens = request.sampling.ignoreEndOfText ? [] : text.endTokens
        stopTokens = request.sampling.stopTokens
        topLogprobs = request.sampling.topLogprobs.map(Int.init)
        tokens = TextTokens(text, after: choice.shown)
        room = request.room(for: choice)
    }

    mutating func read(_ text: UnsafeRawBufferPointer, into part: inout AnswerPart) throws(ServerProblem) {
        let answer = try AnswerValue(parsing: text)
        guard answer.isObject else { throw answer.problem("must be a JSON object") }
        if let error = answer["error"].value { throw .failure(error) }
        part.promptTokens = try answer["tokens_evaluated"].count(atMost: AnswerLimits.tokens).map { UInt32(clamping: $0) }
        part.cachedTokens = try answer["timings"]["cache_n"].count(atMost: AnswerLimits.tokens).map { UInt32(clamping: $0) }
        // Where it ended by a token that only we look for, the server goes on until it hears of it.
        guard !hasEnded else { return }
        try readTokens(answer, into: &part)
        if part.finish == nil, try answer["stop"].flag() ?? false { part.finish = try finish(answer["stop_type"]) }
        room -= part.tokens.count
        hasEnded = part.finish != nil
    }

    private mutating func readTokens(_ answer: AnswerValue, into part: inout AnswerPart) throws(ServerProblem) {
        let given = try answer["tokens"].tokens()
        let count = try answer["tokens_predicted"].count(atMost: AnswerLimits.tokens) ?? predicted + given.count
        let content = try answer["content"].text(atMost: AnswerLimits.repeatedEventBytes) ?? ""
        // The last event of a stream repeats the count and has nothing new.
        guard !given.isEmpty || !content.isEmpty else { return }
        if count - predicted <= given.count || content.isEmpty {
            part.tokens = given
            part.logprobs = try logprobs(answer["completion_probabilities"], given)
            tokens.take(given)
        } else {
            try tokens.append(content, to: &part.tokens)
        }
        predicted = max(count, predicted)
        cut(&part)
    }

    /// At the first token that ends the choice.
    private func cut(_ part: inout AnswerPart) {
        for (index, token) in part.tokens.prefix(room).enumerated() {
            let finish: EngineFinish? = stopTokens.contains(token) ? .stopToken : endTokens.contains(token) ? .endOfText : nil
            guard let finish else { continue }
            part.finish = finish
            keep(index + 1, of: &part)
            return
        }
        guard part.tokens.count >= room else { return }
        part.finish = .length
        keep(room, of: &part)
    }

    private func keep(_ count: Int, of part: inout AnswerPart) {
        part.tokens.removeLast(part.tokens.count - count)
        if part.logprobs.count > count { part.logprobs.removeLast(part.logprobs.count - count) }
    }

    private func finish(_ value: AnswerValue) throws(ServerProblem) -> EngineFinish {
        switch try value.text() {
        case "eos"?: .endOfText
        case "limit"?: .length
        case "word"?: .stopSequence
        case nil, .some: throw value.problem("is none that is known: eos, limit or word")
        }
    }

    /// One for each token, or none.
    private func logprobs(_ list: AnswerValue, _ given: [TokenID]) throws(ServerProblem) -> [AnswerLogprob] {
        guard let topLogprobs, let places = try list.elements(atMost: AnswerLimits.alternatives), places.count == given.count else {
            return []
        }
        var logprobs: [AnswerLogprob] = []
        for (place, token) in zip(places, given) {
            var top: [ScoredToken] = []
            for other in try place["top_logprobs"].elements(atMost: AnswerLimits.alternatives) ?? [] { top.append(try Self.scored(other)) }
            let chosen = ScoredToken(token: token, logprob: try Self.scored(place).logprob)
            logprobs.append(AnswerLogprob(chosen: chosen, top: Array(top.prefix(topLogprobs))))
        }
        return logprobs
    }

    private static func scored(_ value: AnswerValue) throws(ServerProblem) -> ScoredToken {
        guard let token = try value["id"].count(atMost: Int(TokenID.max)) else { throw value["id"].problem("is missing") }
        guard let logprob = try value["logprob"].number() else { throw value["logprob"].problem("is missing") }
        return ScoredToken(token: TokenID(token), logprob: Float(clampingLogprob: logprob))
    }
}
