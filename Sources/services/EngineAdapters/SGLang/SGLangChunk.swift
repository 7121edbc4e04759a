import ClusterModel
import Engines
import JSONText

/// One event of the stream that answers `POST /generate`: what the server says of one choice so far, or since it last said something, which
/// `SGLangOutput` tells apart.
struct SGLangChunk {
    enum Finish: Hashable {
        /// At this token, or at the end of the text where no token is named.
        case stop(TokenID?)
        /// At a text.
        case text
        case length
        /// Given up.
        case abort(status: Int?)
    }

    var tokens: [TokenID]
    /// One a token, where they were asked for: they are read when it is known which of them are new.
    var logprobs: AnswerValue
    var alternatives: AnswerValue
    /// All that were produced so far; servers before 0.4 do not say it in a stream.
    var producedTokens: Int?
    var promptTokens: Int?
    var cachedTokens: Int?
    var finish: Finish?
}

extension SGLangChunk {
    init(parsing bytes: UnsafeRawBufferPointer) throws(ServerProblem) {
        let answer = try AnswerValue(parsing: bytes)
        guard answer.isObject else { throw answer.problem("must be a JSON object") }
        // The status line was sent before the server knew.
        if let error = answer["error"].value { throw .failure(error) }
        let meta = answer["meta_info"]
        guard meta.isObject else { throw meta.problem("is missing") }
        tokens = try answer["output_ids"].tokens()
        producedTokens = try meta["completion_tokens"].count(atMost: AnswerLimits.tokens)
        promptTokens = try meta["prompt_tokens"].count(atMost: AnswerLimits.tokens)
        cachedTokens = try meta["cached_tokens"].count(atMost: AnswerLimits.tokens)
        finish = try Self.finish(meta["finish_reason"])
        logprobs = meta["output_token_logprobs"]
        alternatives = meta["output_top_logprobs"]
    }

    /// Of the last tokens, each with so many alternatives at the most; empty where there are none, or too few.
    func scores(ofLast count: Int, alternatives most: Int) throws(ServerProblem) -> [AnswerLogprob] {
        guard let chosen = try logprobs.last(count, atMost: AnswerLimits.tokens), chosen.count == count else { return [] }
        let others = try alternatives.last(count, atMost: AnswerLimits.tokens) ?? []
        var scores: [AnswerLogprob] = []
        for (index, value) in chosen.enumerated() {
            var top: [ScoredToken] = []
            if others.count == count {
                let listed = try others[index].last(.max, atMost: AnswerLimits.alternatives) ?? []
                for other in listed.prefix(most) { top.append(try Self.scored(other)) }
            }
            scores.append(AnswerLogprob(chosen: try Self.scored(value), top: top))
        }
        return scores
    }

    private static func finish(_ value: AnswerValue) throws(ServerProblem) -> Finish? {
        // An object since 2024; before, and from some of its other paths, the bare word.
        guard value.value != nil else { return nil }
        let word = value.isObject ? value["type"] : value
        switch try word.text() {
        case "stop":
            let matched = value["matched"]
            if matched.value?.asString != nil { return .text }
            return .stop(matched.value?.asUInt64.flatMap(TokenID.init(exactly:)))
        case "length": return .length
        case "abort": return .abort(status: value["status_code"].value?.asInt)
        default: throw word.problem("is none that is known: stop, length or abort")
        }
    }

    /// `[logprob, token, text]`; a token that cannot be has no logprob.
    private static func scored(_ value: AnswerValue) throws(ServerProblem) -> ScoredToken {
        guard let parts = value.value?.asArray, parts.count >= 2, let token = parts[1].asUInt64.flatMap(TokenID.init(exactly:)) else {
            throw value.problem("must be an array of a logprob, a token and a text")
        }
        guard let logprob = parts[0].isNull ? -Double.greatestFiniteMagnitude : parts[0].asDouble else {
            throw value.problem("must begin with a logprob")
        }
        return ScoredToken(token: token, logprob: Float(clampingLogprob: logprob))
    }
}
