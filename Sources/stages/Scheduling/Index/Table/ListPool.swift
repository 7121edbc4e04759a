/// Memory for lists of holdings: pieces of 4, 8, … 2,048 of them, used again by size.
struct ListPool: ~Copyable {
    /// Of one list; a block with more holders has them as bits.
    static let maximum = 2048
    /// Holdings in the smallest piece; a reference counts in such units.
    private static let unit = 4
    private static let nothing = UInt32.max

    private var memory = Chunks<Holding>()
    /// Heads of the free pieces, by size; a free piece begins with the next one.
    private var free = [UInt32](repeating: ListPool.nothing, count: 10)
    /// First unit never used.
    private var used = 0
    /// Pieces that somebody has, and the most since the last look.
    private var taken = 0
    private var mostTaken = 0

    var bytes: Int { memory.bytes }

    static func size(ofClass sizeClass: Int) -> Int { unit << sizeClass }

    /// The smallest class that holds so many.
    static func sizeClass(for count: Int) -> Int {
        var sizeClass = 0
        while size(ofClass: sizeClass) < count { sizeClass += 1 }
        return sizeClass
    }

    @inline(__always)
    func list(_ reference: UInt32) -> UnsafeMutablePointer<Holding> { memory[Int(reference) &* Self.unit] }

    /// A piece of that size; nil: there is none, and no more than `allowance` bytes may be taken for new ones.
    mutating func take(_ sizeClass: Int, allowance: Int) -> UInt32? {
        guard let piece = find(sizeClass, allowance: allowance) else { return nil }
        taken += 1
        mostTaken = max(mostTaken, taken)
        return piece
    }

    mutating func give(_ reference: UInt32, _ sizeClass: Int) {
        taken -= 1
        push(reference, sizeClass)
    }

    /// If nobody has had a piece since the last look, all of the memory goes.
    mutating func look() {
        if mostTaken == 0, used > 0 { self = ListPool() }
        mostTaken = taken
    }

    private mutating func find(_ sizeClass: Int, allowance: Int) -> UInt32? {
        if let piece = pop(sizeClass) { return piece }
        let units = 1 << sizeClass, chunk = 1 << (Chunks<Holding>.shift - 2)
        let left = (memory.capacity >> 2) - used
        if left >= units { return bump(units) }
        if memory.growth <= allowance {
            // What is left of the old chunk is cut up, so that nothing is lost: it is a multiple of each size below.
            var rest = left
            while rest > 0 {
                let size = Int.bitWidth - 1 - rest.leadingZeroBitCount
                push(bump(1 << size), size)
                rest -= 1 << size
            }
            memory.grow(filledWith: .none)
            assert(units <= chunk)
            return bump(units)
        }
        return split(sizeClass)
    }

    /// Half of a larger free piece.
    private mutating func split(_ sizeClass: Int) -> UInt32? {
        guard let larger = free.indices.first(where: { $0 > sizeClass && free[$0] != Self.nothing }), let piece = pop(larger) else {
            return nil
        }
        for size in (sizeClass..<larger).reversed() { push(piece + 1 << UInt32(size), size) }
        return piece
    }

    private mutating func bump(_ units: Int) -> UInt32 {
        defer { used += units }
        return UInt32(used)
    }

    private mutating func push(_ reference: UInt32, _ sizeClass: Int) {
        list(reference).pointee = Holding(bits: free[sizeClass])
        free[sizeClass] = reference
    }

    private mutating func pop(_ sizeClass: Int) -> UInt32? {
        let head = free[sizeClass]
        guard head != Self.nothing else { return nil }
        free[sizeClass] = list(head).pointee.bits
        return head
    }
}
