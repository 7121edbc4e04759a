package import ClusterModel

/// Table: `proto-spec/04-messages.md#workerrole`.
package enum WorkerRole: UInt8, WireEnum {
    /// Whole requests.
    case aggregated = 1
    /// Prefill legs.
    case prefill
    /// Decode legs, and whole requests as a candidate of local prefill.
    case decode
}

/// Table: `proto-spec/04-messages.md#eventsmode`.
package enum EventsMode: UInt8, WireEnum {
    /// Cache events name sequence hashes.
    case exact = 1
    /// No usable cache events: the router predicts from its own decisions.
    case approximate
    /// Routed by load alone, for instance after a mismatch of hashes.
    case loadOnly
}

/// What a worker can do beyond plain generation: bits of a card, and what a request needs. Table: `proto-spec/04-messages.md#capabilities`.
package struct Capabilities: OptionSet, Hashable, Sendable {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }

    package static let sessions = Capabilities(rawValue: 1 << 0)
    /// Cache events that name sequence hashes.
    package static let exactEvents = Capabilities(rawValue: 1 << 1)
    package static let logprobs = Capabilities(rawValue: 1 << 2)
    package static let embeddings = Capabilities(rawValue: 1 << 3)
    package static let constraints = Capabilities(rawValue: 1 << 4)
    package static let concurrentHandOver = Capabilities(rawValue: 1 << 5)
    package static let sequentialHandOver = Capabilities(rawValue: 1 << 6)
    package static let loRA = Capabilities(rawValue: 1 << 7)
    package static let multimodal = Capabilities(rawValue: 1 << 8)
    package static let choices = Capabilities(rawValue: 1 << 9)
    /// The next token depends on prompt, shown tokens, seed and position only.
    package static let exactContinuation = Capabilities(rawValue: 1 << 10)
    /// The KV state of a running request can be exported and imported.
    package static let moves = Capabilities(rawValue: 1 << 11)
    /// Cache events of salted prompts can be told apart.
    package static let saltedEvents = Capabilities(rawValue: 1 << 12)
    package static let promptLogprobs = Capabilities(rawValue: 1 << 13)
    /// The engine answers in text, of which its worker makes tokens again.
    package static let textAnswers = Capabilities(rawValue: 1 << 14)
    /// One leg of split requests, and no whole one.
    package static let legsOnly = Capabilities(rawValue: 1 << 15)
}

/// Layout: `proto-spec/04-messages.md#modelfile`.
package struct ModelFile: WireRecord, Hashable {
    /// Without any folder.
    package var name = ""
    /// SHA-256 of its bytes.
    package var digest = Digest()
    /// Bytes.
    package var size: UInt64 = 0

    package init() {}
    package init(name: String, digest: Digest, size: UInt64) {
        self.name = name
        self.digest = digest
        self.size = size
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.text("name", &name, atMost: Limits.nameBytes)
        try coder.digest("digest", &digest)
        try coder.u64("size", &size)
    }
}

/// What a model is to the rest of the cluster. `digest` is the SHA-256 of this record's encoding with `digest` all zero, `capabilities` 0,
/// and `servedNames` and `loRAs` empty: workers whose digests differ are in different pools. Layout: `proto-spec/04-messages.md#modelcard`.
package struct ModelCard: WireRecord, Hashable {
    package var name = ""
    package var digest = Digest()
    /// Which weights, as precisely as the engine knows: a revision or a digest.
    package var weights = ""
    /// Tokens a block.
    package var blockSize: UInt32 = 0
    /// Prompt and output together.
    package var contextLength: UInt32 = 0
    package var vocabularySize: UInt32 = 0
    /// 0: no embeddings.
    package var embeddingDimensions: UInt32 = 0
    /// A JSON object, or empty.
    package var generationDefaults: [UInt8] = []
    /// How the model writes tool calls; empty: to be found from the template.
    package var toolFormat = ""
    /// Of either format: its answers are not to be read.
    package static let noFormat = "none"
    /// The same for reasoning.
    package var reasoningFormat = ""
    /// What a frontend fetches, by name.
    package var files: [ModelFile] = []
    /// Bits of `Capabilities`; unknown ones are ignored.
    package var capabilities: Capabilities = []
    /// Names that clients may use beside `name`.
    package var servedNames: [Label] = []
    /// Adapters that are loaded.
    package var loRAs: [Label] = []

    package init() {}

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.text("name", &name, atMost: Limits.nameBytes)
        try coder.digest("digest", &digest)
        try coder.text("weights", &weights, atMost: Limits.nameBytes)
        try coder.u32("blockSize", &blockSize)
        try coder.u32("contextLength", &contextLength)
        try coder.u32("vocabularySize", &vocabularySize)
        try coder.u32("embeddingDimensions", &embeddingDimensions)
        try coder.bytes("generationDefaults", &generationDefaults, atMost: Limits.generationDefaultsBytes)
        try coder.text("toolFormat", &toolFormat, atMost: Limits.nameBytes)
        try coder.text("reasoningFormat", &reasoningFormat, atMost: Limits.nameBytes)
        try coder.list("files", &files, atMost: Limits.modelFiles)
        try coder.u64("capabilities", &capabilities)
        try coder.list("servedNames", &servedNames, atMost: Limits.servedNames)
        try coder.list("loRAs", &loRAs, atMost: Limits.loRAs)
    }
}

