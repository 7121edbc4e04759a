/// A GGUF file, version 2 or 3: what its metadata say, and where its tensors lie.
///
/// The file is somebody else's: every count, length and offset is checked before it is used, and nothing in it can make reading trap.
package struct GGUFFile: Sendable {
    let metadata: [String: GGUFValue]
    /// By name.
    let tensors: [String: GGUFTensor]
    private let bytes: [UInt8]

    private static let magic: UInt32 = 0x4655_4747
    private static let alignmentKey = "general.alignment"
    private static let usualAlignment = 32

    package init(parsing bytes: [UInt8]) throws(WeightsError) {
        self.bytes = bytes
        var cursor = GGUFCursor(bytes)
        guard try cursor.word(UInt32.self, "magic") == Self.magic else { throw WeightsError("magic", .notGGUF) }
        let version = try cursor.word(UInt32.self, "version")
        guard version == 2 || version == 3 else { throw WeightsError("version", .version(version)) }
        let tensorCount = try cursor.count(limit: GGUFLimits.tensors, "tensor count")
        let entryCount = try cursor.count(limit: GGUFLimits.metadataEntries, "metadata count")
        metadata = try Self.metadata(entryCount, &cursor)
        let alignment = try Self.alignment(metadata)
        let entries = try Self.entries(tensorCount, &cursor)
        // Where there are no tensors, nothing pads the end.
        let dataStart = cursor.offset + (alignment - cursor.offset % alignment) % alignment
        tensors = try Self.placed(entries, alignment: alignment, dataStart: dataStart, fileSize: bytes.count)
    }

    /// Its numbers, whatever they are written as.
    func numbers(of tensor: GGUFTensor) -> [Float] {
        let data = bytes[tensor.offset..<tensor.offset + tensor.byteCount]
        return data.withUnsafeBytes { raw in
            switch tensor.element {
            case .float32: (0..<tensor.numberCount).map { Float(bitPattern: Self.word(raw, at: $0 * 4)) }
            case .float16: (0..<tensor.numberCount).map { Self.half(raw, at: $0 * 2) }
            case .q8Blocks: Self.unpacked(raw, count: tensor.numberCount)
            }
        }
    }

    private static func word(_ raw: UnsafeRawBufferPointer, at offset: Int) -> UInt32 {
        UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }

    private static func half(_ raw: UnsafeRawBufferPointer, at offset: Int) -> Float {
        Float(Float16(bitPattern: UInt16(littleEndian: raw.loadUnaligned(fromByteOffset: offset, as: UInt16.self))))
    }

    private static func unpacked(_ raw: UnsafeRawBufferPointer, count: Int) -> [Float] {
        let block = GGUFTensor.Element.q8Blocks.block
        var numbers: [Float] = []
        numbers.reserveCapacity(count)
        for first in stride(from: 0, to: raw.count, by: block.bytes) {
            let scale = half(raw, at: first)
            for index in first + 2..<first + block.bytes { numbers.append(scale * Float(Int8(bitPattern: raw[index]))) }
        }
        return numbers
    }
}

// MARK: Metadata

extension GGUFFile {
    private static func metadata(_ count: Int, _ cursor: inout GGUFCursor) throws(WeightsError) -> [String: GGUFValue] {
        var metadata: [String: GGUFValue] = [:]
        for index in 0..<count {
            let key = try name(limit: GGUFLimits.keyBytes, "metadata key \(index)", &cursor)
            guard metadata[key] == nil else { throw WeightsError(key, .repeated) }
            metadata[key] = try value(try valueType(key, &cursor), key, depth: 0, &cursor)
        }
        return metadata
    }

    /// Errors are told by it: one that is empty would say nothing.
    private static func name(limit: Int, _ field: String, _ cursor: inout GGUFCursor) throws(WeightsError) -> String {
        let name = try cursor.text(limit: limit, field)
        guard !name.isEmpty else { throw WeightsError(field, .unfit("a name")) }
        return name
    }

    private static func valueType(_ key: String, _ cursor: inout GGUFCursor) throws(WeightsError) -> GGUFValueType {
        let number = try cursor.word(UInt32.self, key)
        guard let type = GGUFValueType(rawValue: number) else { throw WeightsError(key, .unknownType(number)) }
        return type
    }

