import ClusterModel
package import Engines
package import WireProtocol

extension EngineRequest: WireRecord {
    package init() {
        self.init(key: EngineRequestKey(0), rank: Rank(0), prompt: [], sampling: EngineSampling(), choices: [], contextLimit: 0)
    }

    /// What a reader of constraints made of one stays where it was read: the engine reads it again.
    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.key("key", &key)
        try coder.rank("rank", &rank)
        try coder.code("leg", &leg, [LegCode.whole: .whole, .prefill: .prefill, .decode: .decode])
        try coder.record("handOver", &handOver)
        try coder.bool("embeds", &embeds)
        try coder.u32s("prompt", &prompt, atMost: Limits.promptTokens)
        try coder.list("media", &media, atMost: Limits.multimodalItems)
        try coder.hashes("promptHashes", &promptHashes, atMost: Limits.promptTokens)
        try coder.record("sampling", &sampling)
        try coder.optional("constraint", &constraint)
        try coder.list("choices", &choices, atMost: Limits.choices)
        try coder.count("contextLimit", &contextLimit)
        try coder.text("adapter", &adapter, atMost: Limits.nameBytes)
        try coder.optional("salt", &salt)
        try coder.f32("priority", &priority)
        try coder.optionalU64("session", &session)
        try coder.optionalU32("expectedOutputTokens", &expectedOutputTokens)
        try coder.text("traceParent", &traceParent, atMost: Limits.traceParentBytes)
    }
}

private enum LegCode: UInt8, WireEnum { case whole = 1, prefill, decode }

extension CacheSalt: WireRecord {
    package init() { self = Self.of(words: [0, 0]) }

    /// Its bytes, eight at a time.
    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        var words = stride(from: 0, to: bytes.count, by: 8).map { start in
            bytes[start..<(start + 8)].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        }
        for index in words.indices { try coder.u64("salt", &words[index]) }
        self = Self.of(words: words)
    }

    private static func of(words: [UInt64]) -> CacheSalt {
        let bytes = words.flatMap { word in stride(from: UInt64(56), through: 0, by: -8).map { UInt8(truncatingIfNeeded: word >> $0) } }
        guard let salt = CacheSalt(bytes: bytes) else { preconditionFailure("a salt has two words") }
        return salt
    }
}

extension HandOver: WireRecord {
    private enum Shape: UInt8, WireEnum { case none = 1, export, receive, parameters }

    package init() { self = .none }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        var shape: Shape, bytes: [UInt8] = []
        switch self {
        case .none: shape = .none
        case .export: shape = .export
        case .receive: shape = .receive
        case .parameters(let parameters): (shape, bytes) = (.parameters, parameters)
        }
        try coder.choice("handOver", &shape)
        if shape == .parameters { try coder.bytes("parameters", &bytes, atMost: Limits.handOverBytes) }
        self =
            switch shape {
            case .none: .none
            case .export: .export
            case .receive: .receive
            case .parameters: .parameters(bytes)
            }
    }
}

extension EngineMedium: WireRecord {
    package init() { self.init(hash: 0, firstToken: 0, tokenCount: 0) }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u64("hash", &hash)
        try coder.u32("firstToken", &firstToken)
        try coder.u32("tokenCount", &tokenCount)
    }
}

extension EngineChoice: WireRecord {
    package init() { self.init(choice: 0, maxTokens: nil) }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u8("choice", &choice)
        try coder.u32s("shown", &shown, atMost: Limits.promptTokens)
        try coder.optionalU32("maxTokens", &maxTokens)
        try coder.u32("minTokens", &minTokens)
        try coder.u32("penaltyOrigin", &penaltyOrigin)
        try coder.u32("logprobOffset", &logprobOffset)
        try coder.bytes("stopState", &stopState, atMost: Limits.stopStateBytes)
    }
}

extension EngineConstraint: WireRecord {
    private enum Language: UInt8, WireEnum { case jsonObject = 1, jsonSchema, regex, grammar, choice }

    package init() { self = .jsonObject }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        var language: Language, source: [UInt8]
        switch self {
        case .jsonObject: (language, source) = (.jsonObject, [])
        case .jsonSchema(let schema): (language, source) = (.jsonSchema, schema)
        case .regex(let expression): (language, source) = (.regex, expression)
        case .grammar(let grammar): (language, source) = (.grammar, grammar)
        case .choice(let texts): (language, source) = (.choice, texts)
        }
        try coder.choice("language", &language)
        if language != .jsonObject { try coder.bytes("source", &source, atMost: Limits.constraintBytes) }
        self =
            switch language {
            case .jsonObject: .jsonObject
            case .jsonSchema: .jsonSchema(source)
            case .regex: .regex(source)
            case .grammar: .grammar(source)
            case .choice: .choice(source)
            }
    }
}
