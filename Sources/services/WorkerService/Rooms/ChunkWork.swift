import ClusterModel
import Engines
import EventLoop
import WireProtocol

/// An exported slice on its way to become a chunk.
struct PackJob: Sendable {
    let slice: KVSlice
    let plain: [UInt8]
    /// None: as it is. Several: each is tried.
    let codecs: [KVCodec]
}

/// A chunk but for its number and its room.
struct PackedSlice: Sendable {
    let slice: KVSlice
    let plainBytes: Int
    let checksum: UInt64
    let codec: KVCodec
    let data: [UInt8]
    let trials: [CodecChoice.Trial]
}

/// What was received, and whether its bytes are what was sent.
struct CheckedChunk: Sendable {
    let slice: KVSlice
    let plain: Result<[UInt8], ChunkFault>
}

enum ChunkFault: Error, Hashable {
    case unreadable(String)
    case damaged
}

/// What pool threads do for one room, one chunk at a time.
struct ChunkWork: Sendable {
    private let coder = KVChunkCoder()
    private let elementBytes: Int
    /// Read on pool threads, as loops allow.
    private let loop: Loop

    init(elementBytes: Int, loop: Loop) {
        self.elementBytes = elementBytes
        self.loop = loop
    }

    func pack(_ job: PackJob) -> PackedSlice {
        var codec = KVCodec.none, data = job.plain, trials: [CodecChoice.Trial] = []
        for candidate in job.codecs {
            let began = loop.clockReading, packed = coder.pack(job.plain, as: candidate, elementBytes: elementBytes)
            trials.append(
                CodecChoice.Trial(
                    codec: candidate, plainBytes: job.plain.count, packedBytes: packed?.count ?? job.plain.count,
                    duration: began.duration(to: loop.clockReading)))
            if let packed, packed.count < data.count { (codec, data) = (candidate, packed) }
        }
        return PackedSlice(
            slice: job.slice, plainBytes: job.plain.count, checksum: KVChunkCoder.checksum(job.plain), codec: codec, data: data,
            trials: trials)
    }

    func check(_ chunk: KVChunk, _ slice: KVSlice) -> CheckedChunk {
        let plain: Result<[UInt8], ChunkFault>
        do throws(WireError) {
            let bytes = try coder.unpack(
                chunk.data, as: chunk.codec, plainBytes: Int(chunk.plainBytes), elementBytes: elementBytes)
            plain = KVChunkCoder.checksum(bytes) == chunk.checksum ? .success(bytes) : .failure(.damaged)
        } catch {
            plain = .failure(.unreadable(error.field))
        }
        return CheckedChunk(slice: slice, plain: plain)
    }
}
