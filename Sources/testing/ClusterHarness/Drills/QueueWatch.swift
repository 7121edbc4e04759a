import ClusterModel

/// Looks at what waits at a router: when its queue was full, and how long it took until nothing waited any more.
final class QueueWatch {
    let most: Int
    private let router: VirtualMember
    private(set) var longest = 0
    private(set) var longestWait = Duration.zero
    /// The spans in which there was no room, in order.
    private var full: [(from: Instant, to: Instant)] = []
    private var fullSince: Instant?
    private var waitingSince: Instant?

    init(_ router: VirtualMember, most: Int) {
        self.router = router
        self.most = most
    }

    func look(at now: Instant) {
        let parked = router.process.parked
        longest = max(longest, parked)
        if parked >= most { fullSince = fullSince ?? now } else { noteRoom(at: now) }
        if parked > 0 {
            waitingSince = waitingSince ?? now
        } else if let since = waitingSince {
            longestWait = max(longestWait, since.duration(to: now))
            waitingSince = nil
        }
    }

    private func noteRoom(at now: Instant) {
        if let since = fullSince { full.append((since, now)) }
        fullSince = nil
    }

    /// At some moment between those.
    func wasFull(from: Instant, to: Instant) -> Bool {
        full.contains { $0.from <= to && from <= $0.to } || fullSince.map { $0 <= to } ?? false
    }
}
