/// Batches that came before what is missing in front of them, in the order of their numbers.
struct HeldBatches {
    struct Batch {
        let first: UInt64
        let count: Int
        let body: [UInt8]

        var cost: Int { body.count + FollowingLimits.heldOverhead }
    }

    private var batches: [Batch] = []
    /// The first ones have been taken; they leave together, so that taking one moves no other.
    private var taken = 0
    private(set) var bytes = 0

    var first: Batch? { taken < batches.count ? batches[taken] : nil }

    /// False if one that begins with the same number is there.
    mutating func insert(_ batch: Batch) -> Bool {
        // Nearly always the newest.
        var place = batches.count
        while place > taken, batches[place - 1].first >= batch.first {
            if batches[place - 1].first == batch.first { return false }
            place -= 1
        }
        batches.insert(batch, at: place)
        bytes += batch.cost
        return true
    }

    mutating func removeFirst() -> Batch {
        let batch = batches[taken]
        taken += 1
        bytes -= batch.cost
        if taken == batches.count {
            batches.removeAll()
            taken = 0
        } else if taken >= 64, taken * 2 > batches.count {
            batches.removeFirst(taken)
            taken = 0
        }
        return batch
    }

    mutating func removeAll() {
        batches = []
        taken = 0
        bytes = 0
    }
}
