@testable import EngineAdapters

/// Writes MessagePack as an engine would: enough of it for tests.
indirect enum Pack {
    case null
    case int(UInt64)
    case float(Double)
    case text(String)
    case binary([UInt8])
    case list([Pack])
    case map([(String, Pack)])

    var bytes: [UInt8] {
        switch self {
        case .null: return [0xC0]
        case .int(let value): return value < 128 ? [UInt8(value)] : [0xCF] + big(value)
        case .float(let value): return [0xCB] + big(value.bitPattern)
        case .text(let text): return [0xDB] + big(UInt32(text.utf8.count)) + Array(text.utf8)
        case .binary(let bytes): return [0xC6] + big(UInt32(bytes.count)) + bytes
        case .list(let parts): return [0xDD] + big(UInt32(parts.count)) + parts.flatMap(\.bytes)
        case .map(let parts): return [0xDF] + big(UInt32(parts.count)) + parts.flatMap { Pack.text($0.0).bytes + $0.1.bytes }
        }
    }

    private func big<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] { withUnsafeBytes(of: number.bigEndian) { Array($0) } }

    // MARK: Batches

    /// - Parameter time: what makes two batches of the same events differ, as an engine's clock does.
    static func batch(_ events: [Pack], time: Double) -> [UInt8] { Pack.list([.float(time), .list(events), .int(0)]).bytes }

    static func stored(_ hashes: [UInt64], after parent: UInt64?, tokens: [UInt64], size: UInt64, medium: String = "GPU") -> Pack {
        .map([
            ("type", .text("BlockStored")), ("block_hashes", .list(hashes.map(Pack.int))),
            ("parent_block_hash", parent.map(Pack.int) ?? .null),
            ("token_ids", .list(tokens.map(Pack.int))), ("block_size", .int(size)), ("lora_id", .null), ("medium", .text(medium)),
            ("extra_keys", .list(hashes.map { _ in .null })),
        ])
    }

    static func removed(_ hashes: [UInt64], medium: String = "GPU") -> Pack {
        .map([("type", .text("BlockRemoved")), ("block_hashes", .list(hashes.map(Pack.int))), ("medium", .text(medium))])
    }

    static let cleared = Pack.map([("type", .text("AllBlocksCleared"))])
}
