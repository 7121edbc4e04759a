import ClusterModel
import Engines
import WireProtocol

/// What has come of a room's state: every chunk in its turn, inside the shape, and no part twice.
struct ChunkLedger {
    private let geometry: KVGeometry
    private let held: UInt32
    /// A bit for each layer of each page: page after page.
    private var there: [UInt64]
    private var missing: Int
    private var checksums: [UInt64] = []
    private var plainBytes: UInt64 = 0

    init(_ geometry: KVGeometry, held: UInt32) {
        self.geometry = geometry
        self.held = min(held, geometry.pages)
        let parts = Int(geometry.pages - self.held) * Int(geometry.layers)
        there = Array(repeating: 0, count: (parts + 63) / 64)
        missing = parts
    }

    var nextChunk: UInt32 { UInt32(clamping: checksums.count) }
    var isComplete: Bool { missing == 0 }
    var pages: UInt32 { geometry.pages - held }

    /// Counts a chunk, or says what is wrong with it. Its bytes are looked at later: what is counted here is what it claims.
    mutating func admit(_ chunk: KVChunk) throws(ChunkProblem) -> KVSlice {
        guard chunk.chunk == nextChunk else { throw ChunkProblem("chunk", "it is not the next one") }
        let slice = KVSlice(
            firstBlock: chunk.firstBlock, blockCount: chunk.blockCount, firstLayer: chunk.firstLayer, layerCount: chunk.layerCount)
        guard let bytes = geometry.bytes(of: slice), slice.firstBlock >= held else {
            throw ChunkProblem("firstBlock", "pages or layers outside the state")
        }
        guard bytes == Int(chunk.plainBytes), bytes <= Limits.kvChunkBytes else {
            throw ChunkProblem("plainBytes", "the slice has \(bytes) bytes")
        }
        guard chunk.data.count <= bytes else { throw ChunkProblem("data", "packed it is longer than unpacked") }
        try mark(slice)
        checksums.append(chunk.checksum)
        plainBytes += UInt64(bytes)
        return slice
    }

    private mutating func mark(_ slice: KVSlice) throws(ChunkProblem) {
        for page in slice.firstBlock..<slice.firstBlock + slice.blockCount {
            let first = Int(page - held) * Int(geometry.layers) + Int(slice.firstLayer)
            for part in first..<first + Int(slice.layerCount) {
                let bit = UInt64(1) << UInt64(part & 63)
                guard there[part >> 6] & bit == 0 else { throw ChunkProblem("firstBlock", "a part that was there already") }
                there[part >> 6] |= bit
                missing -= 1
            }
        }
    }

    /// What is wrong with the end of a transfer, or nothing.
    func problem(with end: RoomEnd) -> ChunkProblem? {
        if end.chunks != nextChunk { return ChunkProblem("chunks", "\(nextChunk) came") }
        if end.totalBytes != plainBytes { return ChunkProblem("totalBytes", "\(plainBytes) came") }
        if end.checksum != Self.checksum(of: checksums) { return ChunkProblem("checksum", "it does not hold") }
        return isComplete ? nil : ChunkProblem("chunks", "\(missing) parts are missing")
    }

    static func checksum(of checksums: [UInt64]) -> UInt64 {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(checksums.count * MemoryLayout<UInt64>.size)
        for checksum in checksums { bytes.appendLittleEndian(checksum) }
        return bytes.withUnsafeBytes { XXH3.hash($0) }
    }
}

/// What is wrong with a chunk or with the end of its room, by field.
struct ChunkProblem: Error, Hashable {
    let field: String
    let reason: String

    init(_ field: String, _ reason: String) {
        self.field = field
        self.reason = reason
    }
}
