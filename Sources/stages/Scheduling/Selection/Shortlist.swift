/// The cheapest of many, in memory that is kept from decision to decision. A heap with the dearest on top once it is full.
package struct Shortlist: Sendable {
    package struct Entry: Hashable, Sendable {
        package let standing: Standing
        /// Among the candidates.
        package let index: Int32
    }

    package private(set) var entries: [Entry] = []
    /// Offered and not kept.
    package private(set) var leftOut = 0
    private let capacity: Int

    init(capacity: Int = SelectionLimits.shortlist) {
        self.capacity = capacity
        entries.reserveCapacity(capacity)
    }

    mutating func removeAll() {
        entries.removeAll(keepingCapacity: true)
        leftOut = 0
    }

    /// Whether the entry is left out even if it stands no worse than this.
    @inline(__always)
    mutating func rejects(_ best: Standing) -> Bool {
        guard entries.count == capacity, !(best < entries[0].standing) else { return false }
        leftOut += 1
        return true
    }

    @inline(__always)
    mutating func offer(_ standing: Standing, _ index: Int) {
        if entries.count < capacity {
            entries.append(Entry(standing: standing, index: Int32(index)))
            // From now on only what is cheaper than the dearest gets in.
            if entries.count == capacity { for root in stride(from: capacity / 2 - 1, through: 0, by: -1) { sift(root) } }
        } else {
            leftOut += 1
            guard standing < entries[0].standing else { return }
            entries[0] = Entry(standing: standing, index: Int32(index))
            sift(0)
        }
    }

    /// Lets the entry sink to its place.
    private mutating func sift(_ start: Int) {
        entries.withUnsafeMutableBufferPointer { heap in
            let entry = heap[start]
            var hole = start
            while 2 * hole + 1 < heap.count {
                var larger = 2 * hole + 1
                if larger + 1 < heap.count, heap[larger].standing < heap[larger + 1].standing { larger += 1 }
                guard entry.standing < heap[larger].standing else { break }
                heap[hole] = heap[larger]
                hole = larger
            }
            heap[hole] = entry
        }
    }

    /// The cheapest first. In place: there are few, and a library's sort takes memory.
    mutating func sort() {
        for next in entries.indices.dropFirst() {
            let entry = entries[next]
            var hole = next
            while hole > 0, entry.standing < entries[hole - 1].standing {
                entries[hole] = entries[hole - 1]
                hole -= 1
            }
            entries[hole] = entry
        }
    }
}
