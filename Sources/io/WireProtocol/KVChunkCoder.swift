internal import CZstd
import ClusterModel

/// The codecs of KV chunks: what a chunk's `data` is made of, and what its `checksum` covers. Table: `proto-spec/04-messages.md#kvcodec`.
///
/// Contexts of zstd are made when they are first needed.
package final class KVChunkCoder: @unchecked Sendable {
    // Safety: its owner lets one thread at a time use it.

    /// Keeps pace with a fast network; higher levels gain little on KV state, which is nearly noise but for its exponents.
    private static let level: Int32 = 1

    private var packing: OpaquePointer?
    private var unpacking: OpaquePointer?

    package init() {}

    deinit {
        if let packing { ZSTD_freeCCtx(packing) }
        if let unpacking { ZSTD_freeDCtx(unpacking) }
    }

    package static func checksum(_ plain: [UInt8]) -> UInt64 { plain.withUnsafeBytes { XXH3.hash($0) } }

    /// Nil if it would not become smaller: such a chunk goes as it is.
    package func pack(_ plain: [UInt8], as codec: KVCodec, elementBytes: Int) -> [UInt8]? {
        switch codec {
        case .none: nil
        case .zstd: compress(plain)
        case .splitZstd: compress(Self.split(plain, elementBytes))
        }
    }

    /// What was packed. `plainBytes` is what the peer claims, and the caller has checked it: no more memory than that is taken.
    package func unpack(
        _ data: [UInt8], as codec: KVCodec, plainBytes: Int, elementBytes: Int
    ) throws(WireError) -> [UInt8] {
        switch codec {
        case .none:
            guard data.count == plainBytes else { throw WireError(.lengthMismatch, "plainBytes") }
            return data
        case .zstd: return try decompress(data, plainBytes)
        case .splitZstd: return Self.join(try decompress(data, plainBytes), elementBytes)
        }
    }

    // MARK: zstd

    private func compress(_ plain: [UInt8]) -> [UInt8]? {
        guard !plain.isEmpty else { return nil }
        if packing == nil { packing = ZSTD_createCCtx() }
        guard let packing else { return nil }  // without memory for it there is none for the sender's wish either
        let packed = [UInt8](unsafeUninitializedCapacity: plain.count - 1) { buffer, count in
            let size = plain.withUnsafeBytes {
                ZSTD_compressCCtx(packing, buffer.baseAddress, buffer.count, $0.baseAddress, $0.count, Self.level)
            }
            count = ZSTD_isError(size) != 0 ? 0 : size  // an error here means: it does not fit
        }
        return packed.isEmpty ? nil : packed
    }

    private func decompress(_ data: [UInt8], _ plainBytes: Int) throws(WireError) -> [UInt8] {
        if unpacking == nil { unpacking = ZSTD_createDCtx() }
        guard let unpacking else { throw WireError(.badCompression, "data") }
        // The frame must say the same length before any memory is reserved for it.
        let announced = data.withUnsafeBytes { ZSTD_getFrameContentSize($0.baseAddress, $0.count) }
        guard announced == UInt64(plainBytes) else { throw WireError(.lengthMismatch, "plainBytes") }
        let plain = [UInt8](unsafeUninitializedCapacity: plainBytes) { buffer, count in
            let size = data.withUnsafeBytes {
                ZSTD_decompressDCtx(unpacking, buffer.baseAddress, buffer.count, $0.baseAddress, $0.count)
            }
            count = ZSTD_isError(size) != 0 ? 0 : size
        }
        guard plain.count == plainBytes else { throw WireError(.badCompression, "data") }
        return plain
    }

    // MARK: Split

    /// First bytes of all elements, then second bytes and so on; bytes behind the last whole element stay at the end.
    package static func split(_ plain: [UInt8], _ elementBytes: Int) -> [UInt8] {
        guard elementBytes > 1, plain.count >= elementBytes else { return plain }
        let elements = plain.count / elementBytes
        return [UInt8](unsafeUninitializedCapacity: plain.count) { buffer, count in
            plain.withUnsafeBufferPointer { source in
                for byte in 0..<elementBytes {
                    for element in 0..<elements { buffer[byte * elements + element] = source[element * elementBytes + byte] }
                }
                for index in (elements * elementBytes)..<source.count { buffer[index] = source[index] }
            }
            count = plain.count
        }
    }

    package static func join(_ planes: [UInt8], _ elementBytes: Int) -> [UInt8] {
        guard elementBytes > 1, planes.count >= elementBytes else { return planes }
        let elements = planes.count / elementBytes
        return [UInt8](unsafeUninitializedCapacity: planes.count) { buffer, count in
            planes.withUnsafeBufferPointer { source in
                for byte in 0..<elementBytes {
                    for element in 0..<elements { buffer[element * elementBytes + byte] = source[byte * elements + element] }
                }
                for index in (elements * elementBytes)..<source.count { buffer[index] = source[index] }
            }
            count = planes.count
        }
    }
}

extension KVElementType {
    /// 1 where a byte is an element, or nobody knows what is one.
    package var byteCount: Int {
        switch self {
        case .float32: 4
        case .float16, .bfloat16: 2
        case .float8e4m3, .float8e5m2, .int8, .opaque: 1
        }
    }
}
