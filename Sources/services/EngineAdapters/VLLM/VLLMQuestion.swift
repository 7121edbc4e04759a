import ClusterModel
import Engines
import HTTPClient
import JSONText

/// What vLLM is asked for one choice of a request: the same parameters for both endpoints, which place them differently.
struct VLLMQuestion {
    static let tokensTarget = "/inference/v1/generate"
    static let abortTarget = "/inference/v1/abort_requests"
    static let completionsTarget = "/v1/completions"
    /// Before our own name for a request, in the engine's.
    static let tokensPrefix = "generate-tokens-"

    private let request: EngineRequest
    private let choice: EngineChoice
    private let id: String
    private let model: String
    /// Only a server with several is told which.
    private let rank: Rank?
    private let hasPriorities: Bool

    init(_ request: EngineRequest, _ choice: EngineChoice, id: String, model: String, ranks: Int, hasPriorities: Bool) {
        self.request = request
        self.choice = choice
        self.id = id
        self.model = model
        rank = ranks > 1 ? request.rank : nil
        self.hasPriorities = hasPriorities
    }

    func question(takesTokens: Bool) throws(ServerProblem) -> ServerQuestion {
        var sent = HTTPClientRequest.post(
            takesTokens ? Self.tokensTarget : Self.completionsTarget, json: try takesTokens ? tokensBody() : completionsBody())
        // The same on both servers of a split request is what the engine's own logs go by; ours are unique, which is what aborting needs.
        sent.headers.append(("X-Request-Id", id))
        if let rank { sent.headers.append(("X-data-parallel-rank", String(rank.rawValue))) }
        if !request.traceParent.isEmpty { sent.headers.append(("traceparent", request.traceParent)) }
        var question = ServerQuestion(sent, VLLMAnswerReader(request))
        question.countsFollow = streams
        question.mustArrive = request.leg == .decode
        return question
    }

    /// The prefill leg answers in one piece: what the other leg needs stands in no stream.
    private var streams: Bool { request.leg != .prefill }

    // MARK: Bodies

