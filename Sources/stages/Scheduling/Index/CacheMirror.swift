/// The caches of all placements, as their events tell.
///
/// A block's mark for a placement is the tiers where it lies, and how many of its children that placement has on the device. So it is known at
/// once when a placement loses a block in the middle of a chain: that is an open mark, kept with the block that is missing, and as long as a
/// placement has one, lookups of it go block by block. A block whose parent the placement does not have makes one, too.
///
/// Full, it drops blocks that have no children, those first that were neither stored nor matched since the hand last came by, with all of their
/// placements. That is safe: a dropped leaf makes prompts look shorter there than they are, never longer, and closed chains stay closed. What the
/// worker says later of a dropped block is met as of an unknown one.
struct CacheMirror: ~Copyable {
    /// Tiers as the lowest bits of a mark, then the children.
    static let tierMask: UInt16 = 0xF
    static let device: UInt16 = 1
    static let lowerMask: UInt16 = 0xE
    private static let child: UInt16 = 0x10
    /// So many children are not counted any more: the block counts as a parent until its placement is cleared.
    private static let manyChildren: UInt16 = 0xFFF0
    /// Blocks that one insertion may look at to find one to drop, and how many of a chain's end go with it.
    private static let evictionReach = 512
    private static let evictionRun = 8

    /// What is counted of a placement under one number.
    struct Place: BitwiseCopyable {
        var copies = 0
        var onDevice = 0
        /// Blocks that came to the device, one that left and came back once more.
        var arrived = 0
        /// Blocks in lower tiers and not on the device.
        var below = 0
        var openMarks = 0
        /// It told of a parent that is not the one others told of: its chains are taken for open until it is cleared.
        var isDisputed = false
        /// It has a block with too many children to count.
        var isUncounted = false
        var isStale = false

        var isUsed: Bool { copies > 0 || openMarks > 0 || isDisputed }
    }

    var table: BlockTable
    /// By number: a plain array, since every event writes to it.
    private(set) var places = UnsafeMutablePointer<Place>.allocate(capacity: 0)
    private var placeCount = 0
    /// Slots that a lookup must go through block by block, and slots with blocks in lower tiers.
    private(set) var open = SlotSet()
    private(set) var lower = SlotSet()
    /// Copies in each tier, of all.
    private(set) var tierCopies = (device: 0, host: 0, disk: 0, external: 0)
    private(set) var openMarks = 0
    private(set) var copies = 0
    private(set) var evicted: UInt64 = 0
    private(set) var refused: UInt64 = 0
    private(set) var parentsNotFound: UInt64 = 0
    private(set) var parentsDisputed: UInt64 = 0
    private(set) var selfParents: UInt64 = 0
    private(set) var blocksNotFound: UInt64 = 0
    private var hand = 0
    private var holders: [Holding] = []
    private(set) var lap = SweepLap()

    init(byteLimit: Int, secret: UInt64) { table = BlockTable(primary: Self.device, byteLimit: byteLimit, secret: secret) }

    deinit { places.deallocate() }

    mutating func grow(slots: Int, words: Int) {
        open.grow(toWords: words)
        lower.grow(toWords: words)
        table.words = SlotSet.words(for: slots)
        guard slots * 2 > placeCount else { return }
        let count = max(slots * 2, placeCount * 2)
        let more = UnsafeMutablePointer<Place>.allocate(capacity: count)
        more.update(from: places, count: placeCount)
        (more + placeCount).initialize(repeating: Place(), count: count - placeCount)
        places.deallocate()
        places = more
        placeCount = count
    }

    // MARK: Events

    mutating func store(_ hashes: Span<UInt64>, after parent: UInt64?, on number: PlaceNumber, tier: BlockTier) {
        guard hashes.count > 0 else { return }
        guard parent != hashes[0] else {
            selfParents += 1
            return
        }
        var before = BlockEntry.none
        if let parent {
            guard let block = table.find(parent) ?? insert(parent) else {
                refused += UInt64(hashes.count)
                return
            }
            if table.mark(block, number) & Self.tierMask == 0 { parentsNotFound += 1 }
            before = block
        }
        let parent = before
        for index in hashes.indices {
            if index & (BlockTable.ahead - 1) == 0 { table.touch(hashes, from: index) }
            let hash = hashes[index]
            guard index == 0 || hash != hashes[index - 1] else {
                selfParents += 1
                break
            }
            guard let block = put(hash, after: before, on: number, tier: tier) else {
                refused += UInt64(hashes.count - index)
                break
            }
            before = block
        }
        dropIfUnneeded(parent)
    }

