import ClusterModel

/// Notices that a publisher counts from the beginning again in one life, which none should: nothing would ever be applied again.
struct BackwardNumbers {
    /// When a beat said less than is known.
    private var since: Instant?
    /// Batches in a row of which all was known, and where one more of them would begin.
    private var repeats = 0
    private var next: UInt64 = 0

    /// The numbers go on as they should.
    mutating func went() { self = BackwardNumbers() }

    /// A beat that says less than is known; true if it is not the first. One may have been overtaken on its way, or come twice.
    mutating func beat(at now: Instant) -> Bool {
        guard let since else {
            since = now
            return false
        }
        return since.duration(to: now) >= FollowingLimits.backwardSpan
    }

    /// A batch of which all is known; true if it goes on a run of them that no network makes.
    mutating func repeated(_ first: UInt64, next: UInt64) -> Bool {
        repeats = first == self.next ? repeats + 1 : 1
        self.next = next
        return repeats >= FollowingLimits.repeatedBatches
    }
}