    private func tokensBody() throws(ServerProblem) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("request_id")
        writer.string(id)
        writer.key("token_ids")
        write(prompt: &writer)
        writer.key("sampling_params")
        writer.beginObject()
        try write(sampling: &writer)
        if let count = request.sampling.topLogprobs { writer.member("logprobs", count) }
        writer.endObject()
        try write(rest: &writer)
        writer.endObject()
        return writer.finish()
    }

    private func completionsBody() throws(ServerProblem) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("request_id")
        writer.string(id)
        writer.key("prompt")
        write(prompt: &writer)
        writer.key("return_token_ids")
        writer.bool(true)
        try write(sampling: &writer)
        if let count = request.sampling.topLogprobs {
            writer.member("logprobs", count)
            // Candidates by their numbers: a token's text may be part of a character.
            writer.key("return_tokens_as_token_ids")
            writer.bool(true)
        }
        try write(rest: &writer)
        writer.endObject()
        return writer.finish()
    }

    private func write(prompt writer: inout JSONWriter) {
        writer.beginArray()
        for token in request.prompt { writer.number(UInt64(token)) }
        for token in choice.shown { writer.number(UInt64(token)) }
        writer.endArray()
    }

    private func write(sampling writer: inout JSONWriter) throws(ServerProblem) {
        let sampling = request.sampling, room = request.room(for: choice)
        if !sampling.stopSequences.isEmpty {
            writer.key("stop")
            writer.beginArray()
            for stop in sampling.stopSequences where !stop.text.isEmpty { writer.string(stop.text) }
            writer.endArray()
        }
        writer.member("max_tokens", UInt32(clamping: room))
        if choice.minTokens > 0, request.leg != .prefill { writer.member("min_tokens", min(choice.minTokens, UInt32(clamping: room))) }
        writer.member("temperature", sampling.temperature)
        // Greedy decoding draws nothing, and a seed would cost the server a generator.
        if sampling.temperature > 0 {
            writer.member("top_p", sampling.topP)
            if sampling.topK > 0 { writer.member("top_k", sampling.topK) }
            if sampling.minP > 0 { writer.member("min_p", sampling.minP) }
            writer.key("seed")
            // It takes what fits a signed number.
            writer.number((sampling.seed &+ UInt64(choice.choice)) & (UInt64.max >> 1))
        }
        if sampling.presencePenalty != 0 { writer.member("presence_penalty", sampling.presencePenalty) }
        if sampling.frequencyPenalty != 0 { writer.member("frequency_penalty", sampling.frequencyPenalty) }
        if sampling.repetitionPenalty != 1 { writer.member("repetition_penalty", sampling.repetitionPenalty) }
        if sampling.ignoreEndOfText {
            writer.key("ignore_eos")
            writer.bool(true)
        }
        if !sampling.stopTokens.isEmpty {
            writer.key("stop_token_ids")
            writer.beginArray()
            for token in sampling.stopTokens { writer.number(UInt64(token)) }
            writer.endArray()
        }
        if let count = sampling.maxThinkingTokens { writer.member("thinking_token_budget", count) }
        if !sampling.logitBias.isEmpty {
            writer.key("logit_bias")
            writer.beginObject()
            for entry in sampling.logitBias.uniqued() {
                writer.key(String(entry.token))
                writer.number(entry.bias)
            }
            writer.endObject()
        }
        if let constraint = request.constraint { try write(constraint, &writer) }
    }

    private func write(_ constraint: EngineConstraint, _ writer: inout JSONWriter) throws(ServerProblem) {
        writer.key("structured_outputs")
        writer.beginObject()
        switch constraint {
        case .jsonObject:
            writer.key("json_object")
            writer.bool(true)
        case .jsonSchema(let source):
            writer.key("json")
            writer.value(try Self.json(source))
        case .regex(let source):
            writer.key("regex")
            writer.string(try Self.text(source))
        case .grammar(let source):
            writer.key("grammar")
            writer.string(try Self.text(source))
        case .choice(let source):
            writer.key("choice")
            writer.value(try Self.json(source))
        }
        writer.endObject()
    }

    private func write(rest writer: inout JSONWriter) throws(ServerProblem) {
        writer.key("model")
        writer.string(model)
        if streams {
            writer.key("stream")
            writer.bool(true)
            writer.key("stream_options")
            writer.beginObject()
            writer.key("include_usage")
            writer.bool(true)
            writer.endObject()
        }
        if let salt = request.salt {
            writer.key("cache_salt")
            writer.string(salt.serverText)
        }
        // There less is earlier.
        if hasPriorities, request.priority != 0 {
            writer.key("priority")
            writer.number(Int64(-max(-1e9, min(1e9, request.priority.rounded()))))
        }
        if request.leg == .prefill {
            writer.key("kv_transfer_params")
            writer.value(Self.givesState)
        } else if case .parameters(let bytes) = request.handOver {
            guard let parameters = try? JSONValue(parsing: bytes, limits: AnswerJSON.limits), parameters.asObject != nil else {
                throw .unsupported("handOver")
            }
            // As they came: they are between the two servers.
            writer.key("kv_transfer_params")
            writer.raw(bytes.span.bytes)
        }
    }

    /// What asks a server to keep a request's state for another one.
    private static let givesState: JSONValue = [
        "do_remote_decode": true, "do_remote_prefill": false, "remote_engine_id": nil, "remote_block_ids": nil, "remote_host": nil,
        "remote_port": nil,
    ]

    private static func json(_ source: [UInt8]) throws(ServerProblem) -> JSONValue {
        do throws(JSONError) { return try JSONValue(parsing: source) } catch { throw .unsupported("constraint") }
    }

    private static func text(_ source: [UInt8]) throws(ServerProblem) -> String {
        guard let text = String(validating: source, as: UTF8.self) else { throw .unsupported("constraint") }
        return text
    }
}

extension JSONWriter {
    fileprivate mutating func member(_ name: String, _ value: UInt32) {
        key(name)
        number(UInt64(value))
    }

    fileprivate mutating func member(_ name: String, _ value: Float) {
        key(name)
        number(value)
    }
}

extension [EngineLogitBias] {
    /// The last of each token: a name stands once in an object.
    fileprivate func uniqued() -> [EngineLogitBias] {
        var places: [TokenID: Int] = [:], result: [EngineLogitBias] = []
        for entry in self {
            if let place = places[entry.token] {
                result[place] = entry
            } else {
                places[entry.token] = result.count
                result.append(entry)
            }
        }
        return result
    }
}