    mutating func restore(_ hash: UInt64, parent: UInt64, on number: PlaceNumber, tier: BlockTier) {
        guard hash != parent else {
            selfParents += 1
            return
        }
        var before = BlockEntry.none
        if parent != 0 {
            guard let block = table.find(parent) ?? insert(parent) else {
                refused += 1
                return
            }
            before = block
        }
        if put(hash, after: before, on: number, tier: tier) == nil { refused += 1 }
        dropIfUnneeded(before)
    }

    mutating func remove(_ hashes: Span<UInt64>, on number: PlaceNumber, tier: BlockTier) {
        let bit: UInt16 = 1 << UInt16(tier.rawValue)
        for index in hashes.indices {
            if index & (BlockTable.ahead - 1) == 0 { table.touch(hashes, from: index) }
            guard let block = table.find(hashes[index]) else {
                blocksNotFound += 1
                continue
            }
            let mark = table.mark(block, number)
            guard mark & bit != 0 else {
                blocksNotFound += 1
                continue
            }
            lose(bit, of: block, number, mark)
        }
    }

    // MARK: Ends of placements

    /// Nothing under that number counts any more; `sweep` takes it away.
    mutating func end(_ number: PlaceNumber) {
        guard !places[number.index].isStale else { return }
        openMarks -= places[number.index].openMarks
        open[number.slot] = false
        lower[number.slot] = false
        places[number.index].isStale = true
        lap.add(number)
    }

    /// Looks at so many entries at most, and says at how many. Numbers that are free of entries go to `done`.
    mutating func sweep(atMost limit: Int, _ done: inout [PlaceNumber]) -> Int {
        guard let range = lap.next(limit, of: table.entries.highWater) else { return 0 }
        for index in range {
            let block = BlockNumber(index)
            guard table.entries[index].pointee.form != .free else { continue }
            takeHolders(of: block)
            for holding in holders where places[holding.number.index].isStale {
                // Children still refer to what has some; they are met in the same lap, unless they were too many to count.
                if holding.mark & Self.tierMask != 0 {
                    lose(Self.tierMask, of: block, holding.number, table.mark(block, holding.number))
                } else if lap.isLast(holding.number) {
                    _ = table.setMark(block, holding.number, 0)
                    dropIfUnused(block)
                }
            }
        }
        for number in lap.ended(at: table.entries.highWater) {
            if places[number.index].isUncounted {
                places[number.index].isUncounted = false
                lap.add(number, isLast: true)
            } else {
                places[number.index] = Place()
                done.append(number)
            }
        }
        return range.count
    }

    // MARK: One block

    /// The block with that hash, in that tier of that placement now; nil: no room.
    @inline(__always)
    private mutating func put(_ hash: UInt64, after parent: BlockNumber, on number: PlaceNumber, tier: BlockTier) -> BlockNumber? {
        let bit: UInt16 = 1 << UInt16(tier.rawValue)
        guard let block = table.find(hash) ?? insert(hash, keeping: parent) else { return nil }
        let mark = table.mark(block, number)
        table.entries[Int(block)].pointee.isRecent = true
        guard mark & bit == 0 else { return block }
        if bit == Self.device, !link(block, to: parent, on: number) {
            dropIfUnused(block)
            return nil
        }
        guard setMark(block, number, mark | bit, keeping: parent) else {
            if bit == Self.device { unlink(block, number) }
            dropIfUnused(block)
            return nil
        }
        count(mark, mark | bit, number)
        return block
    }

