import ClusterModel
import Engines
import WireProtocol

extension EngineRequest {
    /// A checked entry in the engine's words.
    init(_ entry: GenerateEntry, key: EngineRequestKey, contextLength: UInt32) {
        let sampling = entry.sampling
        let choices: [EngineChoice]
        if entry.continuation.isEmpty {
            choices = (0..<entry.choices).map {
                EngineChoice(
                    choice: $0, maxTokens: sampling.maxTokens == 0 ? nil : sampling.maxTokens, minTokens: sampling.minTokens,
                    penaltyOrigin: UInt32(clamping: entry.promptTokens.count))
            }
        } else {
            choices = entry.continuation.filter { !$0.finished }.sorted { $0.choice < $1.choice }.map {
                EngineChoice(
                    choice: $0.choice, shown: $0.shownTokens, maxTokens: sampling.maxTokens == 0 ? nil : $0.remainingMaxTokens,
                    minTokens: $0.remainingMinTokens, penaltyOrigin: $0.penaltyOrigin, logprobOffset: $0.logprobOffset,
                    stopState: $0.stopState)
            }
        }
        self.init(
            key: key, rank: Rank(entry.rank), prompt: entry.promptTokens, sampling: EngineSampling(sampling), choices: choices,
            contextLimit: Int(contextLength))
        leg =
            switch entry.leg {
            case .aggregated: .whole
            case .prefill: .prefill
            case .decode: .decode
            }
        embeds = entry.task == .embed
        media = entry.multimodal.map { EngineMedium(hash: $0.hash, firstToken: $0.firstToken, tokenCount: $0.tokenCount) }
        constraint = entry.constraint.map(EngineConstraint.init)
        adapter = entry.loRA
        salt = CacheSalt(bytes: entry.salt)
        priority = entry.priority
        expectedOutputTokens = entry.expectedOutputTokens
        if let room = entry.room {
            handOver = room.direction == .push ? .export : .receive
        } else if !entry.handOver.isEmpty {
            handOver = .parameters(entry.handOver)
        }
    }
}

extension EngineSampling {
    init(_ sampling: Sampling) {
        self.init()
        temperature = sampling.temperature
        topP = sampling.topP
        topK = sampling.topK
        minP = sampling.minP
        presencePenalty = sampling.presencePenalty
        frequencyPenalty = sampling.frequencyPenalty
        repetitionPenalty = sampling.repetitionPenalty
        seed = sampling.seed
        maxThinkingTokens = sampling.maxThinkingTokens
        ignoreEndOfText = sampling.ignoreEndOfText
        stopTokens = sampling.stopTokens
        stopSequences = sampling.stopSequences.map { EngineStopSequence(text: $0.text, tokens: $0.tokens) }
        topLogprobs = sampling.topLogprobs
        promptLogprobs = sampling.promptLogprobs
        logitBias = sampling.logitBias.map { EngineLogitBias(token: $0.token, bias: $0.bias) }
    }
}

extension EngineConstraint {
    init(_ constraint: Constraint) {
        switch constraint.kind {
        case .jsonObject: self = .jsonObject
        case .jsonSchema: self = .jsonSchema(constraint.source)
        case .regex: self = .regex(constraint.source)
        case .grammar: self = .grammar(constraint.source)
        case .choice: self = .choice(constraint.source)
        }
    }
}
