/// The blocks of prompts that were placed here: what one cache for the whole cluster, which never forgets, would have had.
///
/// Memory is bounded: two generations of a set, the older of which is dropped when the younger one is full. A prompt is always noted from its
/// first block on, so that each generation has whole prefixes and a search by halves finds where one ends.
struct SeenBlocks {
    private var young: BlockSet
    private var old: BlockSet
    private let limit: Int

    /// A generation: more than fit the devices of sixty workers of 6,000 blocks. Two of them are 8 MB.
    static let generation = 384 << 10

    /// - Parameter secret: a random number that no peer knows, so that none can choose hashes that fall together.
    init(secret: UInt64, limit: Int = Self.generation) {
        young = BlockSet(secret: secret)
        old = BlockSet(secret: secret)
        self.limit = limit
    }

    /// Notes a prompt's blocks, and returns how many of them, from the first one on, were known. `pool` keeps models apart whose prompts have
    /// the same hashes.
    mutating func note(_ hashes: [UInt64], pool: UInt64) -> Int {
        guard !hashes.isEmpty else { return 0 }
        var known = young.prefix(of: hashes, from: 0, pool)
        let reachable = known < hashes.count ? old.prefix(of: hashes, from: known, pool) : known
        if young.count + hashes.count - known > limit {
            swap(&young, &old)
            young.removeAll()
            known = 0
        }
        for hash in hashes[known...] { young.insert(hash ^ pool) }
        return reachable
    }

    /// Blocks that are known now.
    var count: Int { young.count + old.count }
}

/// A set of hashes in one array: open addressing, at most three quarters full.
private struct BlockSet {
    /// 0 stands for an empty place.
    private var places: [UInt64] = []
    private(set) var count = 0
    private let secret: UInt64

    init(secret: UInt64) { self.secret = secret | 1 }

    /// The end of the prefix that is in the set; what stands before `start` need not be.
    func prefix(of hashes: [UInt64], from start: Int, _ pool: UInt64) -> Int {
        // Most prompts are known to their end, or not at all.
        guard start < hashes.count, contains(hashes[start] ^ pool) else { return start }
        if contains(hashes[hashes.count - 1] ^ pool) { return hashes.count }
        var low = start + 1, high = hashes.count - 1
        while low < high {
            let middle = (low + high) / 2
            if contains(hashes[middle] ^ pool) { low = middle + 1 } else { high = middle }
        }
        return low
    }

    func contains(_ hash: UInt64) -> Bool {
        guard !places.isEmpty else { return false }
        let hash = Self.key(hash)
        return places[place(of: hash)] == hash
    }

    mutating func insert(_ hash: UInt64) {
        if places.isEmpty { grow() }
        let hash = Self.key(hash)
        guard places[place(of: hash)] == 0 else { return }
        if 4 * (count + 1) > 3 * places.count { grow() }
        places[place(of: hash)] = hash
        count += 1
    }

    /// Keeps the memory: it will be full again.
    mutating func removeAll() {
        for index in places.indices { places[index] = 0 }
        count = 0
    }

    private static func key(_ hash: UInt64) -> UInt64 { hash == 0 ? 1 : hash }

    /// Where the hash is, or would be put.
    private func place(of hash: UInt64) -> Int {
        let mask = places.count - 1, bits = places.count.trailingZeroBitCount
        // The high bits of the product depend on all of the hash.
        var place = Int(truncatingIfNeeded: (hash &* secret) >> UInt64(64 - bits))
        while places[place] != 0, places[place] != hash { place = (place + 1) & mask }
        return place
    }

    private mutating func grow() {
        let kept = places
        places = Array(repeating: 0, count: max(1 << 10, kept.count * 2))
        for hash in kept where hash != 0 { places[place(of: hash)] = hash }
    }
}