    /// Counts a block that comes to the device with its parent, which gets an open mark if it is not there.
    @inline(__always)
    private mutating func link(_ block: BlockNumber, to parent: BlockNumber, on number: PlaceNumber) -> Bool {
        let entry = table.entries[Int(block)]
        if !table.hasPrimary(block) {
            entry.pointee.parent = parent
        } else if entry.pointee.parent != parent {
            // Some worker errs. The link that is there stays, since others are counted by it.
            parentsDisputed += 1
            places[number.index].isDisputed = true
            refreshOpen(number)
        }
        let counted = entry.pointee.parent
        guard counted != BlockEntry.none else { return true }
        if let holding = table.holding(table.entries[Int(counted)], number), holding.pointee.mark < Self.manyChildren - Self.child {
            let mark = holding.pointee.mark
            holding.pointee.bits += UInt32(Self.child)
            if mark & Self.device == 0, mark < Self.child { changeOpenMarks(number, 1) }
            return true
        }
        return linkAnew(block, to: counted, parent, on: number)
    }

    /// A first child of a block that the placement has no part in, or has as bits, or has many children of.
    @inline(never)
    private mutating func linkAnew(_ block: BlockNumber, to counted: BlockNumber, _ parent: BlockNumber, on number: PlaceNumber) -> Bool {
        let mark = table.mark(counted, number)
        guard mark < Self.manyChildren else { return true }
        guard setMark(counted, number, mark + Self.child, keeping: block, parent) else {
            if !table.hasPrimary(block) { table.entries[Int(block)].pointee.parent = BlockEntry.none }
            return false
        }
        if mark >= Self.manyChildren - Self.child { places[number.index].isUncounted = true }
        if mark & Self.device == 0, mark < Self.child { changeOpenMarks(number, 1) }
        return true
    }

    /// The opposite, when a block leaves the device.
    @inline(__always)
    private mutating func unlink(_ block: BlockNumber, _ number: PlaceNumber) {
        let entry = table.entries[Int(block)], parent = entry.pointee.parent
        if !table.hasPrimary(block) { entry.pointee.parent = BlockEntry.none }
        guard parent != BlockEntry.none else { return }
        if let holding = table.holding(table.entries[Int(parent)], number) {
            let mark = holding.pointee.mark
            // With the device's bit it stays, whatever its children.
            if mark & Self.device != 0, mark >= Self.child, mark < Self.manyChildren {
                holding.pointee.bits -= UInt32(Self.child)
                return
            }
        }
        unlinkSlowly(parent, number)
    }

    @inline(never)
    private mutating func unlinkSlowly(_ parent: BlockNumber, _ number: PlaceNumber) {
        let mark = table.mark(parent, number)
        guard mark >= Self.child, mark < Self.manyChildren else { return }
        _ = table.setMark(parent, number, mark - Self.child)
        if mark & Self.device == 0, mark - Self.child < Self.child { changeOpenMarks(number, -1) }
        if mark == Self.child { dropIfUnused(parent) }
    }

    /// A placement's block leaves the tiers of `bits`.
    @inline(__always)
    private mutating func lose(_ bits: UInt16, of block: BlockNumber, _ number: PlaceNumber, _ mark: UInt16) {
        _ = table.setMark(block, number, mark & ~bits)
        count(mark, mark & ~bits, number)
        if mark & bits & Self.device != 0 { unlink(block, number) }
        dropIfUnused(block)
    }

    @inline(__always)
    private mutating func dropIfUnused(_ block: BlockNumber) {
        if table.isEmpty(block) { table.remove(block) }
    }

    /// A parent that was made to be linked to, and was not: in lower tiers, or for lack of room.
    private mutating func dropIfUnneeded(_ parent: BlockNumber) {
        if parent != BlockEntry.none { dropIfUnused(parent) }
    }

    // MARK: Counting

