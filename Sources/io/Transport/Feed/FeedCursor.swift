/// Where a reader is in one numbered stream. Rules: `proto-spec/03-exchanges.md#feeds`.
package struct FeedCursor: Hashable, Sendable {
    package enum Verdict: Hashable, Sendable {
        /// In order; the first `skip` events of the batch were applied before.
        case apply(skip: Int)
        /// All of it was applied before.
        case behind
        /// Events from `missing` on have not arrived.
        case gap(missing: ClosedRange<UInt64>)
        /// The publisher is another life of the process.
        case otherGeneration(UInt64)
    }

    package private(set) var generation: UInt64
    /// The next sequence number to apply.
    package private(set) var next: UInt64

    package init(generation: UInt64, next: UInt64) {
        self.generation = generation
        self.next = next
    }

    /// A batch of `count` events whose first has the number `first`. `apply` moves the cursor past it.
    package mutating func batch(generation: UInt64, first: UInt64, count: Int) -> Verdict {
        guard generation == self.generation else { return .otherGeneration(generation) }
        let (end, overflow) = first.addingReportingOverflow(UInt64(count))
        guard !overflow else { return .behind }  // no stream gets there; a liar is not followed
        if first > next { return .gap(missing: next...(first - 1)) }
        if end <= next { return .behind }
        let skip = Int(next - first)
        next = end
        return .apply(skip: skip)
    }

    /// A beat: the publisher has sent everything up to `last`. 0 when it has sent nothing.
    package func beat(generation: UInt64, last: UInt64) -> Verdict {
        guard generation == self.generation else { return .otherGeneration(generation) }
        return last >= next ? .gap(missing: next...last) : .behind
    }

    /// After a replay or a snapshot: everything before `next` is known.
    package mutating func restart(generation: UInt64, next: UInt64) {
        self.generation = generation
        self.next = next
    }
}
