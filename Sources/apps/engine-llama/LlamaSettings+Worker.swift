import EngineServing
import Engines
import LlamaEngine

extension LlamaSettings {
    /// From what a worker says; what it leaves open is the engine's choice.
    init(_ told: EngineSettings) throws(WeightsFileError) {
        var room = Self.usualRoom
        if told.blocks > 0 { room.totalBlocks = told.blocks }
        if told.sequences > 0 { room.maxSequences = told.sequences }
        if told.batchedTokens > 0 { room.maxBatchedTokens = told.batchedTokens }
        if told.waiting > 0 { room.maxWaiting = told.waiting }
        let digest = try WeightsFile.digest(ofFileAt: told.weightsPath)
        self.init(modelName: told.modelName, weightsPath: told.weightsPath, weights: digest, room: room)
        roomGrows = told.blocks == 0
        if told.blockSize > 0 { blockSize = told.blockSize }
        if told.contextLength > 0 { contextLength = told.contextLength }
        if told.threads > 0 { threads = told.threads }
        gpuLayers = told.gpuLayers
        flashAttention = told.flashAttention
        endTokens = told.endTokens
        cacheType =
            switch told.kvType {
            case .f16: .f16
            case .f32: .f32
            case .q8: .q8
            }
    }
}
