import ClusterModel
import Engines
import JSONText
import TextProcessing

/// What a server of OpenAI's API can be asked for in `POST /v1/completions`, beyond what all of them take: found out by asking.
struct CompletionAbilities: OptionSet, Hashable, Sendable {
    let rawValue: UInt16
    init(rawValue: UInt16) { self.rawValue = rawValue }

    /// A prompt of tokens.
    static let tokenPrompts = CompletionAbilities(rawValue: 1 << 0)
    /// Counts at the end of a stream.
    static let usage = CompletionAbilities(rawValue: 1 << 1)
    static let topK = CompletionAbilities(rawValue: 1 << 2)
    static let minP = CompletionAbilities(rawValue: 1 << 3)
    static let repetitionPenalty = CompletionAbilities(rawValue: 1 << 4)
    static let penalties = CompletionAbilities(rawValue: 1 << 5)
    static let seed = CompletionAbilities(rawValue: 1 << 6)
    static let logitBias = CompletionAbilities(rawValue: 1 << 7)
    static let ignoreEndOfText = CompletionAbilities(rawValue: 1 << 8)
    static let minTokens = CompletionAbilities(rawValue: 1 << 9)
    static let stopTokens = CompletionAbilities(rawValue: 1 << 10)
}

/// The body of `POST /v1/completions` for one choice of a request. Texts that stop a choice are left out: whoever asked finds them in the text,
/// and the server would cut them off.
struct CompletionQuestion {
    let request: EngineRequest
    let choice: EngineChoice
    let model: String
    let text: ModelText
    let abilities: CompletionAbilities

    /// The first field of the request that the server cannot serve.
    var unsupportedField: String? {
        let sampling = request.sampling
        let wishes: [(isWished: Bool, ability: CompletionAbilities, field: String)] = [
            (sampling.temperature > 0 && sampling.topK > 0, .topK, "topK"),
            (sampling.temperature > 0 && sampling.minP > 0, .minP, "minP"),
            (sampling.repetitionPenalty != 1, .repetitionPenalty, "repetitionPenalty"),
            (sampling.presencePenalty != 0, .penalties, "presencePenalty"),
            (sampling.frequencyPenalty != 0, .penalties, "frequencyPenalty"),
            (!sampling.logitBias.isEmpty, .logitBias, "logitBias"),
            (sampling.ignoreEndOfText, .ignoreEndOfText, "ignoreEndOfText"),
            (choice.minTokens > 0, .minTokens, "minTokens"),
            (!sampling.stopTokens.isEmpty, .stopTokens, "stopTokens"),
        ]
        if let missing = wishes.first(where: { $0.isWished && !abilities.contains($0.ability) }) { return missing.field }
        if request.leg != .whole { return "leg" }
        if request.embeds { return "task" }
        if !request.adapter.isEmpty { return "loRA" }
        if request.constraint != nil { return "constraint" }
        if sampling.topLogprobs != nil { return "topLogprobs" }
        return sampling.maxThinkingTokens == nil ? nil : "maxThinkingTokens"
    }

    func body() -> [UInt8] {
        let sampling = request.sampling
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("model")
        writer.string(model)
        writer.key("prompt")
        let prompt = request.prompt + choice.shown
        if abilities.contains(.tokenPrompts) {
            writer.beginArray()
            for token in prompt { writer.number(UInt64(token)) }
            writer.endArray()
        } else {
            writer.string(PromptSpelling(prompt, text).text)
        }
        writer.key("max_tokens")
        writer.number(request.room(for: choice))
        writer.key("temperature")
        writer.number(sampling.temperature)
        writer.key("stream")
        writer.bool(true)
        if abilities.contains(.usage) {
            writer.key("stream_options")
            writer.value(["include_usage": true])
        }
        if sampling.temperature > 0 { writeDrawing(sampling, &writer) }
        writePenalties(sampling, &writer)
        if sampling.ignoreEndOfText {
            writer.key("ignore_eos")
            writer.bool(true)
        }
        if choice.minTokens > 0 {
            writer.key("min_tokens")
            writer.number(UInt64(choice.minTokens))
        }
        if !sampling.stopTokens.isEmpty {
            writer.key("stop_token_ids")
            writer.beginArray()
            for token in sampling.stopTokens { writer.number(UInt64(token)) }
            writer.endArray()
        }
        writer.endObject()
        return writer.finish()
    }

    private func writeDrawing(_ sampling: EngineSampling, _ writer: inout JSONWriter) {
        writer.key("top_p")
        writer.number(sampling.topP)
        if sampling.topK > 0 {
            writer.key("top_k")
            writer.number(UInt64(sampling.topK))
        }
        if sampling.minP > 0 {
            writer.key("min_p")
            writer.number(sampling.minP)
        }
        guard abilities.contains(.seed) else { return }
        writer.key("seed")
        writer.number((sampling.seed &+ UInt64(choice.choice)) & Self.mostSeed)
    }

    /// What every server takes for a number: 31 bits.
    private static let mostSeed = UInt64(Int32.max)

    private func writePenalties(_ sampling: EngineSampling, _ writer: inout JSONWriter) {
        if sampling.presencePenalty != 0 {
            writer.key("presence_penalty")
            writer.number(sampling.presencePenalty)
        }
        if sampling.frequencyPenalty != 0 {
            writer.key("frequency_penalty")
            writer.number(sampling.frequencyPenalty)
        }
        if sampling.repetitionPenalty != 1 {
            writer.key("repetition_penalty")
            writer.number(sampling.repetitionPenalty)
        }
        guard !sampling.logitBias.isEmpty else { return }
        writer.key("logit_bias")
        writer.value(sampling.biases)
    }
}
