import ClusterModel

/// Which tenant a key's digest stands for.
///
/// Keys lie in shelves by a hash that is keyed with a number of this process's own, and of a shelf every one is compared in whole: how long it
/// takes tells nothing of any digest, and nothing of which key matched.
struct KeyTable: Sendable {
    private struct Entry: Sendable {
        let digest: Digest
        let tenant: Int
    }

    private var shelves: [[Entry]]
    private let seed: UInt64

    /// `keys` name each tenant by its place.
    init(_ keys: [(digest: Digest, tenant: Int)], seed: UInt64) {
        self.seed = seed
        var count = 1
        while count < keys.count { count *= 2 }
        shelves = Array(repeating: [], count: count)
        for key in keys { shelves[shelf(of: key.digest)].append(Entry(digest: key.digest, tenant: key.tenant)) }
    }

    func tenant(of digest: Digest) -> Int? {
        var found: Int?
        for entry in shelves[shelf(of: digest)] where ConstantTime.areEqual(entry.digest, digest) { found = entry.tenant }
        return found
    }

    private func shelf(of digest: Digest) -> Int {
        let hash = digest.bytes.withUnsafeBytes { XXH3.hash($0, seed: seed) }
        return Int(truncatingIfNeeded: hash) & (shelves.count - 1)
    }
}
