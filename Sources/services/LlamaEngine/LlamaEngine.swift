package import Engines

/// Models of llama.cpp: it computes, and the reference engine's scheduler says what, so that requests live by the same rules in both.
///
/// Tokens are drawn as there, too. They follow from what llama.cpp computes, whose last bits depend on what else is in a batch and on where cells
/// lie: so nothing is promised of tokens that are continued elsewhere, though nearly always they are the same.
package enum LlamaEngine {
    /// Loads the model, and tries how its state is written. The settings' numbers are checked here.
    package static func make(_ settings: LlamaSettings) throws(LlamaError) -> ReferenceEngine {
        let (engine, computer) = try parts(settings)
        return ReferenceEngine(engine, computer)
    }

    /// What an engine is made of.
    static func parts(_ settings: LlamaSettings) throws(LlamaError) -> (BlockEngineSettings, LlamaComputer) {
        var settings = settings
        settings.room.maxBatchedTokens = max(settings.room.maxBatchedTokens, settings.room.maxSequences)
        let sequences = try sequences(settings)
        let weights = try LlamaWeights(path: settings.weightsPath, gpuLayers: settings.gpuLayers)
        let most = weights.contextLength
        guard most > 0 else { throw .weights(settings.weightsPath) }
        if let length = settings.contextLength, length == 0 || length > most {
            throw .setting("context-length", "the model was made for \(most) tokens; give that or less")
        }
        let contextLength = settings.contextLength ?? most
        if settings.roomGrows {
            settings.room.totalBlocks = max(settings.room.totalBlocks, (contextLength - 1) / settings.blockSize + 1)
        }
        let room = settings.room
        // A request has one cell more than its blocks while it begins on state that came from elsewhere.
        let (cells, overflow) = room.totalBlocks.multipliedReportingOverflow(by: settings.blockSize)
        guard !overflow, cells <= UInt32(Int32.max) - room.maxSequences else {
            throw .setting("blocks", "llama.cpp does not count so many tokens")
        }
        let context = try LlamaContext(
            weights, settings, cells: cells + room.maxSequences, sequences: sequences, batchedTokens: room.maxBatchedTokens)
        let form = try StateProbe(context, blockSize: Int(settings.blockSize)).form()
        let memory = BlockMemory(context, form, blockSize: Int(settings.blockSize), lanes: Int(room.maxSequences))
        let computer = LlamaComputer(context, memory, batchedTokens: Int(room.maxBatchedTokens))
        let profile = profile(settings, weights, contextLength: contextLength, pageBytes: computer.bytesPerLayer)
        let endTokens = weights.endTokens
        return (BlockEngineSettings(profile, endTokens: endTokens + settings.endTokens.filter { !endTokens.contains($0) }), computer)
    }

    /// A lane for each that may run, shelves for what is cached, and one through which state goes in and out.
    private static func sequences(_ settings: LlamaSettings) throws(LlamaError) -> UInt32 {
        let room = settings.room, library = LlamaContext.mostSequences
        guard room.maxSequences > 0, room.totalBlocks > 0 else {
            throw .setting("max-sequences and blocks", "there are none; give 1 or more")
        }
        guard (1...LlamaLimits.blockTokens).contains(settings.blockSize) else {
            throw .setting("block-size", "give 1 to \(LlamaLimits.blockTokens) tokens")
        }
        guard (1...LlamaLimits.threads).contains(settings.threads) else { throw .setting("threads", "give 1 to \(LlamaLimits.threads)") }
        // Half of what there is stays for what is cached.
        guard room.maxSequences <= library / 2 else { throw .sequences(asked: room.maxSequences, most: library / 2) }
        return min(library, 1 + room.maxSequences * (1 + LlamaLimits.shelvesPerLane))
    }

    private static func profile(
        _ settings: LlamaSettings, _ weights: LlamaWeights, contextLength: UInt32, pageBytes: Int
    ) -> EngineProfile {
        let model = EngineModel(
            name: settings.modelName, weights: settings.weights, blockSize: settings.blockSize, contextLength: contextLength,
            vocabularySize: weights.vocabularySize)
        let type = settings.cacheType.rawValue, flash = settings.flashAttention ? "on" : "off"
        // One part a page: llama.cpp takes state of all layers at once.
        let shape = EngineKVShape(
            layers: 1, heads: weights.keyHeads, headDimension: weights.headDimension, blockTokens: settings.blockSize,
            blockBytes: UInt64(pageBytes), element: .opaque, layout: "llama.cpp \(type): keys by layer, then values, each by token, sum")
        return EngineProfile(
            name: "llama",
            build: "\(LlamaLibrary.build), keys \(type), values \(type), flash attention \(flash), unified, rope \(weights.rotation)",
            capabilities: [.sessions, .logprobs, .choices, .salts, .concurrentHandOver, .moves], cacheReport: .exact, model: model,
            ranks: [settings.room], kvShape: shape)
    }
}