    /// A mark of that placement has changed.
    @inline(__always)
    private mutating func count(_ old: UInt16, _ new: UInt16, _ number: PlaceNumber) {
        let index = number.index
        if old & Self.device != new & Self.device {
            let change = new & Self.device != 0 ? 1 : -1
            places[index].onDevice += change
            if change > 0 { places[index].arrived += 1 }
            tierCopies.device += change
            // Children that it has already, or still: the open mark ends, or begins.
            if old >= Self.child { changeOpenMarks(number, -change) }
        }
        if (old | new) & Self.lowerMask != 0 { countLower(old, new, number) }
        let change = (new & Self.tierMask != 0 ? 1 : 0) - (old & Self.tierMask != 0 ? 1 : 0)
        places[index].copies += change
        copies += change
    }

    private mutating func countLower(_ old: UInt16, _ new: UInt16, _ number: PlaceNumber) {
        func change(_ tier: BlockTier) -> Int { Int(new >> UInt16(tier.rawValue) & 1) - Int(old >> UInt16(tier.rawValue) & 1) }
        tierCopies.host += change(.host)
        tierCopies.disk += change(.disk)
        tierCopies.external += change(.external)
        func isBelow(_ mark: UInt16) -> Bool { mark & Self.device == 0 && mark & Self.lowerMask != 0 }
        guard isBelow(old) != isBelow(new) else { return }
        places[number.index].below += isBelow(new) ? 1 : -1
        if !places[number.index].isStale { lower[number.slot] = places[number.index].below > 0 }
    }

    private mutating func changeOpenMarks(_ number: PlaceNumber, _ change: Int) {
        places[number.index].openMarks += change
        if !places[number.index].isStale { openMarks += change }
        refreshOpen(number)
    }

    private mutating func refreshOpen(_ number: PlaceNumber) {
        guard !places[number.index].isStale else { return }
        open[number.slot] = places[number.index].openMarks > 0 || places[number.index].isDisputed
    }

    // MARK: Room

    private mutating func insert(_ hash: UInt64, keeping kept: BlockNumber = BlockEntry.none) -> BlockNumber? {
        if let block = table.insert(hash) { return block }
        return evict(keeping: kept, BlockEntry.none) ? table.insert(hash) : nil
    }

    @inline(__always)
    private mutating func setMark(
        _ block: BlockNumber, _ number: PlaceNumber, _ mark: UInt16, keeping kept: BlockNumber, _ other: BlockNumber = BlockEntry.none
    ) -> Bool {
        if table.setMark(block, number, mark) { return true }
        // Two tries: the first block dropped may have had its holders inside.
        for _ in 0..<2 where evict(keeping: block, kept, other) {
            if table.setMark(block, number, mark) { return true }
        }
        return false
    }

    /// Drops a block without children, and the end of its chain. False: the hand found none near.
    @inline(never)
    private mutating func evict(keeping kept: BlockNumber, _ other: BlockNumber, _ third: BlockNumber = BlockEntry.none) -> Bool {
        for _ in 0..<min(Self.evictionReach, 2 * table.entries.highWater) {
            if hand >= table.entries.highWater { hand = 0 }
            var block = BlockNumber(hand)
            hand += 1
            var run = 0
            while run < Self.evictionRun, block != kept, block != other, block != third, isEvictable(block) {
                let parent = table.entries[Int(block)].pointee.parent
                drop(block)
                run += 1
                guard parent != BlockEntry.none, !table.isEmpty(parent) else { break }
                block = parent
            }
            if run > 0 { return true }
        }
        return false
    }

    /// A leaf that was not used since it was last asked.
    private func isEvictable(_ block: BlockNumber) -> Bool {
        let entry = table.entries[Int(block)]
        guard entry.pointee.form != .free else { return false }
        if entry.pointee.isRecent {
            entry.pointee.isRecent = false
            return false
        }
        var isLeaf = true
        table.forEachHolding(block) { if $0.mark >= Self.child { isLeaf = false } }
        return isLeaf
    }

    private mutating func drop(_ block: BlockNumber) {
        evicted += 1
        takeHolders(of: block)
        for holding in holders { lose(Self.tierMask, of: block, holding.number, holding.mark) }
    }

    private mutating func takeHolders(of block: BlockNumber) {
        holders.removeAll(keepingCapacity: true)
        var found = holders
        holders = []
        table.forEachHolding(block) { found.append($0) }
        holders = found
    }
}
