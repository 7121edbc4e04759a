import ClusterModel
import Engines

/// The tokens of one choice as they come from a server that repeats all of them with each event, or sends what is new: it is found out from
/// what comes, since the option that decides it had several names.
struct SGLangOutput {
    /// What an event adds.
    struct News {
        var tokens: [TokenID] = []
        var logprobs: [AnswerLogprob] = []
    }

    private enum Manner { case repeating, adding }

    /// That were asked for beside each token; nil: no scores at all.
    private let alternatives: Int?

    /// Nil until an event tells: the first one is the same either way.
    private var manner: Manner?
    /// As they came.
    private(set) var tokens: [TokenID] = []

    init(alternatives: Int?) { self.alternatives = alternatives }

    var count: Int { tokens.count }

    mutating func take(_ chunk: SGLangChunk) throws(ServerProblem) -> News {
        // Where a server gives up, some releases repeat the last token in place of none.
        if case .abort? = chunk.finish { return News() }
        let known = tokens.count
        if manner == nil, known > 0, !chunk.tokens.isEmpty { manner = try manner(of: chunk) }
        let skipped = manner == .repeating ? known : 0
        // An end may come without tokens in either manner.
        guard chunk.tokens.count >= skipped || chunk.tokens.isEmpty else { throw Self.problem("repeats fewer tokens than it did before") }
        guard known + chunk.tokens.count - skipped <= AnswerLimits.tokens else { throw Self.problem("has more tokens than any context") }
        var news = News(tokens: Array(chunk.tokens.dropFirst(skipped)))
        if let alternatives { news.logprobs = try chunk.scores(ofLast: news.tokens.count, alternatives: alternatives) }
        // Some releases leave out the token at which a choice stopped.
        if case .stop(let token?)? = chunk.finish, (news.tokens.last ?? tokens.last) != token {
            news.tokens.append(token)
            news.logprobs = []
        }
        tokens.append(contentsOf: news.tokens)
        return news
    }

    private func manner(of chunk: SGLangChunk) throws(ServerProblem) -> Manner {
        let known = tokens.count, count = chunk.tokens.count
        if let total = chunk.producedTokens {
            if count == total { return .repeating }
            if count + known == total { return .adding }
        }
        // Without a count that fits, or with drafts in it: what repeats begins as what is known.
        return count >= known && chunk.tokens.prefix(known).elementsEqual(tokens) ? .repeating : .adding
    }

    private static func problem(_ reason: String) -> ServerProblem { .malformed("output_ids \(reason)") }
}
