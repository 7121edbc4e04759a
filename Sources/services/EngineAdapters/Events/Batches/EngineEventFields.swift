import ClusterModel

/// The fields of an event as they are read, by name or by place.
struct EngineEventFields {
    /// In the order of an event that is an array, behind its type.
    enum Field: String {
        case hashes = "block_hashes"
        case parent = "parent_block_hash"
        case tokens = "token_ids"
        case blockSize = "block_size"
        case adapterNumber = "lora_id"
        case medium
        case adapterName = "lora_name"
        case extraKeys = "extra_keys"
        case group = "group_idx"
        case attention = "kv_cache_spec_kind"
        case slidingWindow = "kv_cache_spec_sliding_window"
        case locality
    }

    static let placesOfStored: [Field] = [
        .hashes, .parent, .tokens, .blockSize, .adapterNumber, .medium, .adapterName, .extraKeys, .group, .attention, .slidingWindow,
        .locality,
    ]
    static let placesOfRemoved: [Field] = [.hashes, .medium, .group, .locality]

    var stored = StoredBlocks()
    private var hasHashes = false
    private var hasBlockSize = false

    mutating func read(_ field: Field, from reader: inout MessagePackReader) throws(EngineEventError) {
        do throws(MessagePackError) { try take(field, from: &reader) } catch { throw EngineEventError(field.rawValue, error) }
    }

    private mutating func take(_ field: Field, from reader: inout MessagePackReader) throws(MessagePackError) {
        switch field {
        case .hashes:
            stored.hashes = try Self.hashes(from: &reader)
            hasHashes = true
        case .parent: stored.parent = try reader.isNull() ? nil : EngineBlockHash(from: &reader)
        case .tokens: stored.tokens = try Self.tokens(from: &reader)
        case .blockSize:
            stored.blockSize = try reader.integer()
            hasBlockSize = true
        case .adapterNumber: stored.adapterNumber = try reader.isNull() ? nil : reader.integer()
        case .medium: stored.place.medium = try Self.text(from: &reader)
        case .adapterName: stored.adapterName = try Self.text(from: &reader)
        case .extraKeys: stored.extraKeys = try reader.isNull() ? nil : Self.extraKeys(from: &reader)
        case .group: stored.place.group = try reader.isNull() ? nil : reader.integer()
        case .attention: stored.attention = try Self.text(from: &reader)
        case .slidingWindow: stored.slidingWindow = try reader.isNull() ? nil : reader.integer()
        case .locality: stored.place.locality = try Self.text(from: &reader)
        }
    }

    private static func text(from reader: inout MessagePackReader) throws(MessagePackError) -> String? {
        try reader.isNull() ? nil : reader.text(atMost: EngineEventLimits.textBytes)
    }

    private static func hashes(from reader: inout MessagePackReader) throws(MessagePackError) -> [EngineBlockHash] {
        let count = try reader.array(atMost: EngineEventLimits.hashesPerEvent)
        var hashes: [EngineBlockHash] = []
        hashes.reserveCapacity(count)
        for _ in 0..<count { hashes.append(try EngineBlockHash(from: &reader)) }
        return hashes
    }

    private static func tokens(from reader: inout MessagePackReader) throws(MessagePackError) -> [TokenID] {
        let count = try reader.array(atMost: EngineEventLimits.tokensPerEvent)
        var tokens: [TokenID] = []
        tokens.reserveCapacity(count)
        for _ in 0..<count { tokens.append(try reader.integer()) }
        return tokens
    }

    private static func extraKeys(from reader: inout MessagePackReader) throws(MessagePackError) -> [BlockExtraKeys] {
        let count = try reader.array(atMost: EngineEventLimits.hashesPerEvent)
        var blocks: [BlockExtraKeys] = []
        for _ in 0..<count { blocks.append(try reader.isNull() ? BlockExtraKeys() : block(from: &reader)) }
        return blocks
    }

    private static func block(from reader: inout MessagePackReader) throws(MessagePackError) -> BlockExtraKeys {
        let count = try reader.array(atMost: EngineEventLimits.extraKeysPerBlock)
        var block = BlockExtraKeys()
        for _ in 0..<count {
            if try reader.nextKind() == .text {
                block.texts.append(try reader.text(atMost: EngineEventLimits.textBytes))
            } else {
                try reader.skip()
                block.others += 1
            }
        }
        return block
    }

    // MARK: Events

    func event(ofType type: String?) throws(EngineEventError) -> EngineCacheEvent {
        switch type {
        case EngineEventReader.storedType:
            guard hasHashes else { throw EngineEventError(Field.hashes.rawValue) }
            guard hasBlockSize else { throw EngineEventError(Field.blockSize.rawValue) }
            return .stored(stored)
        case EngineEventReader.removedType:
            guard hasHashes else { throw EngineEventError(Field.hashes.rawValue) }
            var removed = RemovedBlocks()
            removed.hashes = stored.hashes
            removed.place = stored.place
            return .removed(removed)
        case EngineEventReader.clearedType: return .allCleared
        case nil: throw EngineEventError("type")
        default: return .unknown
        }
    }
}
