/// The entries of a table, by number, in pieces that are taken as they are needed.
///
/// What a peak has left is given back: of the pieces that are empty, those that were not needed since the last look. So that pieces come empty, new
/// entries go where others are already. A piece that was given back reads as free entries, and its numbers are used again.
struct EntryPool: ~Copyable {
    /// What is known of a piece. Those that are partly used form a list, so that one can leave it wherever it stands.
    private struct Piece {
        /// The first of its free entries; each knows the next one.
        var free = BlockEntry.none
        var used: UInt32 = 0
        var next = EntryPool.nobody
        var previous = EntryPool.nobody
    }

    private static let nobody = UInt32.max

    private var memory = Chunks<BlockEntry>()
    private var pieces = UnsafeMutablePointer<Piece>.allocate(capacity: 0)
    private var pieceRoom = 0
    /// The first of the partly used ones: entries are taken from it.
    private var front = EntryPool.nobody
    /// Whole pieces that are empty, and those of them that were given back.
    private var empty: [UInt32] = []
    private var missing: [UInt32] = []
    /// The fewest that were empty at once since the last look, and how many are to be given back for that.
    private var fewestEmpty = 0
    private(set) var surplus = 0

    deinit { pieces.deallocate() }

    /// Numbers that were ever given; free and missing ones among them.
    var highWater: Int { memory.capacity }
    /// Entries for which there is memory.
    var room: Int { memory.capacity - missing.count << Chunks<BlockEntry>.shift }
    var bytes: Int { memory.bytes + pieceRoom * MemoryLayout<Piece>.stride }
    /// What the next piece takes.
    var growth: Int {
        guard missing.isEmpty else { return memory.pieceBytes }
        return memory.growth + (highWater >> Chunks<BlockEntry>.shift == pieceRoom ? widerRoom * MemoryLayout<Piece>.stride : 0)
    }
    private var widerRoom: Int { max(16, 2 * pieceRoom) }
    /// An entry can be taken without new memory.
    var hasFree: Bool { front != Self.nobody || !empty.isEmpty }
    /// There are numbers for one more piece.
    var mayGrow: Bool { !missing.isEmpty || highWater + 1 << Chunks<BlockEntry>.shift <= Int(BlockEntry.none) }

    @inline(__always)
    subscript(number: Int) -> UnsafeMutablePointer<BlockEntry> { memory[number] }

    // MARK: Entries

    /// A free one, of those that there are.
    @inline(__always)
    mutating func take() -> BlockNumber {
        if front == Self.nobody { openEmpty() }
        let piece = pieces + Int(front), number = piece.pointee.free
        piece.pointee.free = memory[Int(number)].pointee.next
        piece.pointee.used += 1
        if piece.pointee.free == BlockEntry.none { unlink(front) }
        return number
    }

    @inline(__always)
    mutating func give(_ number: BlockNumber) {
        let index = number >> UInt32(Chunks<BlockEntry>.shift), piece = pieces + Int(index), entry = memory[Int(number)]
        let wasFull = piece.pointee.free == BlockEntry.none
        entry.pointee = BlockEntry()
        entry.pointee.next = piece.pointee.free
        piece.pointee.free = number
        piece.pointee.used -= 1
        if piece.pointee.used == 0 {
            close(index, isLinked: !wasFull)
        } else if wasFull {
            link(index)
        }
    }

    // MARK: Pieces

    /// One more piece of free entries.
    mutating func grow() {
        let index: UInt32
        if let again = missing.popLast() {
            index = again
            memory.renew(piece: Int(index), filledWith: BlockEntry())
        } else {
            index = UInt32(memory.capacity >> Chunks<BlockEntry>.shift)
            memory.grow(filledWith: BlockEntry())
            if Int(index) == pieceRoom { growPieces() }
        }
        let first = BlockNumber(index) << UInt32(Chunks<BlockEntry>.shift), count = BlockNumber(1) << UInt32(Chunks<BlockEntry>.shift)
        for number in first..<first + count - 1 { memory[Int(number)].pointee.next = number + 1 }
        pieces[Int(index)] = Piece(free: first)
        empty.append(index)
    }

    private mutating func growPieces() {
        let room = widerRoom, wider = UnsafeMutablePointer<Piece>.allocate(capacity: room)
        wider.update(from: pieces, count: pieceRoom)
        pieces.deallocate()
        pieces = wider
        pieceRoom = room
    }

    private mutating func openEmpty() {
        guard let index = empty.popLast() else { preconditionFailure("whoever takes an entry has looked whether there is one") }
        fewestEmpty = min(fewestEmpty, empty.count)
        link(index)
    }

    @inline(never)
    private mutating func close(_ index: UInt32, isLinked: Bool) {
        if isLinked { unlink(index) }
        empty.append(index)
    }

    private mutating func link(_ index: UInt32) {
        pieces[Int(index)].next = front
        pieces[Int(index)].previous = Self.nobody
        if front != Self.nobody { pieces[Int(front)].previous = index }
        front = index
    }

    private mutating func unlink(_ index: UInt32) {
        let (next, previous) = (pieces[Int(index)].next, pieces[Int(index)].previous)
        if next != Self.nobody { pieces[Int(next)].previous = previous }
        if previous != Self.nobody { pieces[Int(previous)].next = next } else { front = next }
    }

    // MARK: Giving back

    /// Pieces that were empty all the time since the last look are to be given back.
    mutating func look() {
        surplus = fewestEmpty
        fewestEmpty = empty.count
    }

    /// One of them.
    mutating func giveBackPiece() {
        surplus -= 1
        guard let index = empty.popLast() else { return surplus = 0 }
        fewestEmpty = min(fewestEmpty, empty.count)
        memory.giveBack(piece: Int(index), blank: BlockEntry())
        missing.append(index)
    }
}
