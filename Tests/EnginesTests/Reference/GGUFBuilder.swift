/// Writes GGUF files byte by byte, good ones and bad ones.
struct GGUFBuilder {
    var magic = Array("GGUF".utf8)
    var version: UInt32 = 3
    /// Nil: as many as there are.
    var tensorCount: UInt64?
    var entryCount: UInt64?
    var entries: [[UInt8]] = []
    var tensors: [[UInt8]] = []
    var alignment = 32
    var data: [UInt8] = []

    static func little(_ value: some FixedWidthInteger) -> [UInt8] { withUnsafeBytes(of: value.littleEndian) { Array($0) } }
    static func text(_ value: String) -> [UInt8] { little(UInt64(value.utf8.count)) + Array(value.utf8) }

    mutating func entry(_ key: String, type: UInt32, _ value: [UInt8]) { entries.append(Self.text(key) + Self.little(type) + value) }

    mutating func tensor(_ name: String, _ dimensions: [UInt64], type: UInt32 = 0, offset: UInt64) {
        tensors.append(
            Self.text(name) + Self.little(UInt32(dimensions.count)) + dimensions.flatMap { Self.little($0) } + Self.little(type)
                + Self.little(offset))
    }

    var bytes: [UInt8] {
        var bytes = magic + Self.little(version) + Self.little(tensorCount ?? UInt64(tensors.count))
        bytes += Self.little(entryCount ?? UInt64(entries.count))
        bytes += entries.joined()
        bytes += tensors.joined()
        if !data.isEmpty { bytes += Array(repeating: 0, count: (alignment - bytes.count % alignment) % alignment) }
        return bytes + data
    }
}
