import ClusterModel
import WireProtocol

/// What came into one room: checked chunk by chunk, and at its end as a whole. The bytes themselves are not kept.
struct ResponderRoom {
    private(set) var nextChunk: UInt32 = 0
    private(set) var blocks: UInt32 = 0
    private var total: UInt64 = 0
    private var checksums: [UInt8] = []

    /// Nil when the chunk is good.
    mutating func store(_ chunk: KVChunk) -> FailureCode? {
        guard chunk.chunk == nextChunk else { return .malformed }
        // Unpacking is an engine's affair; without a codec the bytes are what the checksum is over.
        guard chunk.codec == .none else { return .incompatibleKV }
        guard Int(chunk.plainBytes) == chunk.data.count else { return .malformed }
        guard XXH3.hash(chunk.data.span.bytes) == chunk.checksum else { return .checksum }
        nextChunk += 1
        let (end, overflow) = chunk.firstBlock.addingReportingOverflow(chunk.blockCount)
        guard !overflow else { return .malformed }
        blocks = max(blocks, end)
        total += UInt64(chunk.data.count)
        checksums.appendLittleEndian(chunk.checksum)
        return nil
    }

    func problem(with end: RoomEnd) -> FailureCode? {
        guard end.chunks == nextChunk, end.totalBytes == total else { return .malformed }
        return XXH3.hash(checksums.span.bytes) == end.checksum ? nil : .checksum
    }
}
