internal import CZstd

/// zstd for message bodies: one context each way, kept and reused. When it is used: `proto-spec/08-compression.md`.
///
/// Owned by one thread at a time; whoever shares a link's thread may share one of these.
package final class Compression {
    /// Fast enough to be worth it on 10 Gbit/s; snapshots and tokenizer files shrink 3-8 times at it.
    private static let level: Int32 = 1

    private let packing: OpaquePointer
    private let unpacking: OpaquePointer

    package init() {
        guard let packing = ZSTD_createCCtx(), let unpacking = ZSTD_createDCtx() else { fatalError("out of memory for zstd contexts") }
        self.packing = packing
        self.unpacking = unpacking
    }

    deinit {
        ZSTD_freeCCtx(packing)
        ZSTD_freeDCtx(unpacking)
    }

    /// Replaces the body of the message that starts at `start` by its compressed form if that is smaller by an eighth or more.
    package func compress(messageAt start: Int, in bytes: inout [UInt8]) {
        let bodyStart = start + MessageHeader.byteCount, bodyLength = bytes.count - bodyStart
        guard bodyLength >= Limits.compressionThresholdBytes else { return }
        let worthwhile = bodyLength - bodyLength / 8
        let packed = [UInt8](unsafeUninitializedCapacity: worthwhile) { buffer, count in
            let size = bytes.withUnsafeBytes {
                ZSTD_compressCCtx(
                    packing, buffer.baseAddress, buffer.count, $0.baseAddress?.advanced(by: bodyStart), bodyLength, Self.level)
            }
            count = ZSTD_isError(size) != 0 ? 0 : size  // an error here means: does not fit into seven eighths
        }
        guard !packed.isEmpty else { return }
        bytes.replaceSubrange(bodyStart..., with: packed)
        bytes[start + 8] |= UInt8(truncatingIfNeeded: MessageHeader.Flags.compressed.rawValue)
    }

    /// Unpacks a compressed body into `body`, whose length the header announced and the caller bounded.
    package func unpack(_ packed: RawSpan, header: MessageHeader, into body: inout [UInt8]) throws(WireError) {
        let expected = Int(header.bodyLength)
        guard expected <= Limits.messageBytes else { throw WireError(.bodyTooLarge, "bodyLength") }
        // The frame must say the same length before any memory is reserved for it.
        let announced = packed.withUnsafeBytes { ZSTD_getFrameContentSize($0.baseAddress, $0.count) }
        guard announced == UInt64(expected) else { throw WireError(.badCompression, "body") }
        body.removeAll(keepingCapacity: true)
        var failed = false
        body = [UInt8](unsafeUninitializedCapacity: expected) { buffer, count in
            let size = packed.withUnsafeBytes {
                ZSTD_decompressDCtx(unpacking, buffer.baseAddress, buffer.count, $0.baseAddress, $0.count)
            }
            failed = ZSTD_isError(size) != 0 || size != expected
            count = failed ? 0 : expected
        }
        guard !failed else { throw WireError(.badCompression, "body") }
    }
}
