import Engines
import TextProcessing

extension SGLangServer {
    /// The engine as the cluster sees it.
    func profile(_ settings: ServerSettings) throws(ServerMismatch) -> EngineProfile {
        if let wanted = settings.engineModel, wanted != modelName {
            throw ServerMismatch("it serves \(modelName); give --engine-model \(modelName), or nothing")
        }
        guard ranks == settings.ranks else { throw ServerMismatch("it has \(ranks) ranks; give --ranks \(ranks)") }
        let blockSize = try self.blockSize(settings)
        var model = EngineModel(
            name: settings.modelName ?? modelName, weights: weights, blockSize: blockSize, contextLength: try contextLength(settings),
            vocabularySize: UInt32(clamping: settings.text.vocabulary.count))
        model.generationDefaults = settings.generationDefaults
        model.toolFormat = settings.toolFormat
        model.reasoningFormat = settings.reasoningFormat
        model.files = settings.files
        model.adapters = adapters
        var room = settings.room
        room.totalBlocks = settings.totalBlocks ?? UInt32(clamping: max(1, totalTokens / Int(blockSize)))
        if let mostRunning { room.maxSequences = UInt32(clamping: mostRunning) }
        if let mostBatchedTokens { room.maxBatchedTokens = UInt32(clamping: mostBatchedTokens) }
        // Each sequence that runs has a token in a step.
        room.maxBatchedTokens = max(room.maxBatchedTokens, room.maxSequences)
        return EngineProfile(
            name: "sglang", build: "sglang-\(version)", capabilities: capabilities, cacheReport: caches ? .silent : .noCache, model: model,
            ranks: [EngineRank](repeating: room, count: ranks), kvShape: kvShape)
    }

    private var capabilities: EngineCapabilities {
        var capabilities: EngineCapabilities = [.logprobs]
        if takesConstraints { capabilities.insert(.constraints) }
        if !adapters.isEmpty { capabilities.insert(.adapters) }
        // A server of one leg does nothing whole, and meets the other one once a request.
        capabilities.formUnion(role == .whole ? .choices : [.sequentialHandOver, .legsOnly])
        return capabilities
    }

    /// Servers hand over among themselves, by pages of theirs: of it the cluster knows who can.
    private var kvShape: EngineKVShape? {
        guard role != .whole else { return nil }
        return EngineKVShape(
            layers: 0, heads: 0, headDimension: 0, blockTokens: UInt32(clamping: pageSize), blockBytes: 0, element: .opaque,
            layout: "sglang's own, from server to server")
    }

    private func blockSize(_ settings: ServerSettings) throws(ServerMismatch) -> UInt32 {
        // Without events a block is only what routing counts in, and a page of one token, which is the server's default, would cost much.
        guard events != nil || settings.feed != nil else {
            return settings.blockSize ?? max(settings.usualBlockSize, UInt32(clamping: pageSize))
        }
        if let given = settings.blockSize, Int(given) != pageSize {
            throw ServerMismatch("its events are of blocks of \(pageSize) tokens; give --block-size \(pageSize), or nothing")
        }
        return UInt32(clamping: pageSize)
    }

    private func contextLength(_ settings: ServerSettings) throws(ServerMismatch) -> UInt32 {
        guard let given = settings.contextLength else { return UInt32(clamping: contextLength) }
        guard Int(given) <= contextLength else {
            throw ServerMismatch("its context has \(contextLength) tokens; give --context-length \(contextLength) or less, or nothing")
        }
        return given
    }
}
