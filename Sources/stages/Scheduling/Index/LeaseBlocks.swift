/// Blocks that leases refer to, counted by lease: those of live requests, or those that a decision lets expect.
///
/// Every lease counts whole prompts, from the first block on, so that chains have no gaps here.
struct LeaseBlocks: ~Copyable {
    /// Of leases on one block of one placement; so many are counted as for ever, until the placement goes.
    private static let many = UInt16.max

    var table: BlockTable
    /// Blocks on each slot, each once.
    private(set) var blocks: [Int] = []
    private(set) var copies = 0
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

    /// A lease's blocks. How many were counted, from the first on: without room fewer.
    mutating func add(_ hashes: Span<UInt64>, on slot: Int) -> Int {
        for index in hashes.indices {
            if index & (BlockTable.ahead - 1) == 0 { table.touch(hashes, from: index) }
            guard add(hashes[index], on: slot) else { return index }
        }
        return hashes.count
    }

    /// What was not added is not taken away.
    mutating func subtract(_ hashes: Span<UInt64>, on slot: Int) {
        for index in hashes.indices {
            if index & (BlockTable.ahead - 1) == 0 { table.touch(hashes, from: index) }
            subtract(hashes[index], on: slot)
        }
    }

    /// False: no room.
    @inline(__always)
    private mutating func add(_ hash: UInt64, on slot: Int) -> Bool {
        guard let block = table.find(hash) ?? table.insert(hash) else { return false }
        let number = PlaceNumber(slot: slot, bank: 0), mark = table.mark(block, number)
        guard mark < Self.many else { return true }
        guard table.setMark(block, number, mark + 1) else {
            if table.isEmpty(block) { table.remove(block) }
            return false
        }
        if mark == 0 {
            blocks[slot] += 1
            copies += 1
        }
        return true
    }

    @inline(__always)
    private mutating func subtract(_ hash: UInt64, on slot: Int) {
        guard let block = table.find(hash) else { return }
        let number = PlaceNumber(slot: slot, bank: 0), mark = table.mark(block, number)
        guard mark > 0, mark < Self.many else { return }
        _ = table.setMark(block, number, mark - 1)
        guard mark == 1 else { return }
        blocks[slot] -= 1
        copies -= 1
        if table.isEmpty(block) { table.remove(block) }
    }

    /// How many leases count the block there.
    func count(_ hash: UInt64, on slot: Int) -> Int {
        guard let block = table.find(hash) else { return 0 }
        return Int(table.mark(block, PlaceNumber(slot: slot, bank: 0)))
    }

    mutating func end(_ slot: Int) {
        guard !ended[slot] else { return }
        ended[slot] = true
        lap.add(PlaceNumber(slot: slot, bank: 0))
    }

    /// As `CacheMirror.sweep`.
    mutating func sweep(atMost limit: Int, _ done: inout [PlaceNumber]) -> Int {
        guard let range = lap.next(limit, of: table.highWater) else { return 0 }
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
                blocks[holding.number.slot] -= 1
                copies -= 1
            }
            if table.isEmpty(block) { table.remove(block) }
        }
        for number in lap.ended(at: table.highWater) {
            ended[number.slot] = false
            done.append(number)
        }
        return range.count
    }
}
