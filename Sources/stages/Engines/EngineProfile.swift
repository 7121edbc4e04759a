/// What an engine can do beyond plain generation.
package struct EngineCapabilities: OptionSet, Hashable, Sendable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    package static let sessions = EngineCapabilities(rawValue: 1 << 0)
    package static let logprobs = EngineCapabilities(rawValue: 1 << 1)
    package static let promptLogprobs = EngineCapabilities(rawValue: 1 << 2)
    package static let embeddings = EngineCapabilities(rawValue: 1 << 3)
    package static let constraints = EngineCapabilities(rawValue: 1 << 4)
    /// KV state leaves while prefill goes on, and is received into reserved blocks.
    package static let concurrentHandOver = EngineCapabilities(rawValue: 1 << 5)
    package static let sequentialHandOver = EngineCapabilities(rawValue: 1 << 6)
    package static let adapters = EngineCapabilities(rawValue: 1 << 7)
    package static let media = EngineCapabilities(rawValue: 1 << 8)
    package static let choices = EngineCapabilities(rawValue: 1 << 9)
    /// The next token depends on prompt, shown tokens, seed and position only.
    package static let exactContinuation = EngineCapabilities(rawValue: 1 << 10)
    /// The state of a running request can be moved.
    package static let moves = EngineCapabilities(rawValue: 1 << 11)
    /// Blocks of salted prompts are told apart.
    package static let salts = EngineCapabilities(rawValue: 1 << 12)
    /// It answers in text, of which tokens were made again: the same text, and not always the tokens that it was made of.
    package static let textAnswers = EngineCapabilities(rawValue: 1 << 13)
    /// It does one leg of split requests, and no whole one.
    package static let legsOnly = EngineCapabilities(rawValue: 1 << 14)
}

/// What an engine says of its prefix cache.
package enum EngineCacheReport: Hashable, Sendable {
    /// It keeps no blocks between requests.
    case noCache
    /// It keeps blocks, and cannot say which.
    case silent
    /// Each step names the sequence hashes that came and went.
    case exact
}

/// One data-parallel replica's room.
package struct EngineRank: Hashable, Sendable {
    /// Of the card's block size.
    package var totalBlocks: UInt32
    package var hostBlocks: UInt32 = 0
    package var diskBlocks: UInt32 = 0
    /// Running at once; choices count one each.
    package var maxSequences: UInt32
    /// In one step.
    package var maxBatchedTokens: UInt32
    /// Requests that may wait; one more ends with `capacity`.
    package var maxWaiting: UInt32

    package init(totalBlocks: UInt32, maxSequences: UInt32, maxBatchedTokens: UInt32, maxWaiting: UInt32) {
        self.totalBlocks = totalBlocks
        self.maxSequences = maxSequences
        self.maxBatchedTokens = maxBatchedTokens
        self.maxWaiting = maxWaiting
    }
}

/// A file that whoever renders and tokenizes for this model needs.
package struct EngineModelFile: Hashable, Sendable {
    /// Without any folder.
    package let name: String
    package let bytes: [UInt8]

    package init(name: String, bytes: [UInt8]) {
        self.name = name
        self.bytes = bytes
    }
}

/// The model that an engine runs, as the rest of the cluster needs to know it.
package struct EngineModel: Hashable, Sendable {
    package var name: String
    /// Which weights, as precisely as the engine knows: a revision or a digest.
    package var weights: String
    package var blockSize: UInt32
    /// Prompt and output together.
    package var contextLength: UInt32
    package var vocabularySize: UInt32
    /// 0: no embeddings.
    package var embeddingDimensions: UInt32 = 0
    /// A JSON object, or empty.
    package var generationDefaults: [UInt8] = []
    package var toolFormat = ""
    package var reasoningFormat = ""
    package var files: [EngineModelFile] = []
    package var adapters: [String] = []

    package init(name: String, weights: String, blockSize: UInt32, contextLength: UInt32, vocabularySize: UInt32) {
        self.name = name
        self.weights = weights
        self.blockSize = blockSize
        self.contextLength = contextLength
        self.vocabularySize = vocabularySize
    }
}

/// An engine's fixed properties: told once, when it stands.
package struct EngineProfile: Sendable {
    package var name: String
    /// Equal builds can read one another's KV state.
    package var build: String
    package var capabilities: EngineCapabilities
    package var cacheReport: EngineCacheReport
    package var model: EngineModel
    package var ranks: [EngineRank]
    /// Nil: KV state can be neither given nor taken.
    package var kvShape: EngineKVShape?
    /// Reads constraints before requests are accepted; nil: the engine says what it cannot keep when it takes the request.
    package var constraintReader: (any ConstraintReader)?

    package init(
        name: String, build: String, capabilities: EngineCapabilities, cacheReport: EngineCacheReport, model: EngineModel,
        ranks: [EngineRank], kvShape: EngineKVShape? = nil
    ) {
        self.name = name
        self.build = build
        self.capabilities = capabilities
        self.cacheReport = cacheReport
        self.model = model
        self.ranks = ranks
        self.kvShape = kvShape
    }
}
