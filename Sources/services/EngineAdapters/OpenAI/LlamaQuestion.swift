import ClusterModel
import Engines
import JSONText

/// The body of llama-server's own `POST /completion` for one choice of a request. All that draws a token is stated: the server's defaults are
/// no neutral ones.
struct LlamaQuestion {
    let request: EngineRequest
    let choice: EngineChoice

    /// The field that this server cannot serve; nil if there is none.
    var unsupportedField: String? {
        let sampling = request.sampling
        if request.leg != .whole { return "leg" }
        if request.embeds { return "task" }
        if !request.adapter.isEmpty { return "loRA" }
        if choice.minTokens > 0 { return "minTokens" }
        if sampling.maxThinkingTokens != nil { return "maxThinkingTokens" }
        switch request.constraint {
        case nil, .jsonObject, .grammar: return nil
        case .jsonSchema(let source): return (try? JSONValue(parsing: source)) == nil ? "constraint" : nil
        case .choice(let source): return ChoiceList(source) == nil ? "constraint" : nil
        // Its grammars are no regular expressions.
        case .regex: return "constraint"
        }
    }

    func body() -> [UInt8] {
        let sampling = request.sampling
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("prompt")
        writer.beginArray()
        for token in request.prompt { writer.number(UInt64(token)) }
        for token in choice.shown { writer.number(UInt64(token)) }
        writer.endArray()
        writer.key("n_predict")
        writer.number(request.room(for: choice))
        writer.key("stream")
        writer.bool(true)
        writer.key("return_tokens")
        writer.bool(true)
        writer.key("cache_prompt")
        writer.bool(true)
        // The first event says then how much of the prompt was found in the cache.
        writer.key("timings_per_token")
        writer.bool(true)
        writeDrawing(sampling, &writer)
        writer.key("ignore_eos")
        writer.bool(sampling.ignoreEndOfText)
        if let tops = sampling.topLogprobs {
            writer.key("n_probs")
            // With none it gives no logprob of the token itself, either.
            writer.number(UInt64(max(1, tops)))
        }
        if !sampling.logitBias.isEmpty {
            writer.key("logit_bias")
            writer.beginArray()
            for member in sampling.biases.asObject?.members ?? [] {
                writer.beginArray()
                writer.number(UInt64(member.name) ?? 0)
                writer.value(member.value)
                writer.endArray()
            }
            writer.endArray()
        }
        writeConstraint(&writer)
        writer.endObject()
        return writer.finish()
    }

    private func writeDrawing(_ sampling: EngineSampling, _ writer: inout JSONWriter) {
        writer.key("temperature")
        writer.number(sampling.temperature)
        writer.key("top_k")
        writer.number(UInt64(sampling.topK))
        writer.key("top_p")
        writer.number(sampling.topP)
        writer.key("min_p")
        writer.number(sampling.minP)
        writer.key("repeat_penalty")
        writer.number(sampling.repetitionPenalty)
        writer.key("presence_penalty")
        writer.number(sampling.presencePenalty)
        writer.key("frequency_penalty")
        writer.number(sampling.frequencyPenalty)
        // Of all there is, and without penalties of nothing.
        writer.key("repeat_last_n")
        writer.number(sampling.hasPenalties ? request.contextLimit : 0)
        writer.key("seed")
        writer.number((sampling.seed &+ UInt64(choice.choice)) % Self.randomSeed)
    }

    /// The number by which it is told to draw a seed of its own.
    private static let randomSeed = UInt64(UInt32.max)

    private func writeConstraint(_ writer: inout JSONWriter) {
        switch request.constraint {
        case nil, .regex: break
        case .jsonObject:
            writer.key("json_schema")
            writer.value(["type": "object"])
        case .jsonSchema(let source):
            writer.key("json_schema")
            writer.value((try? JSONValue(parsing: source)) ?? [:])
        case .grammar(let source):
            writer.key("grammar")
            writer.string(String(decoding: source, as: UTF8.self))
        case .choice(let source):
            writer.key("grammar")
            writer.string(ChoiceList(source)?.grammar ?? "")
        }
    }
}

extension EngineSampling {
    fileprivate var hasPenalties: Bool { presencePenalty != 0 || frequencyPenalty != 0 || repetitionPenalty != 1 }
}
