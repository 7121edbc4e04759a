import ClusterModel
@testable import EngineAdapters
import JSONText
import TestSupport

/// A batch of `Tests/Fixtures/kv-events/vectors.json`, and what it says.
struct EventVector: Sendable {
    let name: String
    let payload: [UInt8]
    let time: Double
    let rank: Int64?
    let events: [EngineCacheEvent]

    static func all() throws -> [EventVector] {
        let file = try GoldenVectors.contents("\(GoldenVectors.root)/Tests/Fixtures/kv-events/vectors.json")
        let values = try JSONValue(parsing: file, limits: .file).asArray ?? []
        return values.map { value in
            EventVector(
                name: value["name"]?.asString ?? "", payload: Hex.bytes(value["hex"]?.asString ?? "") ?? [],
                time: value["time"]?.asDouble ?? .nan, rank: value["rank"]?.asInt64, events: (value["events"]?.asArray ?? []).map(event))
        }
    }

    private static func event(_ value: JSONValue) -> EngineCacheEvent {
        let hashes = (value["hashes"]?.asArray ?? []).compactMap(\.asString).map(hash)
        let place = BlockPlace(
            medium: value["medium"]?.asString, group: value["group"]?.asInt64, locality: value["locality"]?.asString)
        switch value["type"]?.asString {
        case "stored":
            var stored = StoredBlocks()
            stored.hashes = hashes
            stored.parent = value["parent"]?.asString.map(hash)
            stored.tokens = (value["tokens"]?.asArray ?? []).compactMap(\.asUInt64).map { TokenID($0) }
            stored.blockSize = value["size"]?.asInt ?? -1
            stored.adapterNumber = value["number"]?.asInt64
            stored.adapterName = value["adapter"]?.asString
            stored.place = place
            stored.extraKeys = value["keys"]?.asArray?.map { keys in
                let parts = keys.asArray ?? [], texts = parts.compactMap(\.asString)
                return BlockExtraKeys(texts: texts, others: parts.count - texts.count)
            }
            stored.attention = value["attention"]?.asString
            stored.slidingWindow = value["window"]?.asInt64
            return .stored(stored)
        case "removed":
            var removed = RemovedBlocks()
            removed.hashes = hashes
            removed.place = place
            return .removed(removed)
        case "cleared": return .allCleared
        default: return .unknown
        }
    }

    /// Numbers stand there in decimal digits, bytes in hexadecimal ones behind `0x`.
    private static func hash(_ text: String) -> EngineBlockHash {
        if let number = UInt64(text) { return EngineBlockHash(number) }
        guard let hash = EngineBlockHash(Hex.bytes(text.dropFirst(2)) ?? []) else { preconditionFailure("a hash of at most 32 bytes") }
        return hash
    }
}
