/// What keeps the blocks of one cache group apart from everybody else's: without the cluster secret nobody can compute a group's hashes.
package struct CacheSalt: Hashable, Sendable {
    /// Bytes taken from the code: 128 bits are beyond guessing.
    static let byteCount = 16

    private let high: UInt64
    private let low: UInt64

    /// The first 16 bytes of HMAC-SHA256(secret, group). Nil for an empty group, which means unsalted.
    ///
    /// Throws if there is a group but no secret: a salt that anybody can compute separates nothing.
    package static func of(group: String, secret: [UInt8]) throws(CacheSaltError) -> CacheSalt? {
        guard !group.isEmpty else { return nil }
        guard !secret.isEmpty else { throw .missingSecret }
        let code = HMAC.code(for: Array(group.utf8), key: secret)
        return CacheSalt(bytes: Array(code.bytes.prefix(byteCount)))
    }

    /// A salt as messages carry it; nil unless there are exactly 16 bytes.
    package init?(bytes: [UInt8]) {
        guard bytes.count == Self.byteCount else { return nil }
        high = bytes[..<8].reduce(0) { $0 << 8 | UInt64($1) }
        low = bytes[8...].reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// As messages carry it.
    package var bytes: [UInt8] {
        [high, low].flatMap { word in stride(from: UInt64(56), through: 0, by: -8).map { UInt8(truncatingIfNeeded: word >> $0) } }
    }

    /// The salt's part of a hasher's seed.
    var seed: UInt64 {
        let bytes = (high.bigEndian, low.bigEndian)
        return withUnsafeBytes(of: bytes) { XXH3.hash($0, seed: 1) }
    }
}

package enum CacheSaltError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A cache group is configured, and no cluster secret.
    case missingSecret

    package var description: String {
        switch self {
        case .missingSecret: "cache groups need a cluster secret"
        }
    }
}
