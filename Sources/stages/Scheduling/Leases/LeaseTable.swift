package import ClusterModel

/// All leases of one router, and of others as far as the workers told: booked, accepted, ended exactly once.
///
/// The worker is the truth: its events make leases that are unknown here and end those that are. Whatever ends a lease first, ends it; a released
/// one leaves a tombstone until its worker says that it has ended, so that a late event makes no new one. Rules: `proto-spec/03-exchanges.md#a-plan`.
package struct LeaseTable: Sendable {
    enum State: Hashable {
        case booked
        case accepted
        case tombstone(until: Instant)

        var isTombstone: Bool { if case .tombstone = self { true } else { false } }
    }

    struct Entry {
        var lease: Lease
        var state: State
        /// What it counts into, by its place in `places`; none of a tombstone.
        var place: Int?
        /// Its life's, by its place in `streams`.
        let stream: Int
        /// The next ones of its stream, by their places in `entries`.
        var newer: Int?
        var older: Int?

        static let nothing = Entry(
            lease: Lease(number: 0, life: WorkerLife(worker: WorkerID(0), generation: Generation(0)), rank: Rank(0)), state: .accepted,
            stream: 0)
    }

    /// What the leases of one placement add up to. It is there as long as one of them is.
    struct Place {
        let placement: Placement
        var count: LeaseCount
    }

    /// The attempt of a request that has leases here. Two legs at most.
    struct Holder {
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
    // An event looks its lease up once. From there on entries, placements and streams know one another by their places, and change where they lie:
    // to take a lease out of a dictionary and to put it back costs more than all that an event says.
    var entries = Slab(empty: Entry.nothing)
    var streams = Slab(empty: LeaseStream(life: Entry.nothing.lease.life))
    var places = Slab(empty: Place(placement: Entry.nothing.lease.placement, count: LeaseCount()))
    var entryOf: [UInt64: Int] = [:]
    var streamOf: [WorkerLife: Int] = [:]
    var placeOf: [Placement: Int] = [:]
    var holders: [RequestID: Holder] = [:]
    var tombstones = Fifo<(lease: UInt64, until: Instant)>()
    var buried = 0
    /// Filled and used by `expire` alone.
    var waitingLives: [WorkerLife] = []
    /// Of all leases together.
    package internal(set) var hashCount = 0

    package init(limits: LeaseLimits = LeaseLimits()) { self.limits = limits }

    // MARK: Reading

    /// Leases that have not ended.
    package var count: Int { entries.count - buried }
    package var tombstoneCount: Int { buried }
    package var isFull: Bool { count >= limits.leases }

    package subscript(number: UInt64) -> Lease? {
        guard let entry = entryOf[number], !entries[entry].state.isTombstone else { return nil }
        return entries[entry].lease
    }

    func hold(of number: UInt64) -> LeaseHold? { liveEntry(number).map { LeaseHold(entries[$0].lease) } }

    package func count(on placement: Placement) -> LeaseCount { placeOf[placement].map { places[$0].count } ?? LeaseCount() }

    /// Whether this attempt, or one above, has a lease or a tombstone here already. The two legs of a split attempt are no repeats of each other.
    package func repeats(_ request: RequestID, attempt: UInt8, role: PlacementRole) -> Bool {
        guard let holder = holders[request] else { return false }
        guard holder.attempt == attempt else { return holder.attempt > attempt }
        guard role != .aggregated else { return true }
        return [holder.first, holder.second].contains { number in
            guard let number, let held = entryOf[number].map({ entries[$0].lease.role }) else { return false }
            return held == role || held == .aggregated
        }
    }

    /// All that have not ended, by number.
    package var all: [Lease] {
        entries.numbers.filter { !entries[$0].state.isTombstone }.map { entries[$0].lease }.sorted { $0.number < $1.number }
    }

    /// Of one life of a worker, by number.
    package func leases(of life: WorkerLife) -> [Lease] { numbers(of: life).compactMap { self[$0] } }

    /// Leases and tombstones of one life, from the lowest on.
    func numbers(of life: WorkerLife) -> [UInt64] {
        var numbers: [UInt64] = [], next = streamOf[life].flatMap { streams[$0].newest }
        while let entry = next {
            numbers.append(entries[entry].lease.number)
            next = entries[entry].older
        }
        return numbers.sorted()
    }

    func entry(_ number: UInt64) -> Int? { entryOf[number] }

    /// One that has not ended.
    func liveEntry(_ number: UInt64) -> Int? {
        guard let entry = entryOf[number], !entries[entry].state.isTombstone else { return nil }
        return entry
    }

    // MARK: Booking

    /// Books before the answer leaves. False: the table is full, or the number is taken.
    package mutating func book(_ lease: Lease, at now: Instant) -> Bool {
        guard !isFull, entryOf[lease.number] == nil else { return false }
        let stream = insert(bounded(lease), .booked)
        streams[stream].book(lease.number, at: now)
        tidyBooked(stream)
        return true
    }

    /// Out of step nothing expires, and what is passed over would pile up.
    private mutating func tidyBooked(_ stream: Int) {
        guard streams[stream].booked.count > 2 * max(streams[stream].count, LeaseLimits.tidied) else { return }
        let entries = entries, entryOf = entryOf
        streams[stream].booked.removeAll { mark in entryOf[mark.lease].map { entries[$0].state } != .booked }
    }

    // MARK: Events of the worker

    /// The worker has the request in its queue. `lease` says what is known now.
    package mutating func accepted(_ lease: Lease) -> Verdict {
        guard let entry = entryOf[lease.number] else {
            guard !isFull, (streamOf[lease.life].map { streams[$0].count } ?? 0) < limits.ofWorker else { return .refused }
            _ = insert(bounded(lease), .accepted)
            return .made
        }
        return accepted(lease, entry)
    }

    private mutating func accepted(_ lease: Lease, _ entry: Int) -> Verdict {
        guard entries[entry].lease.life == lease.life else { return .refused }
        guard !entries[entry].state.isTombstone else { return .late }
        let told = bounded(lease).hashes
        change(entry) { entry in
            entry.lease.accept(lease, told)
            entry.state = .accepted
        }
        hold(lease.number, entries[entry].lease.request, entries[entry].lease.attempt)
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
        guard let entry = liveEntry(number) else { return }
        change(entry) { entry in entry.lease.hashes.removeSubrange(min(first, entry.lease.hashes.count)...) }
    }

    /// What a worker was believed to have is not to be held against what its requests find any more: its cache was cleared, or is read anew.
    package mutating func forgetPromises(of life: WorkerLife, on rank: Rank? = nil) {
        for number in numbers(of: life) {
            guard let entry = entryOf[number], rank == nil || entries[entry].lease.rank == rank else { continue }
            entries[entry].lease.confirmedBlocks = 0
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
        guard let entry = entryOf[number] else { return accepted(Lease(number: number, life: life, rank: rank)) }
        guard entries[entry].lease.life == life else { return .refused }
        guard !entries[entry].state.isTombstone else { return .late }
        change(entry) { entry in
            entry.lease.start(rank, cachedTokens: cachedTokens, at: now)
            entry.state = .accepted
        }
        hold(number, entries[entry].lease.request, entries[entry].lease.attempt)
        return .applied
    }

    private mutating func change(_ number: UInt64, of life: WorkerLife, _ body: (inout Lease) -> Void) -> Verdict {
        guard let entry = entryOf[number] else { return .late }
        guard entries[entry].lease.life == life else { return .refused }
        guard !entries[entry].state.isTombstone else { return .late }
        change(entry) { body(&$0.lease) }
        return .applied
    }
}
