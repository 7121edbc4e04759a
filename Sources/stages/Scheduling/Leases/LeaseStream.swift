import ClusterModel

/// What a table keeps of one worker in one of its lives: the clock on which its leases expire, and which they are.
struct LeaseStream: Sendable {
    let life: WorkerLife
    /// Live leases and tombstones.
    var count = 0
    /// The one that came last, by its place in the table; each knows the one before it and the one after.
    var newest: Int?
    /// In the order in which they were booked; what was accepted or released since is passed over.
    var booked = Fifo<(lease: UInt64, since: Duration)>()
    private var stepped = Duration.zero
    private var inStepSince: Instant?

    init(life: WorkerLife) { self.life = life }

    /// How long the router's cursor has been in step with the stream: time in which it was not counts for nobody.
    func clock(at now: Instant) -> Duration {
        guard let inStepSince else { return stepped }
        return stepped + max(inStepSince.duration(to: now), .zero)
    }

    mutating func book(_ lease: UInt64, at now: Instant) { booked.append((lease, clock(at: now))) }

    mutating func setInStep(_ isInStep: Bool, at now: Instant) {
        guard isInStep != (inStepSince != nil) else { return }
        if isInStep {
            inStepSince = now
        } else {
            stepped = clock(at: now)
            inStepSince = nil
        }
    }

    /// This process did not run: what the worker said meanwhile was not heard.
    mutating func paused(for gap: Duration, until now: Instant) {
        if let since = inStepSince { inStepSince = min(now, since + gap) }
    }
}
