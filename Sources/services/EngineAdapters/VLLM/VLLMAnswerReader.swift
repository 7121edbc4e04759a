import ClusterModel
import Engines
import JSONText

/// Reads answers of both of vLLM's endpoints, streamed or not: they differ in how candidates of a token are written.
struct VLLMAnswerReader: AnswerReader {
    private let stopTokens: Set<TokenID>
    /// As many candidates as were asked for; nil: none, and no logprobs.
    private let topCount: Int?

    init(_ request: EngineRequest) {
        stopTokens = Set(request.sampling.stopTokens)
        topCount = request.sampling.topLogprobs.map { Int(min($0, UInt32(Self.mostCandidates))) }
    }

    /// Of one place: what a client may ask for is less.
    private static let mostCandidates = 128
    private static let tokenPrefix = "token_id:"

    mutating func read(_ text: UnsafeRawBufferPointer, into part: inout AnswerPart) throws(ServerProblem) {
        let value = try AnswerJSON.parse(text)
        guard value.asObject != nil else { throw .malformed("an event is no object") }
        if let error = value["error"], !error.isNull { throw .failure(error) }
        read(usage: value["usage"], into: &part)
        if let parameters = value["kv_transfer_params"], parameters.asObject != nil { part.handOver = parameters.encoded() }
        guard let choices = value["choices"]?.asArray else { throw .malformed("choices: no array") }
        guard let choice = choices.first else { return }
        guard choices.count == 1, choice["index"]?.asInt ?? 0 == 0 else { throw .malformed("choices: more than one") }
        try read(choice, into: &part)
    }

    private func read(usage: JSONValue?, into part: inout AnswerPart) {
        guard let usage, usage.asObject != nil else { return }
        part.promptTokens = usage["prompt_tokens"]?.asUInt64.map { UInt32(clamping: $0) }
        part.cachedTokens = usage["prompt_tokens_details"]?["cached_tokens"]?.asUInt64.map { UInt32(clamping: $0) }
    }

    private func read(_ choice: JSONValue, into part: inout AnswerPart) throws(ServerProblem) {
        guard let tokens = choice["token_ids"], !tokens.isNull else {
            // An event may have text alone, where a character is not complete.
            guard choice["finish_reason"]?.isNull ?? true, choice["text"]?.asString?.isEmpty ?? true else {
                throw .malformed("token_ids: none; this server gives text only")
            }
            return
        }
        guard let list = tokens.asArray else { throw .malformed("token_ids: no array") }
        for token in list { part.tokens.append(try Self.token(token, "token_ids")) }
        if topCount != nil, let logprobs = choice["logprobs"], !logprobs.isNull { try read(logprobs: logprobs, into: &part) }
        part.finish = try finish(choice)
    }

    private func finish(_ choice: JSONValue) throws(ServerProblem) -> EngineFinish? {
        guard let reason = choice["finish_reason"], !reason.isNull else { return nil }
        switch reason.asString {
        case "length": return .length
        case "content_filter": return .contentFilter
        case "stop":
            let why = choice["stop_reason"]
            if why?.asString != nil { return .stopSequence }
            // It names its own end tokens here, too.
            guard let token = why?.asUInt64.flatMap(TokenID.init(exactly:)) else { return .endOfText }
            return stopTokens.contains(token) ? .stopToken : .endOfText
        case "abort", "error": throw .failed(status: nil)
        default: throw .malformed("finish_reason: unknown")
        }
    }

    // MARK: Logprobs

    private func read(logprobs: JSONValue, into part: inout AnswerPart) throws(ServerProblem) {
        if let content = logprobs["content"] {
            guard let entries = content.asArray else {
                if content.isNull { return }
                throw .malformed("logprobs.content: no array")
            }
            for entry in entries { part.logprobs.append(try self.entry(entry)) }
        } else {
            try readColumns(logprobs, into: &part)
        }
    }

    /// `{"token_id", "logprob", "top_logprobs": [{"token_id", "logprob", "rank"}]}`
    private func entry(_ entry: JSONValue) throws(ServerProblem) -> AnswerLogprob {
        let chosen = try Self.scored(entry)
        var ranked: [(rank: Int, token: ScoredToken)] = []
        for candidate in (entry["top_logprobs"]?.asArray ?? []).prefix(Self.mostCandidates) {
            ranked.append((candidate["rank"]?.asInt ?? .max, try Self.scored(candidate)))
        }
        // The token that was drawn comes first, wherever it ranks.
        ranked.sort { ($0.rank, -$0.token.logprob) < ($1.rank, -$1.token.logprob) }
        return AnswerLogprob(chosen: chosen, top: ranked.prefix(topCount ?? 0).map(\.token))
    }

    private static func scored(_ value: JSONValue) throws(ServerProblem) -> ScoredToken {
        guard let id = value["token_id"], let logprob = value["logprob"]?.asDouble else {
            throw .malformed("logprobs: no token_id or no logprob")
        }
        return ScoredToken(token: try token(id, "logprobs"), logprob: Float(clampingLogprob: logprob))
    }

    /// `{"tokens": ["token_id:7"], "token_logprobs": [-0.1], "top_logprobs": [{"token_id:7": -0.1}]}`
    private func readColumns(_ logprobs: JSONValue, into part: inout AnswerPart) throws(ServerProblem) {
        guard let tokens = logprobs["tokens"]?.asArray, let values = logprobs["token_logprobs"]?.asArray, values.count == tokens.count
        else {
            throw .malformed("logprobs: not as many values as tokens")
        }
        let tops = logprobs["top_logprobs"]?.asArray
        for (index, token) in tokens.enumerated() {
            guard let logprob = values[index].asDouble else { throw .malformed("logprobs.token_logprobs: no number") }
            var candidates: [ScoredToken] = []
            for member in (tops.flatMap { $0.indices.contains(index) ? $0[index].asObject : nil }?.members ?? []).prefix(
                Self.mostCandidates)
            {
                guard let value = member.value.asDouble else { throw .malformed("logprobs.top_logprobs: no number") }
                candidates.append(ScoredToken(token: try Self.token(named: member.name), logprob: Float(clampingLogprob: value)))
            }
            candidates.sort { ($1.logprob, $0.token) < ($0.logprob, $1.token) }
            part.logprobs.append(
                AnswerLogprob(
                    chosen: ScoredToken(token: try Self.token(named: token.asString ?? ""), logprob: Float(clampingLogprob: logprob)),
                    top: Array(candidates.prefix(topCount ?? 0))))
        }
    }

    private static func token(named name: String) throws(ServerProblem) -> TokenID {
        guard name.hasPrefix(tokenPrefix), let token = TokenID(name.dropFirst(tokenPrefix.count)) else {
            throw .malformed("logprobs: a token that is no number")
        }
        return token
    }

    private static func token(_ value: JSONValue, _ place: String) throws(ServerProblem) -> TokenID {
        guard let token = value.asUInt64.flatMap(TokenID.init(exactly:)) else { throw .malformed("\(place): no token") }
        return token
    }
}
