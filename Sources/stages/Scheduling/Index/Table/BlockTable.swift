/// Hash → the placements that have the block, each with a mark of 16 bits.
///
/// Entries lie in one long array and keep their numbers; buckets chain them. Buckets grow one at a time with the entries, so that no call pays for
/// a table's doubling. A hash is spread by a secret, so that nobody can aim at a bucket.
struct BlockTable: ~Copyable {
    /// The marks that lookups ask for: those with one of these bits.
    let primary: UInt16
    private let secret: UInt64
    /// Of entries and buckets, so that lists always have a share.
    private let entryLimit: Int
    let byteLimit: Int

    var entries = EntryPool()
    private var buckets = Chunks<BlockNumber>()
    /// Buckets in use: `base` or more, less than twice that. Those from `base` on were split off.
    private var bucketCount = BlockTable.leastBuckets
    private var base = BlockTable.leastBuckets
    /// Blocks.
    private(set) var count = 0

    var lists = ListPool()
    /// Those of `freeWides` are empty.
    private(set) var wides = UnsafeMutablePointer<WideHolders>.allocate(capacity: 0)
    private var wideCount = 0
    var freeWides: [UInt32] = []
    var wideBytes = 0
    /// Words that bits of all slots take: grows with the slots.
    var words = 1
    /// Where loads end whose only purpose is to have been made.
    private var touched: UInt64 = 0
    private static let splitsAtOnce = 16
    /// What it begins with, and goes back to.
    private static let leastBuckets = 1 << Chunks<BlockNumber>.shift
    /// What giving back a piece costs, in buckets that are merged.
    private static let pieceCost = 256

    init(primary: UInt16, byteLimit: Int, secret: UInt64) {
        self.primary = primary
        self.secret = secret
        self.byteLimit = byteLimit
        entryLimit = byteLimit / 4 * 3
        buckets.grow(filledWith: BlockEntry.none)
    }

    deinit {
        for index in 0..<wideCount { wides[index].deallocate() }
        wides.deallocate()
    }

    var bytes: Int { entries.bytes + buckets.bytes + lists.bytes + wideBytes }
    /// What lists and bits may still take.
    var allowance: Int { byteLimit - bytes }

    // MARK: Blocks

    @inline(__always)
    func find(_ hash: UInt64) -> BlockNumber? {
        var number = buckets[bucket(of: hash)].pointee
        while number != BlockEntry.none {
            let entry = entries[Int(number)]
            if entry.pointee.hash == hash { return number }
            number = entry.pointee.next
        }
        return nil
    }

    /// How many hashes of a run are looked at together.
    static let ahead = 16

    /// Brings the blocks of the next hashes near. They lie anywhere in memory, so that waiting for one after the other would cost most of the time.
    @inline(__always)
    mutating func touch(_ hashes: Span<UInt64>, from start: Int) {
        let end = min(start + Self.ahead, hashes.count)
        guard end - start > 1 else { return }
        var sum: UInt64 = 0
        for index in start..<end { sum &+= glance(hashes[index]) }
        touched = sum
    }

    /// Something of the first block in that hash's bucket.
    @inline(__always)
    func glance(_ hash: UInt64) -> UInt64 {
        let head = buckets[bucket(of: hash)].pointee
        return head == BlockEntry.none ? 0 : entries[Int(head)].pointee.hash
    }

    /// A new block without holders; nil: no room. It must not be there yet.
    mutating func insert(_ hash: UInt64) -> BlockNumber? {
        if !entries.hasFree {
            guard mayGrow else { return nil }
            entries.grow()
        }
        let number = entries.take()
        count += 1
        if count > bucketCount + Self.splitsAtOnce { splitBuckets() }
        let head = buckets[bucket(of: hash)]
        var entry = BlockEntry()
        entry.hash = hash
        entry.form = .inline
        entry.next = head.pointee
        entries[Int(number)].initialize(to: entry)
        head.pointee = number
        return number
    }

    /// Whether the next block that is inserted finds room.
    var hasRoom: Bool { entries.hasFree || mayGrow }

    private var mayGrow: Bool {
        entries.mayGrow && entries.bytes + buckets.bytes + entries.growth <= entryLimit && entries.growth <= allowance
    }

