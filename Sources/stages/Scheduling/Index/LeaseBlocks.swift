/// Blocks that leases refer to, counted by lease: those of live requests, and of those what a decision lets expect.
///
/// Both counts of a block stand in one entry, under the two numbers that each slot has, so that what a lease does to a block is one search. Every
/// lease counts whole prompts, from the first block on, so that chains have no gaps here.
struct LeaseBlocks: ~Copyable {
    /// Of leases on one block of one placement; so many are counted as for ever, until the placement goes.
    private static let many = UInt16.max
    /// The banks of a slot's two numbers.
    private static let live = 0, predicted = 1

    var table: BlockTable
    /// Blocks of live requests on each slot, each once.
    private(set) var blocks: [Int] = []
    /// The same of all slots, and what is predicted.
    private(set) var liveCopies = 0
    private(set) var predictedCopies = 0
    private var ended: [Bool] = []
    private(set) var lap = SweepLap()
    private var holders: [Holding] = []

    init(byteLimit: Int, secret: UInt64) { table = BlockTable(primary: .max, byteLimit: byteLimit, secret: secret) }

    mutating func grow(slots: Int) {
        table.words = SlotSet.words(for: slots)
        while blocks.count < slots {
            blocks.append(0)
            ended.append(false)
        }
    }

    /// The slots whose live blocks count, and those whose predicted ones do.
    static func valid(_ open: SlotWords, _ nobody: SlotWords) -> (live: ValidSlots, predicted: ValidSlots) {
        (ValidSlots(banks: (open, nobody)), ValidSlots(banks: (nobody, open)))
    }

    // MARK: Leases

    /// A lease was booked, and its blocks are expected. How many were counted, from the first on: without room fewer.
    mutating func hold(_ hashes: Span<UInt64>, on slot: Int) -> Int {
        for index in hashes.indices {
            if index & (BlockTable.ahead - 1) == 0 { table.touch(hashes, from: index) }
            guard hold(hashes[index], on: slot) else { return index }
        }
        return hashes.count
    }

    /// They are no longer expected.
    mutating func settle(_ hashes: Span<UInt64>, on slot: Int) {
        for index in hashes.indices {
            if index & (BlockTable.ahead - 1) == 0 { table.touch(hashes, from: index) }
            guard let block = table.find(hashes[index]) else { continue }
            lower(block, slot, Self.predicted)
            if table.isEmpty(block) { table.remove(block) }
        }
    }

    /// The lease has ended. What was not held is not given back.
    mutating func release(_ hashes: Span<UInt64>, on slot: Int, isPredicted: Bool) {
        for index in hashes.indices {
            if index & (BlockTable.ahead - 1) == 0 { table.touch(hashes, from: index) }
            guard let block = table.find(hashes[index]) else { continue }
            if isPredicted { lower(block, slot, Self.predicted) }
            lower(block, slot, Self.live)
            if table.isEmpty(block) { table.remove(block) }
        }
    }

    /// How many live leases count the block there.
    func count(_ hash: UInt64, on slot: Int) -> Int {
        guard let block = table.find(hash) else { return 0 }
        return Int(table.mark(block, PlaceNumber(slot: slot, bank: Self.live)))
    }

    // MARK: Counts

    /// False: no room, and nothing has changed.
    @inline(__always)
    private mutating func hold(_ hash: UInt64, on slot: Int) -> Bool {
        guard let block = table.find(hash) ?? table.insert(hash) else { return false }
        if raise(block, slot, Self.live) {
            if raise(block, slot, Self.predicted) { return true }
            lower(block, slot, Self.live)
        }
        if table.isEmpty(block) { table.remove(block) }
        return false
    }

    @inline(__always)
    private mutating func raise(_ block: BlockNumber, _ slot: Int, _ bank: Int) -> Bool {
        let number = PlaceNumber(slot: slot, bank: bank), mark = table.mark(block, number)
        guard mark < Self.many else { return true }
        guard table.setMark(block, number, mark + 1) else { return false }
        if mark == 0 { changed(slot, bank, by: 1) }
        return true
    }

    @inline(__always)
    private mutating func lower(_ block: BlockNumber, _ slot: Int, _ bank: Int) {
        let number = PlaceNumber(slot: slot, bank: bank), mark = table.mark(block, number)
        guard mark > 0, mark < Self.many else { return }
        _ = table.setMark(block, number, mark - 1)
        if mark == 1 { changed(slot, bank, by: -1) }
    }

    @inline(__always)
    private mutating func changed(_ slot: Int, _ bank: Int, by change: Int) {
        guard bank == Self.live else {
            predictedCopies += change
            return
        }
        blocks[slot] += change
        liveCopies += change
    }

    // MARK: Slots that end

    mutating func end(_ slot: Int) {
        guard !ended[slot] else { return }
        ended[slot] = true
        lap.add(PlaceNumber(slot: slot, bank: Self.live))
    }

    /// As `CacheMirror.sweep`.
    mutating func sweep(atMost limit: Int, _ done: inout [PlaceNumber]) -> Int {
        guard let range = lap.next(limit, of: table.entries.highWater) else { return 0 }
        for index in range {
            let block = BlockNumber(index)
            guard table.entries[index].pointee.form != .free else { continue }
            var found = holders
            holders = []
            found.removeAll(keepingCapacity: true)
            table.forEachHolding(block) { found.append($0) }
            holders = found
            for holding in holders where ended[holding.number.slot] {
                _ = table.setMark(block, holding.number, 0)
                changed(holding.number.slot, holding.number.bank, by: -1)
            }
            if table.isEmpty(block) { table.remove(block) }
        }
        for number in lap.ended(at: table.entries.highWater) {
            ended[number.slot] = false
            done.append(number)
        }
        return range.count
    }
}
