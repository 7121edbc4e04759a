import ClusterModel

/// What is to happen, by its moment; of one moment, in the order in which it was planned.
struct EventHeap<What> {
    private struct Entry {
        let at: Int64
        let number: UInt64
        let what: What

        func isBefore(_ other: borrowing Entry) -> Bool { at != other.at ? at < other.at : number < other.number }
    }

    private var heap: [Entry] = []
    private var number: UInt64 = 0

    var isEmpty: Bool { heap.isEmpty }

    mutating func plan(_ what: What, at moment: Instant) {
        number += 1
        let entry = Entry(at: moment.nanoseconds, number: number, what: what)
        heap.append(entry)
        var place = heap.count - 1
        while place > 0, entry.isBefore(heap[(place - 1) / 2]) {
            heap[place] = heap[(place - 1) / 2]
            place = (place - 1) / 2
        }
        heap[place] = entry
    }

    mutating func next() -> (at: Instant, what: What)? {
        guard let first = heap.first, let last = heap.popLast() else { return nil }
        if !heap.isEmpty {
            var hole = 0
            while 2 * hole + 1 < heap.count {
                var child = 2 * hole + 1
                if child + 1 < heap.count, heap[child + 1].isBefore(heap[child]) { child += 1 }
                guard heap[child].isBefore(last) else { break }
                heap[hole] = heap[child]
                hole = child
            }
            heap[hole] = last
        }
        return (Instant(nanoseconds: first.at), first.what)
    }
}
