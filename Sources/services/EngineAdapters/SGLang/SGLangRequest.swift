import ClusterModel
import Engines
import JSONText

/// The body of `POST /generate` for one choice of a request.
///
/// What is neutral is left out: a server refuses members of `sampling_params` that it does not know, and an older one knows fewer. Texts that
/// stop a choice are left out as well: whoever asked finds them in the text, and the server would cut them off.
struct SGLangRequest {
    let request: EngineRequest
    let choice: EngineChoice
    /// What the server calls this choice.
    let name: String
    let server: SGLangServer
    /// Where the two legs of a split request meet.
    var meeting: SGLangMeeting?

    /// The field that this server cannot serve; nil if there is none.
    var unsupportedField: String? {
        let sampling = request.sampling
        if request.embeds { return "task" }
        if !request.media.isEmpty { return "multimodal" }
        // The server's own limit needs a mode of it that nobody can ask it for.
        if sampling.maxThinkingTokens != nil { return "maxThinkingTokens" }
        if sampling.promptLogprobs != nil { return "promptLogprobs" }
        if !(-2...2).contains(sampling.presencePenalty) { return "presencePenalty" }
        if !(-2...2).contains(sampling.frequencyPenalty) { return "frequencyPenalty" }
        if sampling.repetitionPenalty <= 0 || sampling.repetitionPenalty > 2 { return "repetitionPenalty" }
        if case .choice(let source)? = request.constraint, ChoiceList(source) == nil { return "constraint" }
        return nil
    }

    func body() -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("rid")
        writer.string(name)
        writer.key("input_ids")
        writer.beginArray()
        for token in request.prompt { writer.number(UInt64(token)) }
        for token in choice.shown { writer.number(UInt64(token)) }
        writer.endArray()
        writer.key("sampling_params")
        writeSampling(&writer)
        writer.key("stream")
        writer.bool(true)
        if let tops = request.sampling.topLogprobs {
            writer.key("return_logprob")
            writer.bool(true)
            writer.key("logprob_start_len")
            writer.number(-1)  // of the output alone
            writer.key("top_logprobs_num")
            writer.number(UInt64(tops))
        }
        if !request.adapter.isEmpty {
            writer.key("lora_path")
            writer.string(request.adapter)
        }
        if let salt = request.salt {
            writer.key("extra_key")
            writer.string(salt.serverText)
        }
        if request.priority != 0, let priority = server.priority(request.priority) {
            writer.key("priority")
            writer.number(priority)
        }
        if server.ranks > 1 {
            writer.key(server.rankMember)
            writer.number(UInt64(request.rank.rawValue))
        }
        meeting?.write(to: &writer, isDecode: request.leg == .decode)
        writer.endObject()
        return writer.finish()
    }

    private func writeSampling(_ writer: inout JSONWriter) {
        let sampling = request.sampling
        writer.beginObject()
        writer.key("max_new_tokens")
        writer.number(UInt64(request.room(for: choice)))
        if choice.minTokens > 0 {
            writer.key("min_new_tokens")
            writer.number(UInt64(min(Int(choice.minTokens), request.room(for: choice))))
        }
        writer.key("temperature")
        writer.number(sampling.temperature)
        if sampling.temperature > 0 {
            if sampling.topP < 1 {
                writer.key("top_p")
                writer.number(sampling.topP)
            }
            if sampling.topK > 0 {
                writer.key("top_k")
                writer.number(UInt64(sampling.topK))
            }
            if sampling.minP > 0 {
                writer.key("min_p")
                writer.number(sampling.minP)
            }
            writer.key("sampling_seed")
            // The server takes 63 bits and a sign: the same bits.
            writer.number(Int64(bitPattern: sampling.seed &+ UInt64(choice.choice)))
        }
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
        if !sampling.logitBias.isEmpty {
            writer.key("logit_bias")
            writer.value(sampling.biases)
        }
        if let constraint = request.constraint { write(constraint, to: &writer) }
        writer.endObject()
    }

    private func write(_ constraint: EngineConstraint, to writer: inout JSONWriter) {
        func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
        switch constraint {
        case .jsonObject:
            writer.key("json_schema")
            writer.string(#"{"type":"object"}"#)
        case .jsonSchema(let source):
            writer.key("json_schema")
            writer.string(text(source))
        case .regex(let source):
            writer.key("regex")
            writer.string(text(source))
        case .grammar(let source):
            writer.key("ebnf")
            writer.string(text(source))
        case .choice(let source):
            writer.key("regex")
            writer.string(ChoiceList(source)?.regex ?? "")
        }
    }
}
