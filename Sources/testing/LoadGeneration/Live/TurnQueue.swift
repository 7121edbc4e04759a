import ClusterModel

/// What waits for a moment that an answer has set: the next turns of sessions, and users who think. The earliest first; of one moment, in the
/// order in which they came.
struct TurnQueue<Value> {
    private struct Entry {
        let moment: Instant
        let order: UInt64
        let value: Value

        func precedes(_ other: Entry) -> Bool { (moment, order) < (other.moment, other.order) }
    }

    private var heap: [Entry] = []
    private var order: UInt64 = 0

    var first: Instant? { heap.first?.moment }

    mutating func insert(_ value: Value, at moment: Instant) {
        heap.append(Entry(moment: moment, order: order, value: value))
        order += 1
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].precedes(heap[parent]) else { break }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    mutating func popFirst() -> (moment: Instant, value: Value)? {
        guard let first = heap.first else { return nil }
        let last = heap.removeLast()
        if !heap.isEmpty {
            heap[0] = last
            var parent = 0
            while true {
                var least = parent
                for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && heap[child].precedes(heap[least]) {
                    least = child
                }
                guard least != parent else { break }
                heap.swapAt(parent, least)
                parent = least
            }
        }
        return (first.moment, first.value)
    }
}