    /// Takes a block away that has no holders.
    mutating func remove(_ number: BlockNumber) {
        let entry = entries[Int(number)]
        assert(entry.pointee.form == .inline && entry.pointee.first.bits == 0)
        let head = buckets[bucket(of: entry.pointee.hash)]
        if head.pointee == number {
            head.pointee = entry.pointee.next
        } else {
            var before = entries[Int(head.pointee)]
            while before.pointee.next != number { before = entries[Int(before.pointee.next)] }
            before.pointee.next = entry.pointee.next
        }
        entries.give(number)
        count -= 1
    }

    /// Empty ones for blocks whose holders become bits.
    mutating func addWides() {
        let count = max(4, 2 * wideCount), more = UnsafeMutablePointer<WideHolders>.allocate(capacity: count)
        more.update(from: wides, count: wideCount)
        (more + wideCount).initialize(repeating: WideHolders(), count: count - wideCount)
        wides.deallocate()
        wides = more
        freeWides += (wideCount..<count).reversed().map { UInt32($0) }
        wideBytes += (count - wideCount) * MemoryLayout<WideHolders>.stride
        wideCount = count
    }

    // MARK: Giving back

    /// What was not needed since the last look is to be given back.
    mutating func look() {
        entries.look()
        lists.look()
    }

    /// Gives some of it back, for about as many steps at most. True: more is left.
    mutating func giveBack(atMost steps: Int) -> Bool {
        var left = steps
        while entries.surplus > 0, left > 0 {
            entries.giveBackPiece()
            left -= Self.pieceCost
        }
        // No more of them than there can be blocks.
        while bucketCount > max(Self.leastBuckets, entries.room), left > 0 {
            mergeBucket()
            left -= 1
        }
        return left <= 0
    }

    // MARK: Buckets

    @inline(__always)
    private func spread(_ hash: UInt64) -> Int {
        let product = (hash ^ secret).multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15 ^ secret << 1)
        return Int(truncatingIfNeeded: product.high ^ product.low)
    }

    @inline(__always)
    private func bucket(of hash: UInt64) -> Int {
        let spread = spread(hash), index = spread & (2 &* base &- 1)
        return index < bucketCount ? index : spread & (base &- 1)
    }

    /// Several at once, so that their blocks come together.
    @inline(never)
    private mutating func splitBuckets() {
        var sum: UInt64 = 0
        for index in bucketCount - base..<bucketCount - base + Self.splitsAtOnce {
            let head = buckets[index].pointee
            if head != BlockEntry.none { sum &+= entries[Int(head)].pointee.hash }
        }
        touched = sum
        for _ in 0..<Self.splitsAtOnce { splitBucket() }
    }

    /// One more bucket, from the one whose blocks it shares. Without room for it the chains grow longer, no more than the entries allow.
    private mutating func splitBucket() {
        if bucketCount == buckets.capacity {
            guard entries.bytes + buckets.bytes + buckets.growth <= entryLimit, buckets.growth <= allowance else { return }
            buckets.grow(filledWith: BlockEntry.none)
        }
        let new = bucketCount, mask = 2 * base - 1
        var number = buckets[new - base].pointee
        var stays = BlockEntry.none, goes = BlockEntry.none
        while number != BlockEntry.none {
            let entry = entries[Int(number)], next = entry.pointee.next
            if spread(entry.pointee.hash) & mask == new {
                entry.pointee.next = goes
                goes = number
            } else {
                entry.pointee.next = stays
                stays = number
            }
            number = next
        }
        buckets[new - base].pointee = stays
        buckets[new].pointee = goes
        bucketCount += 1
        if bucketCount == 2 * base { base *= 2 }
    }

    /// One bucket less: its blocks go back to the one that they were split from.
    private mutating func mergeBucket() {
        if bucketCount == base { base /= 2 }
        bucketCount -= 1
        let gone = buckets[bucketCount], kept = buckets[bucketCount - base]
        while gone.pointee != BlockEntry.none {
            let number = gone.pointee, entry = entries[Int(number)]
            gone.pointee = entry.pointee.next
            entry.pointee.next = kept.pointee
            kept.pointee = number
        }
        if buckets.capacity - bucketCount >= 1 << Chunks<BlockNumber>.shift { buckets.shrink() }
    }
}