/// Layout: `proto-spec/04-messages.md#rankcapacity`.
package struct RankCapacity: WireRecord, Hashable {
    package var rank: UInt32 = 0
    /// On the device.
    package var totalBlocks: UInt32 = 0
    package var hostBlocks: UInt32 = 0
    package var diskBlocks: UInt32 = 0
    /// Running at once.
    package var maxSequences: UInt32 = 0
    /// In one engine step.
    package var maxBatchedTokens: UInt32 = 0

    package init() {}
    package init(rank: UInt32, totalBlocks: UInt32, hostBlocks: UInt32, diskBlocks: UInt32, maxSequences: UInt32, maxBatchedTokens: UInt32)
    {
        self.rank = rank
        self.totalBlocks = totalBlocks
        self.hostBlocks = hostBlocks
        self.diskBlocks = diskBlocks
        self.maxSequences = maxSequences
        self.maxBatchedTokens = maxBatchedTokens
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u32("rank", &rank)
        try coder.u32("totalBlocks", &totalBlocks)
        try coder.u32("hostBlocks", &hostBlocks)
        try coder.u32("diskBlocks", &diskBlocks)
        try coder.u32("maxSequences", &maxSequences)
        try coder.u32("maxBatchedTokens", &maxBatchedTokens)
    }
}

/// Table: `proto-spec/04-messages.md#kvelementtype`.
package enum KVElementType: UInt8, WireEnum {
    case float32 = 1
    case float16
    case bfloat16
    case float8e4m3
    case float8e5m2
    case int8
    /// Bytes that only the same engine build reads.
    case opaque
}

/// Two engines exchange KV state only if model digest, engine build and this record are equal. Layout: `proto-spec/04-messages.md#kvshape`.
package struct KVShape: WireRecord, Hashable {
    package var layers: UInt32 = 0
    /// Of keys and values.
    package var heads: UInt32 = 0
    package var headDimension: UInt32 = 0
    /// Tokens of an engine's page.
    package var blockTokens: UInt32 = 0
    /// One page, all layers.
    package var blockBytes: UInt64 = 0
    package var elementType = KVElementType.float32
    /// The order of a page's bytes, in the engine's words.
    package var layout = ""

    package init() {}
    package init(
        layers: UInt32, heads: UInt32, headDimension: UInt32, blockTokens: UInt32, blockBytes: UInt64, elementType: KVElementType,
        layout: String
    ) {
        self.layers = layers
        self.heads = heads
        self.headDimension = headDimension
        self.blockTokens = blockTokens
        self.blockBytes = blockBytes
        self.elementType = elementType
        self.layout = layout
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u32("layers", &layers)
        try coder.u32("heads", &heads)
        try coder.u32("headDimension", &headDimension)
        try coder.u32("blockTokens", &blockTokens)
        try coder.u64("blockBytes", &blockBytes)
        try coder.choice("elementType", &elementType)
        try coder.text("layout", &layout, atMost: Limits.nameBytes)
    }
}
