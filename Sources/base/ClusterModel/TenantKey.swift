/// Keys by which tenants' clients name themselves. Only digests of them are kept anywhere.
package enum TenantKey {
    /// Longer ones are not hashed.
    package static let length = 1...256
    /// In words, for whoever has one that is none.
    package static let rule = "\(length.lowerBound) to \(length.upperBound) printable characters of ASCII without spaces"

    /// Nil for what no key can be.
    package static func digest(of key: String) -> Digest? {
        guard length.contains(key.utf8.count), key.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else { return nil }
        return SHA256.digest(of: Array(key.utf8))
    }
}
