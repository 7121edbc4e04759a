import Engines
import WireProtocol

extension EngineProfile {
    /// What makes it no profile of an engine, whoever says so; nil: nothing.
    var impossibility: String? {
        if name.isEmpty || model.name.isEmpty { return "it does not say what it runs" }
        if build.utf8.count > Limits.nameBytes { return "the name of its build has \(build.utf8.count) bytes" }
        if ranks.isEmpty { return "it has no ranks" }
        if ranks.contains(where: { $0.totalBlocks == 0 || $0.maxSequences == 0 || $0.maxBatchedTokens == 0 }) {
            return "a rank has no room"
        }
        if !(1...4_096).contains(model.blockSize) { return "its blocks have \(model.blockSize) tokens" }
        if model.contextLength < 2 || model.contextLength > Limits.promptTokens { return "its context has \(model.contextLength) tokens" }
        if model.vocabularySize < 2 { return "its vocabulary has \(model.vocabularySize) tokens" }
        if Int(model.embeddingDimensions) > Limits.embeddingBytes / MemoryLayout<Float>.size { return "its embeddings are too long" }
        if let kvShape, kvShape.layers == 0 || kvShape.blockTokens == 0 || kvShape.blockBytes == 0 || kvShape.blockBytes > 1 << 40 {
            return "its KV state has no shape"
        }
        return nil
    }

    /// Whether another life of the same engine can take the place of the first one: what peers know of it stays as it is.
    func isSame(as other: EngineProfile) -> Bool {
        name == other.name && build == other.build && capabilities == other.capabilities && cacheReport == other.cacheReport
            && model == other.model && ranks == other.ranks && kvShape == other.kvShape
    }
}
