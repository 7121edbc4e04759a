private import CXXH

/// XXH3-64: for identities of blocks and checksums, fast and not secret. Whoever must not be able to forge a value needs `HMAC`.
package enum XXH3 {
    @inline(__always)
    package static func hash(_ bytes: UnsafeRawBufferPointer, seed: UInt64 = 0) -> UInt64 {
        apus_xxh3_64(bytes.baseAddress, bytes.count, seed)
    }

    package static func hash(_ bytes: RawSpan, seed: UInt64 = 0) -> UInt64 { bytes.withUnsafeBytes { hash($0, seed: seed) } }

    package static func hash(_ text: String, seed: UInt64 = 0) -> UInt64 { hash(text.utf8.span.bytes, seed: seed) }
}
