import ClusterModel
import Engines
import ProcessKit
import Transport
import WireProtocol

/// Whether this worker's model and engine can do what an entry asks for; nothing here depends on the moment.
struct EntryCheck {
    private let profile: EngineProfile
    private let card: ModelCard

    init(_ profile: EngineProfile, _ card: ModelCard) {
        self.profile = profile
        self.card = card
    }

    /// The first thing that is wrong, by the name of its field.
    func problem(with entry: GenerateEntry) -> FailureDetail? {
        if entry.pool != card.digest { return .of(.unknownModel, "pool", "another model card is served here") }
        if Int(entry.rank) >= profile.ranks.count { return .of(.invalidArgument, "rank", "there are \(profile.ranks.count) ranks") }
        return task(entry) ?? prompt(entry) ?? sampling(entry.sampling) ?? continuation(entry) ?? room(entry)
    }

    /// As above, of a session.
    func problem(with question: OpenSession) -> FailureDetail? {
        if !can(.sessions) { return .of(.sessionUnsupported, "key", "the engine holds no sessions") }
        if question.key.id.isEmpty { return .of(.invalidArgument, "key", "a session has a name") }
        if question.pool != card.digest { return .of(.unknownModel, "pool", "another model card is served here") }
        if Int(question.rank) >= profile.ranks.count { return .of(.invalidArgument, "rank", "there are \(profile.ranks.count) ranks") }
        return adapter(question.loRA) ?? salt(question.salt)
    }

    /// The entry's constraint as the engine takes it. It costs the most of all, so it is asked last, and once.
    func constraint(of entry: GenerateEntry) -> Result<(any ReadConstraint)?, ConstraintProblem> {
        guard let constraint = entry.constraint, let reader = profile.constraintReader else { return .success(nil) }
        return Result { () throws(ConstraintProblem) in try reader.read(EngineConstraint(constraint)) }
    }

    private func adapter(_ name: String) -> FailureDetail? {
        name.isEmpty || card.loRAs.contains { $0.text == name } ? nil : .of(.unknownModel, "loRA", "no such adapter is loaded")
    }

    private func salt(_ salt: [UInt8]) -> FailureDetail? {
        salt.isEmpty || CacheSalt(bytes: salt) != nil ? nil : .of(.invalidArgument, "salt", "a salt has \(Limits.saltBytes) bytes")
    }

    private func task(_ entry: GenerateEntry) -> FailureDetail? {
        if entry.task == .embed, !can(.embeddings) { return .of(.invalidArgument, "task", "the engine gives no embeddings") }
        if !(1...Limits.choices).contains(Int(entry.choices)) || (entry.choices > 1 && !can(.choices)) {
            return .of(.invalidArgument, "choices", "from 1 to \(can(.choices) ? Limits.choices : 1)")
        }
        if entry.leg != .aggregated, !can(.concurrentHandOver), !can(.sequentialHandOver) {
            return .of(.incompatibleKV, "leg", "the engine neither gives nor takes KV state")
        }
        if let problem = adapter(entry.loRA) ?? salt(entry.salt) { return problem }
        if entry.constraint != nil, !can(.constraints) {
            return .of(.invalidArgument, "constraint", "the engine does not constrain its output")
        }
        if let session = entry.session, session.id.isEmpty { return .of(.invalidArgument, "session", "a session has a name") }
        if entry.session != nil, !can(.sessions) { return .of(.sessionUnsupported, "session", "the engine holds no sessions") }
        return nil
    }

    private func prompt(_ entry: GenerateEntry) -> FailureDetail? {
        if entry.promptTokens.isEmpty { return .of(.invalidArgument, "promptTokens", "there is no prompt") }
        if !areInVocabulary(entry.promptTokens) { return .of(.invalidArgument, "promptTokens", "a token is outside the vocabulary") }
        if !entry.multimodal.isEmpty, !can(.media) { return .of(.invalidArgument, "multimodal", "the engine takes text only") }
        for item in entry.multimodal where UInt64(item.firstToken) + UInt64(item.tokenCount) > UInt64(entry.promptTokens.count) {
            return .of(.invalidArgument, "multimodal", "an item ends behind the prompt")
        }
        let longest = entry.continuation.map { $0.finished ? 0 : $0.shownTokens.count }.max() ?? 0
        if entry.promptTokens.count + longest + entry.task.leastOutput > Int(card.contextLength) {
            return .of(.promptTooLong, "promptTokens", "the context has \(card.contextLength) tokens")
        }
        return nil
    }

