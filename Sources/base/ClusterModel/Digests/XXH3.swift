private import CXXH

/// XXH3-64: for identities of blocks and checksums, fast and not secret. Whoever must not be able to forge a value needs `HMAC`.
package enum XXH3 {
    @inline(__always)
    package static func hash(_ bytes: UnsafeRawBufferPointer, seed: UInt64 = 0) -> UInt64 {
        apus_xxh3_64(bytes.baseAddress, bytes.count, seed)
    }

    /// Fills `chain` with hashes of blocks of `width` bytes, one each `stride` bytes, each of them hashed with the one before it.
    static func chain(
        _ bytes: UnsafeRawBufferPointer, width: Int, stride: Int, seed: UInt64, chainSeed: UInt64, after previous: UInt64?,
        into chain: UnsafeMutableBufferPointer<UInt64>
    ) {
        guard !chain.isEmpty else { return }
        precondition(width > 0 && stride > 0 && (chain.count - 1) * stride + width <= bytes.count, "all blocks are there")
        withUnsafePointer(to: previous ?? 0) {
            apus_xxh3_chain(
                bytes.baseAddress, width, stride, chain.count, seed, chainSeed, previous == nil ? nil : $0, chain.baseAddress)
        }
    }

    package static func hash(_ bytes: RawSpan, seed: UInt64 = 0) -> UInt64 { bytes.withUnsafeBytes { hash($0, seed: seed) } }

    package static func hash(_ text: String, seed: UInt64 = 0) -> UInt64 { hash(text.utf8.span.bytes, seed: seed) }
}
