package import ClusterModel

/// All leases of one router, and of others as far as the workers told: booked, accepted, ended exactly once.
///
/// The worker is the truth: its events make leases that are unknown here and end those that are. Whatever ends a lease first, ends it; a released
/// one leaves a tombstone until its worker says that it has ended, so that a late event makes no new one. Rules: `proto-spec/03-exchanges.md#a-plan`.
package struct LeaseTable: Sendable {
    private enum State: Hashable {
        case booked
        case accepted
        case tombstone(until: Instant)

        var isTombstone: Bool { if case .tombstone = self { true } else { false } }
    }

    private struct Entry {
        var lease: Lease
        var state: State
    }

    /// The attempt of a request that has leases here. Two legs at most.
    private struct Holder {
        var attempt: UInt8
        var first: UInt64
        var second: UInt64?
    }

    /// What became of an event.
    package enum Verdict: Hashable, Sendable {
        case applied
        /// Made by this event: no plan of this router, or one that it has forgotten.
        case made
        /// Released before; nothing changes.
        case late
        /// Another worker's lease, or no room for one more.
        case refused
    }

    package let limits: LeaseLimits
    private var entries: [UInt64: Entry] = [:]
    private var streams: [WorkerLife: LeaseStream] = [:]
    private var counts: [Placement: LeaseCount] = [:]
    private var holders: [RequestID: Holder] = [:]
    private var tombstones = Fifo<(lease: UInt64, until: Instant)>()
    private var buried = 0
    /// Filled and used by `expire` alone.
    private var waitingLives: [WorkerLife] = []
    /// Of all leases together.
    package private(set) var hashCount = 0

    package init(limits: LeaseLimits = LeaseLimits()) { self.limits = limits }

    // MARK: Reading

    /// Leases that have not ended.
    package var count: Int { entries.count - buried }
    package var tombstoneCount: Int { buried }
    package var isFull: Bool { count >= limits.leases }

    package subscript(number: UInt64) -> Lease? {
        guard let entry = entries[number], !entry.state.isTombstone else { return nil }
        return entry.lease
    }

    package func count(on placement: Placement) -> LeaseCount { counts[placement] ?? LeaseCount() }

    /// Whether this attempt, or one above, has a lease or a tombstone here already. The two legs of a split attempt are no repeats of each other.
    package func repeats(_ request: RequestID, attempt: UInt8, role: PlacementRole) -> Bool {
        guard let holder = holders[request] else { return false }
        guard holder.attempt == attempt else { return holder.attempt > attempt }
        guard role != .aggregated else { return true }
        return [holder.first, holder.second].contains { number in
            guard let number, let held = entries[number]?.lease.role else { return false }
            return held == role || held == .aggregated
        }
    }

    /// All that have not ended, by number.
    package var all: [Lease] { entries.values.filter { !$0.state.isTombstone }.map(\.lease).sorted { $0.number < $1.number } }

    /// Of one life of a worker, by number.
    package func leases(of life: WorkerLife) -> [Lease] { (streams[life]?.leases ?? []).sorted().compactMap { self[$0] } }

    // MARK: Booking

    /// Books before the answer leaves. False: the table is full, or the number is taken.
    package mutating func book(_ lease: Lease, at now: Instant) -> Bool {
        guard !isFull, entries[lease.number] == nil else { return false }
        insert(bounded(lease), .booked)
        streams[lease.life, default: LeaseStream(life: lease.life)].book(lease.number, at: now)
        tidyBooked(of: lease.life)
        return true
    }

    /// Out of step nothing expires, and what is passed over would pile up.
    private mutating func tidyBooked(of life: WorkerLife) {
        guard let stream = streams[life], stream.booked.count > 2 * max(stream.leases.count, LeaseLimits.tidied) else { return }
        let entries = entries
        streams[life]?.booked.removeAll { entries[$0.lease]?.state != .booked }
    }

    // MARK: Events of the worker

    /// The worker has the request in its queue. `lease` says what is known now.
    package mutating func accepted(_ lease: Lease) -> Verdict {
        guard var entry = entries[lease.number] else {
            guard !isFull, (streams[lease.life]?.leases.count ?? 0) < limits.ofWorker else { return .refused }
            insert(bounded(lease), .accepted)
            return .made
        }
        guard entry.lease.life == lease.life else { return .refused }
        guard !entry.state.isTombstone else { return .late }
        subtract(entry)
        var now = lease
        now.request = entry.lease.request ?? lease.request
        now.attempt = entry.lease.request == nil ? lease.attempt : entry.lease.attempt
        now.promptBlocks = max(lease.promptBlocks, entry.lease.promptBlocks)
        now.outputBlocks = max(lease.outputBlocks, entry.lease.outputBlocks)
        now.outputTokens = max(lease.outputTokens, entry.lease.outputTokens)
        let told = bounded(lease).hashes
        now.hashes = told.count > entry.lease.hashes.count ? told : entry.lease.hashes
        now.exclusiveBlocks = entry.lease.exclusiveBlocks
        now.confirmedBlocks = entry.lease.confirmedBlocks
        // A move that has nothing to bring is computed anew, in the place that was booked for its decode leg.
        let isWhole = entry.lease.role == .decode && lease.role == .aggregated
        now.tracksPrefill = isWhole ? entry.lease.tracksWhole : entry.lease.tracksPrefill
        now.tracksWhole = entry.lease.tracksWhole
        now.sharesBlocks = entry.lease.sharesBlocks
        now.timing = entry.lease.timing
        now.isPredicted = lease.isPredicted && entry.lease.isPredicted
        now.bookedBy = nil
        entry.lease = now
        entry.state = .accepted
        entries[lease.number] = entry
        add(entry)
        hold(now)
        return .applied
    }

    /// Prefill tokens that are still to be computed: replaces what was known.
    package mutating func prefill(_ number: UInt64, of life: WorkerLife, remaining: UInt32) -> Verdict {
        change(number, of: life) { $0.prefillTokens = remaining }
    }

    /// Prefill is over: what it stored was said before.
    package mutating func prefilled(_ number: UInt64, of life: WorkerLife, at now: Instant) -> Verdict {
        change(number, of: life) {
            $0.prefillTokens = 0
            $0.isPredicted = false
            $0.timing?.prefilled(at: now)
        }
    }

    /// More of its prompt's hashes. Only what goes on where the known ones end is news.
    package mutating func blocks(_ number: UInt64, of life: WorkerLife, from first: UInt32, _ hashes: [UInt64]) -> Verdict {
        guard !hashes.isEmpty else { return .late }
        let hasRoom = hashCount + hashes.count <= limits.hashes && Int(first) + hashes.count <= limits.hashesOfLease
        return change(number, of: life) {
            guard Int(first) == $0.hashes.count, hasRoom else { return }
            $0.hashes += hashes
            $0.promptBlocks = max($0.promptBlocks, UInt32(clamping: $0.hashes.count))
        }
    }

    /// Its placement has no place for blocks any more, or none beyond so many: they count as the lease's own.
    package mutating func forgetBlocks(of number: UInt64, from first: Int = 0) {
        guard let life = self[number]?.life else { return }
        _ = change(number, of: life) { $0.hashes.removeSubrange(min(first, $0.hashes.count)...) }
    }

    /// What a worker was believed to have is not to be held against what its requests find any more: its cache was cleared, or is read anew.
    package mutating func forgetPromises(of life: WorkerLife, on rank: Rank? = nil) {
        // Each on its own: their order shows nowhere.
        for number in streams[life]?.leases ?? [] where rank == nil || entries[number]?.lease.rank == rank {
            entries[number]?.lease.confirmedBlocks = 0
        }
    }

    /// What it holds beyond the prompt, and what of everything it alone holds: replaces what was known.
    package mutating func grown(
        _ number: UInt64, of life: WorkerLife, outputBlocks: UInt32, outputTokens: UInt32 = 0, exclusiveBlocks: UInt32 = 0
    ) -> Verdict {
        change(number, of: life) {
            $0.outputBlocks = outputBlocks
            $0.outputTokens = outputTokens
            $0.exclusiveBlocks = exclusiveBlocks
        }
    }

    /// Started, of a lease that may be unknown: what is not in the cache is to be computed.
    package mutating func started(_ number: UInt64, of life: WorkerLife, rank: Rank, cachedTokens: UInt32, at now: Instant) -> Verdict {
        guard var entry = entries[number] else { return accepted(Lease(number: number, life: life, rank: rank)) }
        guard entry.lease.life == life else { return .refused }
        guard !entry.state.isTombstone else { return .late }
        entry.lease.timing?.started(cachedTokens: cachedTokens, at: now)
        entries[number] = entry
        var lease = entry.lease
        lease.rank = rank
        // A request that is started again, after it was preempted, says so by its progress; one whose prefill is done has none left.
        // What a decode leg does not find in its cache is brought to it.
        if lease.isPredicted, lease.role != .decode { lease.prefillTokens = lease.promptTokens - min(cachedTokens, lease.promptTokens) }
        return accepted(lease)
    }

    /// The worker has ended it: the lease if it is still there, or its tombstone.
    package mutating func ended(_ number: UInt64, by life: WorkerLife, _ reason: LeaseRelease, _ released: inout [ReleasedLease]) -> Verdict
    {
        guard let entry = entries[number] else { return .late }
        guard entry.lease.life == life else { return .refused }
        if !entry.state.isTombstone { released.append(ReleasedLease(lease: entry.lease, reason: reason)) }
        remove(entry)
        return .applied
    }

    /// A snapshot of the worker names these: other accepted ones have ended.
    package mutating func reconcile(_ life: WorkerLife, held named: Set<UInt64>, _ released: inout [ReleasedLease]) {
        for number in (streams[life]?.leases ?? []).sorted() where !named.contains(number) {
            guard let entry = entries[number], entry.state == .accepted else { continue }
            released.append(ReleasedLease(lease: entry.lease, reason: .finished))
            remove(entry)
        }
    }

    // MARK: Ends by others

    /// A frontend's word on a lease. Said twice, or of another worker's lease, it does nothing.
    package mutating func release(
        _ number: UInt64, of life: WorkerLife, _ reason: LeaseRelease, at now: Instant, _ released: inout [ReleasedLease]
    ) {
        guard let entry = entries[number], entry.lease.life == life, !entry.state.isTombstone else { return }
        bury(entry, reason, at: now, &released)
    }

    /// The plan of this attempt, or of one below, is no longer wanted. What the worker has accepted stays until the worker ends it.
    package mutating func cancel(_ request: RequestID, through attempt: UInt8, at now: Instant, _ released: inout [ReleasedLease]) {
        guard let holder = holders[request], holder.attempt <= attempt else { return }
        for number in [holder.first, holder.second].compactMap({ $0 }) {
            guard let entry = entries[number], entry.state == .booked else { continue }
            bury(entry, .cancelled, at: now, &released)
        }
    }

    /// What another router booked is over, or that router is; nothing changes if the worker has accepted it. No tombstone: the worker may still
    /// come to say that it has it.
    package mutating func withdraw(_ number: UInt64, bookedBy router: RouterLife, _ reason: LeaseRelease, _ released: inout [ReleasedLease])
    {
        guard let entry = entries[number], entry.state == .booked, entry.lease.bookedBy == router else { return }
        released.append(ReleasedLease(lease: entry.lease, reason: reason))
        remove(entry)
    }

    /// That life of the worker is over, and everything of it.
    package mutating func drop(_ life: WorkerLife, _ released: inout [ReleasedLease]) {
        guard let stream = streams[life] else { return }
        for number in stream.leases.sorted() {
            guard let entry = entries[number] else { continue }
            if !entry.state.isTombstone { released.append(ReleasedLease(lease: entry.lease, reason: .workerLost)) }
            remove(entry)
        }
        streams[life] = nil
    }

    // MARK: Time

    /// Whether the cursor of that worker's stream is in step: only then do its leases expire.
    package mutating func setInStep(_ life: WorkerLife, _ isInStep: Bool, at now: Instant) {
        streams[life, default: LeaseStream(life: life)].setInStep(isInStep, at: now)
    }

    package mutating func paused(for gap: Duration, until now: Instant) {
        for life in streams.keys.sorted() { streams[life]?.paused(for: gap, until: now) }
    }

    /// Ends what was not accepted in time, and forgets tombstones.
    package mutating func expire(at now: Instant, _ released: inout [ReleasedLease]) {
        while let oldest = tombstones.first, oldest.until <= now || buried > limits.tombstones || isOver(oldest) {
            tombstones.removeFirst()
            if !isOver(oldest), let entry = entries[oldest.lease] { remove(entry) }
        }
        // Order: of a large fleet few have bookings that wait; those are sorted.
        waitingLives.removeAll(keepingCapacity: true)
        for (life, stream) in streams where !stream.booked.isEmpty { waitingLives.append(life) }
        waitingLives.sort()
        for life in waitingLives {
            guard let clock = streams[life]?.clock(at: now) else { continue }
            while let next = streams[life]?.booked.first {
                let entry = entries[next.lease]
                let waits = entry?.state == .booked
                if waits, clock - next.since < limits.acceptance { break }
                streams[life, default: LeaseStream(life: life)].booked.removeFirst()
                if waits, let entry { bury(entry, .expired, at: now, &released) }
            }
        }
    }

    // MARK: Helpers

    /// Whether the tombstone that this stood for is gone.
    private func isOver(_ mark: (lease: UInt64, until: Instant)) -> Bool { entries[mark.lease]?.state != .tombstone(until: mark.until) }

    private mutating func change(_ number: UInt64, of life: WorkerLife, _ change: (inout Lease) -> Void) -> Verdict {
        guard var entry = entries[number] else { return .late }
        guard entry.lease.life == life else { return .refused }
        guard !entry.state.isTombstone else { return .late }
        subtract(entry)
        change(&entry.lease)
        entries[number] = entry
        add(entry)
        return .applied
    }

    private func bounded(_ lease: Lease) -> Lease {
        guard hashCount + lease.hashes.count > limits.hashes else { return lease }
        var plain = lease
        plain.hashes = []
        return plain
    }

    private mutating func insert(_ lease: Lease, _ state: State) {
        let entry = Entry(lease: lease, state: state)
        entries[lease.number] = entry
        streams[lease.life, default: LeaseStream(life: lease.life)].leases.insert(lease.number)
        add(entry)
        hold(lease)
    }

    private mutating func bury(_ entry: Entry, _ reason: LeaseRelease, at now: Instant, _ released: inout [ReleasedLease]) {
        // Another router's booking is hearsay: if its worker has it all the same, the worker's word makes it anew.
        guard entry.lease.bookedBy == nil else {
            released.append(ReleasedLease(lease: entry.lease, reason: reason))
            return remove(entry)
        }
        subtract(entry)
        released.append(ReleasedLease(lease: entry.lease, reason: reason))
        var grave = entry
        grave.lease.hashes = []
        grave.state = .tombstone(until: now + limits.tombstone)
        entries[entry.lease.number] = grave
        buried += 1
        tombstones.append((entry.lease.number, now + limits.tombstone))
        // Ended ones leave their marks behind.
        if tombstones.count > 2 * max(buried, 64) {
            let entries = entries
            tombstones.removeAll { entries[$0.lease]?.state != .tombstone(until: $0.until) }
        }
    }

    private mutating func remove(_ entry: Entry) {
        let number = entry.lease.number
        if entry.state.isTombstone { buried -= 1 } else { subtract(entry) }
        entries[number] = nil
        // There is one: a life's stream goes after its last lease. To change it as an optional would take memory each time.
        let life = entry.lease.life
        streams[life, default: LeaseStream(life: life)].leases.remove(number)
        guard let request = entry.lease.request, var holder = holders[request] else { return }
        if holder.second == number { holder.second = nil }
        if holder.first == number {
            guard let other = holder.second else {
                holders[request] = nil
                return
            }
            holder.first = other
            holder.second = nil
        }
        holders[request] = holder
    }

    /// The newest attempt counts; a leg of it that comes second stands beside the first.
    private mutating func hold(_ lease: Lease) {
        guard let request = lease.request else { return }
        guard var holder = holders[request], lease.attempt <= holder.attempt else {
            holders[request] = Holder(attempt: lease.attempt, first: lease.number, second: nil)
            return
        }
        guard lease.attempt == holder.attempt, holder.first != lease.number else { return }
        holder.second = lease.number
        holders[request] = holder
    }

    private mutating func add(_ entry: Entry) {
        var count = counts[entry.lease.placement] ?? LeaseCount()
        hashCount += entry.lease.hashes.count
        count.requests += 1
        count.prefillTokens += UInt64(entry.lease.countedTokens)
        count.ownBlocks += entry.lease.ownBlocks
        count.discount += entry.lease.discount
        if entry.state == .booked {
            count.bookedRequests += 1
            count.bookedTokens += UInt64(entry.lease.prefillTokens)
        }
        counts[entry.lease.placement] = count
    }

    private mutating func subtract(_ entry: Entry) {
        guard var count = counts[entry.lease.placement] else { preconditionFailure("a lease that was never counted") }
        hashCount -= entry.lease.hashes.count
        count.requests -= 1
        count.prefillTokens -= UInt64(entry.lease.countedTokens)
        count.ownBlocks -= entry.lease.ownBlocks
        count.discount -= entry.lease.discount
        if entry.state == .booked {
            count.bookedRequests -= 1
            count.bookedTokens -= UInt64(entry.lease.prefillTokens)
        }
        counts[entry.lease.placement] = count.requests == 0 ? nil : count
    }
}
