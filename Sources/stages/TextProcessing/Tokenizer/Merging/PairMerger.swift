import ClusterModel

/// Merges the symbols of one pretoken: always the pair of the lowest rank, the leftmost of those.
///
/// Short ones by looking at all pairs each time, long ones with a heap, so that a pretoken of n symbols costs n log n at worst.
final class PairMerger {
    /// Up to here looking at all pairs is faster than a heap.
    static let scanned = 48
    /// Merges of one pretoken between two looks at whether all is in vain.
    private static let mergesBetweenChecks = 1 << 16

    /// The symbols; the caller fills in `count` of them, and finds there what is left.
    let symbols = OwnedBuffer<TokenID>()
    private let ranks = OwnedBuffer<UInt32>()
    private let merged = OwnedBuffer<TokenID>()
    private let before = OwnedBuffer<UInt32>()
    private let behind = OwnedBuffer<UInt32>()
    /// The rank above, the place below, so that the least one is the next.
    private let heap = OwnedBuffer<UInt64>()
    private var heapCount = 0
    /// Pairs looked at since the merger was made: what its time is made of.
    private(set) var steps = 0

    /// What it holds on to.
    var bytes: Int { symbols.bytes + ranks.bytes + merged.bytes + before.bytes + behind.bytes + heap.bytes }

    func reserve(_ count: Int) { symbols.grow(to: count) }

    /// How many symbols are left. Zero if `isCancelled` said so.
    func merge(_ count: Int, with table: MergeTable, isCancelled: () -> Bool) -> Int {
        guard count > 1 else { return count }
        ranks.grow(to: count)
        merged.grow(to: count)
        // Every place below is less than `count`, which all of these buffers can hold.
        for place in 0..<count - 1 { rate(place, place + 1, table) }
        ranks.base[count - 1] = MergeTable.never
        return count <= PairMerger.scanned ? mergeScanning(count, table) : mergeWithHeap(count, table, isCancelled)
    }

    @inline(__always)
    private func rate(_ left: Int, _ right: Int, _ table: MergeTable) {
        (ranks.base[left], merged.base[left]) = table.merge(symbols.base[left], symbols.base[right])
    }

    @inline(__always)
    private func mergeScanning(_ total: Int, _ table: MergeTable) -> Int {
        let symbols = symbols.base, ranks = ranks.base, merged = merged.base
        var count = total
        while count > 1 {
            var best = MergeTable.never
            var place = 0
            for candidate in 0..<count &- 1 where ranks[candidate] < best { (best, place) = (ranks[candidate], candidate) }
            steps = steps &+ count
            if best == MergeTable.never { break }
            symbols[place] = merged[place]
            count = count &- 1
            let moved = count &- place &- 1
            if moved > 0 {
                (symbols + place + 1).update(from: symbols + place + 2, count: moved)
                (ranks + place + 1).update(from: ranks + place + 2, count: moved)
                (merged + place + 1).update(from: merged + place + 2, count: moved)
            }
            if place &+ 1 < count { rate(place, place &+ 1, table) } else { ranks[place] = MergeTable.never }
            if place > 0 { rate(place &- 1, place, table) }
        }
        return count
    }

    // MARK: Long ones

    private static let none = UInt32.max

    private func mergeWithHeap(_ count: Int, _ table: MergeTable, _ isCancelled: () -> Bool) -> Int {
        before.grow(to: count)
        behind.grow(to: count)
        // Each merge takes one entry out and puts at most two in, and there are fewer merges than symbols.
        heap.grow(to: count * 2 + 2)
        heapCount = 0
        let symbols = symbols.base, ranks = ranks.base, before = before.base, behind = behind.base
        for place in 0..<count {
            before[place] = place == 0 ? PairMerger.none : UInt32(place - 1)
            behind[place] = place == count - 1 ? PairMerger.none : UInt32(place + 1)
            if ranks[place] != MergeTable.never {
                heap.base[heapCount] = UInt64(ranks[place]) << 32 | UInt64(place)
                heapCount += 1
            }
        }
        for place in stride(from: heapCount / 2 - 1, through: 0, by: -1) { sink(heap.base[place], from: place) }
        var untilCheck = PairMerger.mergesBetweenChecks
        while heapCount > 0 {
            let entry = pop()
            let place = Int(entry & 0xFFFF_FFFF)
            // What stood there has merged since, or would merge with something else.
            guard ranks[place] == UInt32(entry >> 32), ranks[place] != MergeTable.never else { continue }
            untilCheck -= 1
            if untilCheck == 0 {
                if isCancelled() { return 0 }
                untilCheck = PairMerger.mergesBetweenChecks
            }
            let right = Int(behind[place])
            symbols[place] = merged.base[place]
            ranks[right] = MergeTable.never
            let next = behind[right]
            behind[place] = next
            symbols[right] = PairMerger.none
            if next == PairMerger.none {
                ranks[place] = MergeTable.never
            } else {
                before[Int(next)] = UInt32(place)
                rate(place, Int(next), table)
                push(place)
            }
            if before[place] != PairMerger.none {
                rate(Int(before[place]), place, table)
                push(Int(before[place]))
            }
        }
        var kept = 0
        for place in 0..<count where symbols[place] != PairMerger.none {
            symbols[kept] = symbols[place]
            kept += 1
        }
        return kept
    }

    @inline(__always)
    private func push(_ place: Int) {
        let rank = ranks.base[place]
        guard rank != MergeTable.never else { return }
        let entry = UInt64(rank) << 32 | UInt64(place)
        var hole = heapCount
        heapCount += 1
        while hole > 0 {
            let parent = (hole - 1) / 2
            guard heap.base[parent] > entry else { break }
            heap.base[hole] = heap.base[parent]
            hole = parent
            steps = steps &+ 1
        }
        heap.base[hole] = entry
    }

    @inline(__always)
    private func pop() -> UInt64 {
        let least = heap.base[0]
        heapCount -= 1
        if heapCount > 0 { sink(heap.base[heapCount], from: 0) }
        return least
    }

    @inline(__always)
    private func sink(_ entry: UInt64, from start: Int) {
        var hole = start
        while true {
            var child = hole * 2 + 1
            guard child < heapCount else { break }
            if child + 1 < heapCount, heap.base[child + 1] < heap.base[child] { child += 1 }
            guard heap.base[child] < entry else { break }
            heap.base[hole] = heap.base[child]
            hole = child
            steps = steps &+ 1
        }
        heap.base[hole] = entry
    }
}
