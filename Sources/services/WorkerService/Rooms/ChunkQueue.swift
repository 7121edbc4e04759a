import Engines
import WireProtocol

/// The chunks of a room on their way: numbered when they are packed, sent in that order, and kept until they are acknowledged, so that another
/// link can go on where the peer stands.
struct ChunkQueue {
    struct Chunk {
        let number: UInt32
        let packed: PackedSlice

        var bytes: Int { packed.data.count }
    }

    /// Packed, and not sent on this link.
    private var waiting: [Chunk] = []
    private var unacknowledged: [Chunk] = []
    private(set) var checksums: [UInt64] = []
    private(set) var acknowledged: UInt32 = 0
    /// One behind the last chunk that was ever sent.
    private var sentThrough: UInt32 = 0
    /// That wait for the link.
    private(set) var waitingBytes = 0

    var isAllSent: Bool { waiting.isEmpty }
    var awaitsAcknowledgement: Bool { !unacknowledged.isEmpty }
    /// Kept for another link.
    var unacknowledgedBytes: Int { unacknowledged.reduce(0) { $0 + $1.bytes } }
    var count: UInt32 { UInt32(clamping: checksums.count) }

    mutating func add(_ packed: PackedSlice) {
        waiting.append(Chunk(number: count, packed: packed))
        checksums.append(packed.checksum)
        waitingBytes += packed.data.count
    }

    /// The next chunk, if the credits cover it, and whether it was sent before, on a link that was lost.
    mutating func send(within credits: Int) -> (Chunk, isRepeat: Bool)? {
        guard let next = waiting.first, next.bytes <= credits else { return nil }
        waiting.removeFirst()
        waitingBytes -= next.bytes
        unacknowledged.append(next)
        let isRepeat = next.number < sentThrough
        sentThrough = max(sentThrough, next.number + 1)
        return (next, isRepeat)
    }

    /// Whether a peer can have all chunks below that number, and not fewer than it said before.
    func canStand(at next: UInt32) -> Bool { (acknowledged...sentThrough).contains(next) }

    /// False if the peer acknowledges what it cannot have.
    mutating func acknowledge(_ next: UInt32) -> Bool {
        guard next <= sentThrough else { return false }
        acknowledged = max(acknowledged, next)
        unacknowledged.removeAll { $0.number < next }
        return true
    }

    /// On a new link, what the peer has not goes once more.
    mutating func resume(at next: UInt32) {
        acknowledged = max(acknowledged, next)
        waiting = (unacknowledged + waiting).filter { $0.number >= next }
        unacknowledged.removeAll()
        waitingBytes = waiting.reduce(0) { $0 + $1.bytes }
    }

    mutating func removeAll() {
        waiting.removeAll()
        unacknowledged.removeAll()
        waitingBytes = 0
    }
}

extension ChunkQueue.Chunk {
    func message(in room: UInt32) -> KVChunk {
        var chunk = KVChunk()
        chunk.roomNumber = room
        chunk.chunk = number
        chunk.firstBlock = packed.slice.firstBlock
        chunk.blockCount = packed.slice.blockCount
        chunk.firstLayer = packed.slice.firstLayer
        chunk.layerCount = packed.slice.layerCount
        chunk.codec = packed.codec
        chunk.plainBytes = UInt32(clamping: packed.plainBytes)
        chunk.checksum = packed.checksum
        chunk.data = packed.data
        return chunk
    }
}
