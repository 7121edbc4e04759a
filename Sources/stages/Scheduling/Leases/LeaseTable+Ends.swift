package import ClusterModel

/// How leases end: by the worker, by others, or because nobody came for them.
extension LeaseTable {
    // MARK: Ends by the worker

    /// The worker has ended it: the lease if it is still there, or its tombstone.
    package mutating func ended(_ number: UInt64, by life: WorkerLife, _ reason: LeaseRelease, _ released: inout [ReleasedLease]) -> Verdict
    {
        guard let entry = entry(number) else { return .late }
        guard entries[entry].lease.life == life else { return .refused }
        end(entry, reason, &released)
        return .applied
    }

    /// A snapshot of the worker names these: other accepted ones have ended.
    package mutating func reconcile(_ life: WorkerLife, held named: Set<UInt64>, _ released: inout [ReleasedLease]) {
        for number in numbers(of: life) where !named.contains(number) {
            guard let entry = entry(number), entries[entry].state == .accepted else { continue }
            end(entry, .finished, &released)
        }
    }

    /// That life of the worker is over, and everything of it.
    package mutating func drop(_ life: WorkerLife, _ released: inout [ReleasedLease]) {
        for number in numbers(of: life) { if let entry = entry(number) { end(entry, .workerLost, &released) } }
        forgetStream(of: life)
    }

    // MARK: Ends by others

    /// A frontend's word on a lease. Said twice, or of another worker's lease, it does nothing.
    package mutating func release(
        _ number: UInt64, of life: WorkerLife, _ reason: LeaseRelease, at now: Instant, _ released: inout [ReleasedLease]
    ) {
        guard let entry = liveEntry(number), entries[entry].lease.life == life else { return }
        bury(entry, reason, at: now, &released)
    }

    /// The plan of this attempt, or of one below, is no longer wanted. What the worker has accepted stays until the worker ends it.
    package mutating func cancel(_ request: RequestID, through attempt: UInt8, at now: Instant, _ released: inout [ReleasedLease]) {
        guard let holder = holders[request], holder.attempt <= attempt else { return }
        for number in [holder.first, holder.second].compactMap({ $0 }) {
            guard let entry = entry(number), entries[entry].state == .booked else { continue }
            bury(entry, .cancelled, at: now, &released)
        }
    }

    /// What another router booked is over, or that router is; nothing changes if the worker has accepted it. No tombstone: the worker may still
    /// come to say that it has it.
    package mutating func withdraw(_ number: UInt64, bookedBy router: RouterLife, _ reason: LeaseRelease, _ released: inout [ReleasedLease])
    {
        guard let entry = entry(number), entries[entry].state == .booked, entries[entry].lease.bookedBy == router else { return }
        end(entry, reason, &released)
    }

    // MARK: Time

    /// Whether the cursor of that worker's stream is in step: only then do its leases expire.
    package mutating func setInStep(_ life: WorkerLife, _ isInStep: Bool, at now: Instant) {
        let stream = makeStream(of: life)
        streams[stream].setInStep(isInStep, at: now)
    }

    package mutating func paused(for gap: Duration, until now: Instant) {
        for stream in streams.numbers { streams[stream].paused(for: gap, until: now) }
    }

    /// Ends what was not accepted in time, and forgets tombstones.
    package mutating func expire(at now: Instant, _ released: inout [ReleasedLease]) {
        while let oldest = tombstones.first, oldest.until <= now || buried > limits.tombstones || isOver(oldest) {
            tombstones.removeFirst()
            if !isOver(oldest), let entry = entry(oldest.lease) { remove(entry) }
        }
        // Of a large fleet few have bookings that wait; those are sorted.
        waitingLives.removeAll(keepingCapacity: true)
        for stream in streams.numbers where !streams[stream].booked.isEmpty { waitingLives.append(streams[stream].life) }
        waitingLives.sort()
        for life in waitingLives {
            guard let stream = streamOf[life] else { continue }
            let clock = streams[stream].clock(at: now)
            while let next = streams[stream].booked.first {
                let entry = entry(next.lease), waits = entry.map { entries[$0].state } == .booked
                if waits, clock - next.since < limits.acceptance { break }
                streams[stream].booked.removeFirst()
                if waits, let entry { bury(entry, .expired, at: now, &released) }
            }
        }
    }

    /// Whether the tombstone that this stood for is gone.
    private func isOver(_ mark: (lease: UInt64, until: Instant)) -> Bool {
        entry(mark.lease).map { entries[$0].state } != .tombstone(until: mark.until)
    }

    // MARK: Helpers

    /// No tombstone is left, nor was one to be told of.
    private mutating func end(_ entry: Int, _ reason: LeaseRelease, _ released: inout [ReleasedLease]) {
        if !entries[entry].state.isTombstone { released.append(ReleasedLease(lease: entries[entry].lease, reason: reason)) }
        remove(entry)
    }

    private mutating func bury(_ entry: Int, _ reason: LeaseRelease, at now: Instant, _ released: inout [ReleasedLease]) {
        // Another router's booking is hearsay: if its worker has it all the same, the worker's word makes it anew.
        guard entries[entry].lease.bookedBy == nil else { return end(entry, reason, &released) }
        released.append(ReleasedLease(lease: entries[entry].lease, reason: reason))
        let number = entries[entry].lease.number, until = now + limits.tombstone
        bury(entry, until: until)
        tombstones.append((number, until))
        // Ended ones leave their marks behind.
        if tombstones.count > 2 * max(buried, 64) {
            let table = self
            tombstones.removeAll { table.isOver($0) }
        }
    }
}
