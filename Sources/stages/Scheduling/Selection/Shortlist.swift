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

    private mutating func sift(_ start: Int) {
        var parent = start
        while true {
            var largest = parent
            let left = 2 * parent + 1, right = left + 1
            if left < entries.count, entries[largest].standing < entries[left].standing { largest = left }
            if right < entries.count, entries[largest].standing < entries[right].standing { largest = right }
            guard largest != parent else { return }
            entries.swapAt(parent, largest)
            parent = largest
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