    private func sampling(_ sampling: Sampling) -> FailureDetail? {
        func wrong(_ field: String, _ reason: String) -> FailureDetail { .of(.invalidArgument, field, reason) }
        if sampling.temperature < 0 { return wrong("temperature", "0 or more") }
        if sampling.topP <= 0 || sampling.topP > 1 { return wrong("topP", "above 0, at most 1") }
        if sampling.minP < 0 || sampling.minP > 1 { return wrong("minP", "from 0 to 1") }
        if sampling.repetitionPenalty <= 0 { return wrong("repetitionPenalty", "above 0") }
        if let tops = sampling.topLogprobs {
            if !can(.logprobs) { return wrong("topLogprobs", "the engine gives no logprobs") }
            if tops > Limits.topLogprobs { return wrong("topLogprobs", "at most \(Limits.topLogprobs)") }
        }
        if sampling.promptLogprobs != nil, !can(.promptLogprobs) {
            return wrong("promptLogprobs", "the engine gives no logprobs of the prompt")
        }
        if sampling.maxTokens > 0, sampling.minTokens > sampling.maxTokens { return wrong("minTokens", "above maxTokens") }
        return nil
    }

    private func continuation(_ entry: GenerateEntry) -> FailureDetail? {
        guard !entry.continuation.isEmpty else { return nil }
        func wrong(_ field: String, _ reason: String) -> FailureDetail { .of(.invalidArgument, field, reason) }
        let numbers = Set(entry.continuation.map(\.choice))
        if numbers.count != entry.continuation.count || numbers.count != Int(entry.choices)
            || entry.continuation.contains(where: { $0.choice >= entry.choices })
        {
            return wrong("continuation", "one entry for each of the choices")
        }
        if entry.continuation.allSatisfy(\.finished) { return wrong("continuation", "every choice is finished") }
        for choice in entry.continuation where !choice.finished {
            if !areInVocabulary(choice.shownTokens) { return wrong("shownTokens", "a token is outside the vocabulary") }
            if entry.sampling.maxTokens > 0, choice.remainingMaxTokens == 0 {
                return wrong("remainingMaxTokens", "nothing is left of a choice that is not finished")
            }
        }
        return nil
    }

    private func room(_ entry: GenerateEntry) -> FailureDetail? {
        func wrong(_ field: String, _ reason: String) -> FailureDetail { .of(.invalidArgument, field, reason) }
        if entry.room != nil, !can(.concurrentHandOver) {
            return .of(.incompatibleKV, "room", "the engine neither gives nor takes KV state")
        }
        if entry.room != nil, profile.kvShape == nil {
            return .of(.incompatibleKV, "room", "the engine does not say how its state lies in pages")
        }
        if !entry.handOver.isEmpty, !can(.sequentialHandOver) {
            return .of(.incompatibleKV, "handOver", "the engine takes no state of another")
        }
        if entry.leg != .aggregated, entry.task != .generate { return wrong("leg", "only generation is split") }
        switch (entry.leg, entry.room?.direction) {
        case (.aggregated, nil) where entry.handOver.isEmpty: return nil
        case (.aggregated, _): return wrong("room", "a whole request gives nothing and takes nothing")
        case (.prefill, nil) where !can(.sequentialHandOver): return .of(.incompatibleKV, "leg", "the engine gives no parameters")
        case (.prefill, _) where !entry.handOver.isEmpty: return wrong("handOver", "a prefill leg takes nothing")
        case (.prefill, nil): return nil
        case (.prefill, .push):
            return Address(advertised: entry.room?.peerAddress ?? "", peer: nil) == nil ? wrong("peerAddress", "it is no address") : nil
        case (.decode, nil): return entry.handOver.isEmpty ? wrong("handOver", "a decode leg takes its state from somewhere") : nil
        case (.decode, .receive): return entry.handOver.isEmpty ? nil : wrong("handOver", "its state comes into the room")
        case (.prefill, .receive), (.decode, .push): return wrong("room", "the state goes from prefill to decode")
        }
    }

    /// The pages of a leg's state; nil for an engine that moves none. Where one choice goes on, they are those of what it showed, too.
    func geometry(of request: EngineRequest) -> KVGeometry? {
        let tokens = request.choices.count == 1 ? request.prefillTokens : request.prompt.count
        return profile.kvShape.flatMap { KVGeometry($0, tokens: tokens) }
    }

    private func areInVocabulary(_ tokens: [TokenID]) -> Bool {
        let size = card.vocabularySize
        // Without a branch for each token, and several at once; a prompt has many thousands.
        return tokens.withUnsafeBufferPointer { tokens in
            var outside: UInt32 = 0
            for token in tokens { outside |= token < size ? 0 : 1 }
            return outside == 0
        }
    }

    private func can(_ ability: EngineCapabilities) -> Bool { profile.capabilities.contains(ability) }
}

extension FailureDetail {
    static func of(_ code: FailureCode, _ field: String = "", _ reason: String = "", retryAfter: Duration = .zero) -> FailureDetail {
        // Some of it are a peer's or an engine's words.
        FailureDetail(
            code: code, retryAfterMilliseconds: UInt32(clamping: retryAfter.inMilliseconds), field: field.cut(toBytes: Limits.nameBytes),
            reason: reason.cut(toBytes: Limits.reasonBytes))
    }
}
