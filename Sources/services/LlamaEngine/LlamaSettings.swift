package import ClusterModel
package import Engines

/// What a llama.cpp engine is made of.
package struct LlamaSettings: Sendable {
    /// How numbers of keys and values are kept. All that exchange state keep them alike.
    package enum CacheType: String, Sendable { case f16, f32, q8 = "q8_0" }

    package var modelName: String
    /// Of a GGUF file, on this machine.
    package var weightsPath: String
    /// Which weights: a digest of their file.
    package var weights: String
    package var blockSize: UInt32 = 16
    /// Nil: the model's. At most that.
    package var contextLength: UInt32?
    package var room: EngineRank
    /// The room gets as many blocks as the longest context needs, if it has fewer.
    package var roomGrows = false
    package var cacheType = CacheType.f16
    package var flashAttention = true
    /// A small model is fastest with one; a large one with as many as there are cores.
    package var threads: UInt32 = 1
    /// Layers that an accelerator computes, where the library was built with one.
    package var gpuLayers: UInt32 = 0
    /// That end a text, beside those that the weights name.
    package var endTokens: [TokenID] = []

    /// What attention looks through is the memory of all sequences, so that more of it makes each step slower.
    package static let usualRoom = EngineRank(totalBlocks: 1_024, maxSequences: 32, maxBatchedTokens: 512, maxWaiting: 1_024)

    package init(modelName: String, weightsPath: String, weights: String, room: EngineRank = Self.usualRoom) {
        self.modelName = modelName
        self.weightsPath = weightsPath
        self.weights = weights
        self.room = room
    }
}
