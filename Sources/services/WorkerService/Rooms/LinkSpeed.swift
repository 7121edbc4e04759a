import ClusterModel

/// How fast a link takes bytes, seen only while bytes wait for it: a link that is never waited for is fast enough.
struct LinkSpeed {
    /// Bytes a second; nil: it was never waited for.
    private(set) var bytesPerSecond: Double?
    /// Bytes that had left, and when, at the last look with bytes still waiting.
    private var last: (left: Int, at: Instant)?

    /// `sent` bytes were given to the link in all, and `unsent` of them wait. Where none does, the last of them left at an unknown moment, and
    /// the time until now says nothing; unless the link `hasDrained` just now, and says so.
    mutating func look(sent: Int, unsent: Int, at now: Instant, hasDrained: Bool = false) {
        guard unsent > 0 || hasDrained else { return last = nil }
        let left = sent - unsent
        if let last {
            let span = last.at.duration(to: now)
            // A span that is too short says more about the loop's turns than about the link.
            guard span >= Self.shortest else {
                if unsent == 0 { self.last = nil }
                return
            }
            if left > last.left {
                let sample = Double(left - last.left) / (Double(span.inNanoseconds) / 1e9)
                bytesPerSecond = bytesPerSecond.map { $0 + (sample - $0) * Self.weight } ?? sample
            }
        }
        last = unsent > 0 ? (left, now) : nil
    }

    private static let shortest = Duration.milliseconds(2)
    /// Of the newest sample: the speed of a shared link changes from transfer to transfer.
    private static let weight = 0.3
}
