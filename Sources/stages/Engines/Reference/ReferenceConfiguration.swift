package import ClusterModel

/// What a reference engine is made of.
package struct ReferenceConfiguration: Sendable {
    package var model: LlamaModel
    package var modelName: String
    /// Which weights: a digest of their file.
    package var weights: String
    package var blockSize: UInt32 = 64
    /// At most the model's.
    package var contextLength: UInt32
    package var room: EngineRank
    /// That frontends need to render and tokenize.
    package var files: [EngineModelFile] = []
    package var generationDefaults = Array("{}".utf8)
    package var toolFormat = ""
    package var reasoningFormat = ""
    /// That end a text, beside those that the weights name.
    package var endTokens: [TokenID] = []
    /// The share of blocks that starting a request leaves free, so that what runs can grow before anything is preempted.
    package var watermark = 0.01
    /// The share of blocks that sessions may keep.
    package var sessionShare = 0.5
    /// The ways in which it gives and takes KV state; nil: none.
    package var handOver: HandOverPaths? = .both

    /// Room for 64 k tokens: of the tiny model 128 MiB, which are taken as they are used.
    package static let usualRoom = EngineRank(totalBlocks: 1_024, maxSequences: 64, maxBatchedTokens: 512, maxWaiting: 1_024)

    package init(_ model: LlamaModel, name: String, weights: String, room: EngineRank = Self.usualRoom) {
        self.model = model
        modelName = name
        self.weights = weights
        self.room = room
        contextLength = UInt32(clamping: model.contextLength)
    }

    /// Each sequence that runs computes a token in a step.
    var fittingRoom: EngineRank {
        var room = room
        room.maxBatchedTokens = max(room.maxBatchedTokens, room.maxSequences)
        return room
    }

    var allEndTokens: [TokenID] { model.endTokens + endTokens.filter { !model.endTokens.contains($0) } }

    var settings: BlockEngineSettings {
        var settings = BlockEngineSettings(profile, endTokens: allEndTokens)
        settings.watermark = watermark
        settings.sessionShare = sessionShare
        return settings
    }

    var profile: EngineProfile {
        let shape = model.shape
        var model = EngineModel(
            name: modelName, weights: weights, blockSize: blockSize,
            contextLength: min(contextLength, UInt32(clamping: shape.contextLength)),
            vocabularySize: UInt32(clamping: shape.vocabulary))
        model.files = files
        model.generationDefaults = generationDefaults
        model.toolFormat = toolFormat
        model.reasoningFormat = reasoningFormat
        let pageBytes = shape.layers * PagedCache(shape, blockSize: Int(blockSize)).bytesPerLayer
        let kv = EngineKVShape(
            layers: UInt32(clamping: shape.layers), heads: UInt32(clamping: shape.keyHeads),
            headDimension: UInt32(clamping: shape.headDimension), blockTokens: blockSize, blockBytes: UInt64(pageBytes),
            element: .float32, layout: "reference: layer, keys and values, token, head, sum")
        let abilities: EngineCapabilities = [.sessions, .logprobs, .choices, .exactContinuation, .salts]
        return EngineProfile(
            name: "reference", build: "reference-1", capabilities: abilities.union(handOver?.capabilities ?? []), cacheReport: .exact,
            model: model, ranks: [fittingRoom], kvShape: handOver == nil ? nil : kv)
    }
}
