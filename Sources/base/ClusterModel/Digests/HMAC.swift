/// HMAC-SHA256 (RFC 2104), incremental.
package struct HMAC: Sendable {
    private static let blockBytes = 64

    private var inner = SHA256()
    private var outer = SHA256()

    /// Any length of key will do; one longer than 64 bytes counts by its digest.
    package init(key: RawSpan) {
        var padded = [UInt8](repeating: 0, count: HMAC.blockBytes)
        if key.byteCount > HMAC.blockBytes {
            let digest = SHA256.digest(of: key)
            for index in 0..<Digest.byteCount { padded[index] = digest[index] }
        } else {
            for index in 0..<key.byteCount { padded[index] = key.unsafeLoad(fromByteOffset: index, as: UInt8.self) }
        }
        inner.update(padded.map { $0 ^ 0x36 })
        outer.update(padded.map { $0 ^ 0x5c })
    }

    package init(key: [UInt8]) { self.init(key: key.span.bytes) }

    package mutating func update(_ bytes: RawSpan) { inner.update(bytes) }
    package mutating func update(_ bytes: [UInt8]) { inner.update(bytes) }

    /// The code of everything so far. Check a received one with `ConstantTime.areEqual`, never with `==`.
    package func finalize() -> Digest {
        var last = outer
        last.update(inner.finalize().bytes)
        return last.finalize()
    }

    package static func code(for message: [UInt8], key: [UInt8]) -> Digest {
        var code = HMAC(key: key)
        code.update(message)
        return code.finalize()
    }
}
