import ClusterModel
import Engines
import WireProtocol

/// The model as peers see it: its card, and the files that it names.
struct WorkerModel: Sendable {
    let card: ModelCard
    private let files: [EngineModelFile]

    init(_ profile: EngineProfile, servedNames: [String]) {
        let model = profile.model
        var card = ModelCard()
        // What an engine says of itself may be longer than a card has room for; of weights all of it counts.
        card.name = model.name.cut(toBytes: Limits.nameBytes)
        card.weights =
            model.weights.utf8.count <= Limits.nameBytes ? model.weights : SHA256.digest(of: Array(model.weights.utf8)).description
        card.blockSize = model.blockSize
        card.contextLength = model.contextLength
        card.vocabularySize = model.vocabularySize
        card.embeddingDimensions = model.embeddingDimensions
        card.generationDefaults = model.generationDefaults
        card.toolFormat = model.toolFormat
        card.reasoningFormat = model.reasoningFormat
        card.files = model.files.map {
            ModelFile(name: $0.name, digest: SHA256.digest(of: $0.bytes), size: UInt64($0.bytes.count))
        }
        card.digest = card.computedDigest
        card.capabilities = Capabilities(profile)
        card.servedNames = servedNames.map(Label.init(text:))
        card.loRAs = model.adapters.map(Label.init(text:))
        self.card = card
        files = model.files
    }

    /// The bytes of a file by both names that a question gives.
    func file(_ name: String, _ digest: Digest) -> [UInt8]? {
        guard let index = card.files.firstIndex(where: { $0.name == name && $0.digest == digest }) else { return nil }
        return files[index].bytes
    }
}

extension Capabilities {
    init(_ profile: EngineProfile) {
        let table: [(EngineCapabilities, Capabilities)] = [
            (.sessions, .sessions), (.logprobs, .logprobs), (.promptLogprobs, .promptLogprobs), (.embeddings, .embeddings),
            (.constraints, .constraints), (.concurrentHandOver, .concurrentHandOver), (.sequentialHandOver, .sequentialHandOver),
            (.adapters, .loRA), (.media, .multimodal), (.choices, .choices), (.exactContinuation, .exactContinuation), (.moves, .moves),
            (.textAnswers, .textAnswers), (.legsOnly, .legsOnly),
        ]
        self.init()
        for (engine, wire) in table where profile.capabilities.contains(engine) { insert(wire) }
        guard profile.cacheReport == .exact else { return }
        insert(.exactEvents)
        if profile.capabilities.contains(.salts) { insert(.saltedEvents) }
    }
}

extension EventsMode {
    /// An engine that keeps nothing between requests has nothing to predict either.
    init(_ report: EngineCacheReport) {
        switch report {
        case .exact: self = .exact
        case .silent: self = .approximate
        case .noCache: self = .loadOnly
        }
    }
}

extension KVShape {
    init(_ shape: EngineKVShape) {
        let element: KVElementType =
            switch shape.element {
            case .float32: .float32
            case .float16: .float16
            case .bfloat16: .bfloat16
            case .float8e4m3: .float8e4m3
            case .float8e5m2: .float8e5m2
            case .int8: .int8
            case .opaque: .opaque
            }
        self.init(
            layers: shape.layers, heads: shape.heads, headDimension: shape.headDimension, blockTokens: shape.blockTokens,
            blockBytes: shape.blockBytes, elementType: element, layout: shape.layout)
    }
}

extension RankCapacity {
    init(rank: UInt32, _ room: EngineRank) {
        self.init(
            rank: rank, totalBlocks: room.totalBlocks, hostBlocks: room.hostBlocks, diskBlocks: room.diskBlocks,
            maxSequences: room.maxSequences, maxBatchedTokens: room.maxBatchedTokens)
    }
}