    private static func value(
        _ type: GGUFValueType, _ key: String, depth: Int, _ cursor: inout GGUFCursor
    ) throws(WeightsError) -> GGUFValue {
        switch type {
        case .uint8: return .unsigned(UInt64(try cursor.word(UInt8.self, key)))
        case .uint16: return .unsigned(UInt64(try cursor.word(UInt16.self, key)))
        case .uint32: return .unsigned(UInt64(try cursor.word(UInt32.self, key)))
        case .uint64: return .unsigned(try cursor.word(UInt64.self, key))
        case .int8: return .signed(Int64(Int8(bitPattern: try cursor.word(UInt8.self, key))))
        case .int16: return .signed(Int64(Int16(bitPattern: try cursor.word(UInt16.self, key))))
        case .int32: return .signed(Int64(Int32(bitPattern: try cursor.word(UInt32.self, key))))
        case .int64: return .signed(Int64(bitPattern: try cursor.word(UInt64.self, key)))
        case .float32: return .number(Double(Float(bitPattern: try cursor.word(UInt32.self, key))))
        case .float64: return .number(Double(bitPattern: try cursor.word(UInt64.self, key)))
        case .boolean:
            let byte = try cursor.word(UInt8.self, key)
            guard byte < 2 else { throw WeightsError(key, .notBoolean) }
            return .boolean(byte == 1)
        case .text: return .text(try cursor.text(limit: GGUFLimits.textBytes, key))
        case .array: return .array(count: try skipArray(key, depth: depth, &cursor))
        }
    }

    /// Gives the number of its elements. Of fixed size, they are passed over at once; of others, each takes bytes of the file.
    private static func skipArray(_ key: String, depth: Int, _ cursor: inout GGUFCursor) throws(WeightsError) -> Int {
        guard depth < GGUFLimits.arrayDepth else { throw WeightsError(key, .aboveLimit(GGUFLimits.arrayDepth)) }
        let type = try valueType(key, &cursor)
        let count = try cursor.count(limit: GGUFLimits.arrayElements, key)
        if let size = type.size {
            try cursor.skip(count * size, key)
        } else {
            for _ in 0..<count { _ = try value(type, key, depth: depth + 1, &cursor) }
        }
        return count
    }

    private static func alignment(_ metadata: [String: GGUFValue]) throws(WeightsError) -> Int {
        guard let value = metadata[alignmentKey] else { return usualAlignment }
        guard let alignment = value.count.flatMap(Int.init(exactly:)), alignment > 0, alignment & (alignment - 1) == 0,
            alignment <= GGUFLimits.alignment
        else { throw WeightsError(alignmentKey, .unfit("a power of two up to \(GGUFLimits.alignment)")) }
        return alignment
    }
}

// MARK: Tensors

extension GGUFFile {
    /// An entry as it stands in the file, before its place is checked.
    private struct Entry {
        var name: String
        var dimensions: [Int]
        var element: GGUFTensor.Element
        /// Behind the start of the data.
        var offset: UInt64
    }

    private static func entries(_ count: Int, _ cursor: inout GGUFCursor) throws(WeightsError) -> [Entry] {
        var entries: [Entry] = []
        for index in 0..<count {
            let name = try name(limit: GGUFLimits.nameBytes, "tensor name \(index)", &cursor)
            let dimensionCount = try cursor.word(UInt32.self, name)
            guard (1...GGUFLimits.dimensions).contains(Int(dimensionCount)) else {
                throw WeightsError(name, .unfit("a tensor of 1 to \(GGUFLimits.dimensions) dimensions"))
            }
            var dimensions: [Int] = []
            for _ in 0..<dimensionCount { dimensions.append(try cursor.count(limit: Int.max, name)) }
            let type = try cursor.word(UInt32.self, name)
            guard let element = GGUFTensor.Element(rawValue: type) else { throw WeightsError(name, .unknownType(type)) }
            entries.append(Entry(name: name, dimensions: dimensions, element: element, offset: try cursor.word(UInt64.self, name)))
        }
        return entries
    }

    private static func placed(
        _ entries: [Entry], alignment: Int, dataStart: Int, fileSize: Int
    ) throws(WeightsError) -> [String: GGUFTensor] {
        var placed: [GGUFTensor] = []
        for entry in entries {
            guard let size = GGUFTensor.size(entry.dimensions, entry.element) else {
                throw WeightsError(entry.name, .unfit("a tensor of whole blocks that can be counted"))
            }
            guard let offset = Int(exactly: entry.offset), offset <= fileSize - dataStart, size.bytes <= fileSize - dataStart - offset
            else { throw WeightsError(entry.name, .outside) }
            guard offset % alignment == 0 else { throw WeightsError(entry.name, .misaligned) }
            placed.append(
                GGUFTensor(
                    name: entry.name, dimensions: entry.dimensions, element: entry.element, offset: dataStart + offset,
                    byteCount: size.bytes, numberCount: size.numbers))
        }
        placed.sort { $0.offset < $1.offset }
        for (first, second) in zip(placed, placed.dropFirst()) where first.offset + first.byteCount > second.offset {
            throw WeightsError(second.name, .overlaps(first.name))
        }
        var byName: [String: GGUFTensor] = [:]
        for tensor in placed where byName.updateValue(tensor, forKey: tensor.name) != nil {
            throw WeightsError(tensor.name, .repeated)
        }
        return byName
    }
}
