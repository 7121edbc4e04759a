/// Who gives way when a rank has no free block for what runs.
package enum MockPreemption: String, CaseIterable, Hashable, Sendable {
    /// What started last: the oldest is never disturbed.
    case lifo
    /// What started first.
    case fifo
}

/// What a simulated engine is made of.
package struct MockConfiguration: Hashable, Sendable {
    package var modelName: String
    package var blockSize: UInt32
    package var contextLength: UInt32
    /// Each alike.
    package var ranks: Int
    package var room: EngineRank
    package var latency: LatencyModel
    /// Nil: tokens are bytes.
    package var vocabulary: MockVocabulary?
    /// What it says to whom; nil: sentences.
    package var answers: MockAnswers?
    /// How its model begins and ends thoughts; nil: it has none.
    package var thoughts: MockThoughts?
    /// Output has the form that a request gives it. Without it such requests are refused.
    package var constraints = true
    /// By name, as cards have them; empty: as the chat template says.
    package var toolFormat = ""
    package var reasoningFormat = ""
    /// Names of adapters that count as loaded; each gives other text.
    package var adapters: [String] = []
    /// Blocks are found again by later requests. Without it there are no sessions either.
    package var prefixCaching = true
    /// A prompt may take several steps. Without it one that does not fit in what is left of a step's budget waits for another step, and one
    /// that fits in no step is refused.
    package var chunkedPrefill = true
    package var preemption = MockPreemption.lifo
    /// The share of a rank's blocks that starting a request leaves free, so that what runs can grow before anything is preempted.
    package var watermark = 0.01
    /// Different ones among the requests of a rank that run at once; at least 1.
    package var maxAdapters = 8
    /// Tokens of one prompt in one step, so that short prompts pass long ones; nil: as many as the step has.
    package var longPrefillThreshold: Int?
    /// The share of a rank's blocks that sessions may keep.
    package var sessionShare = 0.5
    /// 0: no embeddings.
    package var embeddingDimensions: UInt32 = 256
    /// Nil: it neither gives nor takes KV state, and refuses the legs of split requests.
    package var kv: MockKVConfiguration?

    package init(
        modelName: String = "apus-mock", blockSize: UInt32 = 64, contextLength: UInt32 = 32_768, ranks: Int = 1,
        room: EngineRank = EngineRank(totalBlocks: 16_384, maxSequences: 256, maxBatchedTokens: 8_192, maxWaiting: 1_024),
        latency: LatencyModel = LatencyModel()
    ) {
        self.modelName = modelName
        self.blockSize = blockSize
        self.contextLength = contextLength
        self.ranks = ranks
        self.room = room
        self.latency = latency
    }

    /// What a frontend needs to render and tokenize for it: bytes as tokens, and a template that every reader knows by name.
    package static let tokenizerFile = EngineModelFile(
        name: "apus-byte-tokenizer.json",
        bytes: Array(
            #"{"kind":"bytes","specials":["<|endoftext|>","<|im_start|>","<|im_end|>"],"template":"chatml","#.utf8)
            + Array(#""endOfText":["<|endoftext|>","<|im_end|>"]}"#.utf8))

    var profile: EngineProfile {
        var model = EngineModel(
            name: modelName, weights: "apus-mock-1", blockSize: blockSize, contextLength: contextLength,
            vocabularySize: vocabulary?.size ?? MockText.vocabularySize)
        model.generationDefaults = vocabulary?.generationDefaults ?? Array("{}".utf8)
        model.files = vocabulary?.files ?? [Self.tokenizerFile]
        model.adapters = adapters
        model.toolFormat = toolFormat
        model.reasoningFormat = reasoningFormat
        model.embeddingDimensions = embeddingDimensions
        var capabilities: EngineCapabilities = [.logprobs, .choices, .exactContinuation, .salts]
        if !adapters.isEmpty { capabilities.insert(.adapters) }
        if embeddingDimensions > 0 { capabilities.insert(.embeddings) }
        if keepsConstraints { capabilities.insert(.constraints) }
        if prefixCaching { capabilities.insert(.sessions) }
        if let kv { capabilities.formUnion(kv.capabilities) }
        var profile = EngineProfile(
            name: "mock", build: "mock-1", capabilities: capabilities, cacheReport: prefixCaching ? .exact : .noCache, model: model,
            ranks: Array(repeating: room, count: ranks), kvShape: kv?.shape(blockSize: blockSize))
        if keepsConstraints { profile.constraintReader = MockConstraints() }
        return profile
    }

    /// It must be able to say what it makes up.
    var keepsConstraints: Bool { constraints && (vocabulary == nil || vocabulary?.spelling != nil) }

    /// A share of a rank's blocks; a share that is none counts as 0 or 1.
    func blocks(_ share: Double) -> Int {
        share > 0 ? Int(Double(room.totalBlocks) * min(share, 1)) : 0
    }
}
