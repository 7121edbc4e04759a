/// The blocks of prompts that were placed here: what one cache for the whole cluster, which never forgets, would have had.
///
/// Memory is bounded: two generations of a set, the older of which is dropped when the younger one is full. A prompt is always noted from its
/// first block on, so that each generation has whole prefixes and a search by halves finds where one ends. All of it is taken with the first prompt:
/// what grows for hours looks like a leak.
struct SeenBlocks {
    private var young: BlockSet
    private var old: BlockSet
    private let limit: Int

    /// A generation: more than fit the devices of sixty workers of 6,000 blocks. Two of them are 4 MiB.
    static let generation = 384 << 10

    /// - Parameter secret: a random number that no peer knows, so that none can choose hashes that fall together.
    init(secret: UInt64, limit: Int = Self.generation) {
        young = BlockSet(secret: secret, limit: limit)
        old = BlockSet(secret: secret, limit: limit)
        self.limit = limit
    }

    /// Notes a prompt's blocks, and returns how many of them, from the first one on, were known. `pool` keeps models apart whose prompts have
    /// the same hashes.
    mutating func note(_ hashes: [UInt64], pool: UInt64) -> Int {
        guard !hashes.isEmpty else { return 0 }
        young.prepare()
        old.prepare()
        var known = young.prefix(of: hashes, from: 0, pool)
        let reachable = known < hashes.count ? old.prefix(of: hashes, from: known, pool) : known
        if young.count + hashes.count - known > limit {
            swap(&young, &old)
            young.removeAll()
            known = 0
        }
        // Of a prompt that is longer than a generation, its beginning.
        for hash in hashes[known..<min(hashes.count, known + limit)] { young.insert(hash ^ pool) }
        return reachable
    }

    /// Blocks that are known now.
    var count: Int { young.count + old.count }
}

/// A set of hashes in one array: open addressing, at most three quarters full. Of each hash it has the place and 32 more bits, so that of a thousand
/// million strange ones two are taken for known.
private struct BlockSet {
    /// 0 stands for an empty place.
    private var places: [UInt32] = []
    private(set) var count = 0
    private let secret: UInt64
    private let bits: Int

    init(secret: UInt64, limit: Int) {
        self.secret = secret
        bits = Int.bitWidth - (limit + limit / 3 - 1).leadingZeroBitCount
    }

    /// Takes the memory for all that it may hold.
    mutating func prepare() { if places.isEmpty { places = Array(repeating: 0, count: 1 << bits) } }

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
        let (place, mark) = find(hash)
        return places[place] == mark
    }

    mutating func insert(_ hash: UInt64) {
        let (place, mark) = find(hash)
        guard places[place] == 0 else { return }
        places[place] = mark
        count += 1
    }

    /// Keeps the memory: it will be full again.
    mutating func removeAll() {
        for index in places.indices { places[index] = 0 }
        count = 0
    }

    /// Where the hash is, or would be put, and what stands for it there.
    private func find(_ hash: UInt64) -> (place: Int, mark: UInt32) {
        let product = (hash ^ secret).multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15 ^ secret << 1)
        let spread = product.high ^ product.low, mask = places.count - 1
        let mark = max(1, UInt32(truncatingIfNeeded: spread))
        var place = Int(truncatingIfNeeded: spread >> UInt64(64 - bits))
        while places[place] != 0, places[place] != mark { place = (place + 1) & mask }
        return (place, mark)
    }
}
