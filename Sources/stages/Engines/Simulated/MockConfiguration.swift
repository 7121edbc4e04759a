/// What a simulated engine is made of.
package struct MockConfiguration: Hashable, Sendable {
    package var modelName: String
    package var blockSize: UInt32
    package var contextLength: UInt32
    /// Each alike.
    package var ranks: Int
    package var room: EngineRank
    package var latency: LatencyModel
    /// Names of adapters that count as loaded; each gives other text.
    package var adapters: [String] = []

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
    private static let tokenizerFile = EngineModelFile(
        name: "apus-byte-tokenizer.json",
        bytes: Array(
            #"{"kind":"bytes","specials":["<|endoftext|>","<|im_start|>","<|im_end|>"],"template":"chatml","#.utf8)
            + Array(#""endOfText":["<|endoftext|>","<|im_end|>"]}"#.utf8))

    var profile: EngineProfile {
        var model = EngineModel(
            name: modelName, weights: "apus-mock-1", blockSize: blockSize, contextLength: contextLength,
            vocabularySize: MockText.vocabularySize)
        model.generationDefaults = Array("{}".utf8)
        model.files = [Self.tokenizerFile]
        model.adapters = adapters
        var capabilities: EngineCapabilities = [.logprobs, .choices, .exactContinuation, .salts]
        if !adapters.isEmpty { capabilities.insert(.adapters) }
        return EngineProfile(
            name: "mock", build: "mock-1", capabilities: capabilities, cacheReport: .noCache, model: model,
            ranks: Array(repeating: room, count: ranks))
    }
}
