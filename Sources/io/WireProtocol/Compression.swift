internal import CZstd

/// zstd for message bodies: one context each way, kept and reused. When it is used: `proto-spec/08-compression.md`.
///
/// Owned by one thread at a time; whoever shares a link's thread may share one of these.
package final class Compression {
    /// Fast enough to be worth it on 10 Gbit/s; snapshots and tokenizer files shrink 3-8 times at it.
    private static let level: Int32 = 1
    /// Of files: how far back a frame may refer, 16 MiB, which is reserved on the word of its first bytes. All levels of zstd but its "ultra" and
    /// "long" ones do with half of it.
    package static let fileWindowLog: Int32 = 24

    private let packing: OpaquePointer
    private let unpacking: OpaquePointer

    package init() {
        guard let packing = ZSTD_createCCtx(), let unpacking = ZSTD_createDCtx() else { fatalError("out of memory for zstd contexts") }
        self.packing = packing
        self.unpacking = unpacking
        let status = ZSTD_DCtx_setParameter(unpacking, ZSTD_d_windowLogMax, Self.fileWindowLog)
        precondition(ZSTD_isError(status) == 0, "zstd knows windows of that size")
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

    // MARK: Files, which tools read whole

    /// Whether the bytes begin as a zstd frame does.
    package static func isPacked(_ bytes: RawSpan) -> Bool {
        bytes.byteCount >= 4 && UInt32(littleEndian: bytes.unsafeLoadUnaligned(as: UInt32.self)) == ZSTD_MAGICNUMBER
    }

    /// Unpacks one frame or several behind one another, whose lengths nobody announced; the last one must be complete.
    ///
    /// Memory grows with what is unpacked, and never beyond `limit`, a window and a piece: more throws `bodyTooLarge` of the file, or of its window.
    package func unpackFrames(_ packed: RawSpan, atMost limit: Int) throws(WireError) -> [UInt8] {
        ZSTD_DCtx_reset(unpacking, ZSTD_reset_session_only)
        var unpacked: [UInt8] = [], piece = [UInt8](repeating: 0, count: ZSTD_DStreamOutSize()), consumed = 0
        while true {
            let step = packed.withUnsafeBytes { source in
                piece.withUnsafeMutableBytes { target in
                    var input = ZSTD_inBuffer(src: source.baseAddress, size: source.count, pos: consumed)
                    var output = ZSTD_outBuffer(dst: target.baseAddress, size: target.count, pos: 0)
                    let hint = ZSTD_decompressStream(unpacking, &output, &input)
                    return (hint: hint, consumed: input.pos, produced: output.pos)
                }
            }
            guard ZSTD_isError(step.hint) == 0 else {
                let isWindow = ZSTD_getErrorCode(step.hint) == ZSTD_error_frameParameter_windowTooLarge
                throw isWindow ? WireError(.bodyTooLarge, "window") : WireError(.badCompression, "file")
            }
            guard step.produced <= limit - unpacked.count else { throw WireError(.bodyTooLarge, "file") }
            unpacked.append(contentsOf: piece[..<step.produced])
            consumed = step.consumed
            guard consumed == packed.byteCount else { continue }
            if step.hint == 0 { return unpacked }  // a frame is complete, and all of it was handed out
            guard step.produced == piece.count else { throw WireError(.badCompression, "file") }
        }
    }
}
