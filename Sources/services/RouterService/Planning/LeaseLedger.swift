import ClusterModel
import EventLoop
import Scheduling
import Telemetry
import WireProtocol

/// The lease table of a running router, and the blocks that leases hold in its index: what changes is counted, and published where this router
/// booked it.
///
/// Each change of a lease and of its blocks is one step: a lease holds in the index exactly the hashes that the table keeps of it, on the slot of
/// its placement.
@LoopActor
final class LeaseLedger {
    let loop: Loop
    private let publisher: StatePublisher
    let metrics: RouterMetrics
    private let cache: CacheIndex
    var table = LeaseTable()
    var released: [ReleasedLease] = []
    private(set) var slots: [Placement: PlacementSlot] = [:]
    /// Told of by other routers and not yet released by them; kept by `LeaseLedger+Peers`.
    var booked: [RouterLife: Set<UInt64>] = [:]
    /// Told of each placement whose leases changed.
    var changed: (@LoopActor (Placement) -> Void)?
    /// Told when something ended or fell, so that what waits may have a place now.
    var fell: (@LoopActor () -> Void)?
    /// Told of each lease that ended.
    var ended: (@LoopActor (UInt64) -> Void)?
    /// The high half of this router's lease numbers, and how many it has given.
    private var series: UInt32
    private var given: UInt32 = 0

    init(loop: Loop, publisher: StatePublisher, metrics: RouterMetrics, cache: CacheIndex) {
        self.loop = loop
        self.publisher = publisher
        self.metrics = metrics
        self.cache = cache
        series = Self.drawSeries(loop)
    }

    private static func drawSeries(_ loop: Loop) -> UInt32 {
        let drawn = UInt32(truncatingIfNeeded: loop.secureRandomUInt64())
        return drawn == 0 ? 1 : drawn
    }

    private func nextNumber() -> UInt64 {
        if given == .max {
            series = Self.drawSeries(loop)
            given = 0
        }
        given += 1
        return UInt64(series) << 32 | UInt64(given)
    }

    func isOurs(_ number: UInt64) -> Bool { UInt32(truncatingIfNeeded: number >> 32) == series }

    /// A number of ours that was never given: nobody can have accepted it.
    private func isForeseen(_ number: UInt64) -> Bool { isOurs(number) && UInt32(truncatingIfNeeded: number) > given }

    /// Leases that this router booked and that have not ended.
    var ours: [Lease] { table.all.filter { isOurs($0.number) } }

    /// What requests hold on a placement, with blocks that they share counted once.
    func load(of placement: Placement) -> (count: LeaseCount, blocks: UInt64) {
        let count = table.count(on: placement)
        return (count, count.blocks(shared: slots[placement].map { cache.activeBlocks(on: $0) } ?? 0))
    }

    // MARK: Slots

    /// The placement's blocks are found there from now on.
    func assign(_ slot: PlacementSlot, to placement: Placement) { slots[placement] = slot }

    /// Nothing of that slot is used any more: leases that still stand on the placement share no blocks.
    func unassign(_ placement: Placement, of life: WorkerLife) {
        guard let slot = slots.removeValue(forKey: placement) else { return }
        for lease in table.leases(of: life) where lease.rank == placement.rank {
            cache.release(lease.sharedHashes, on: slot, isPredicted: lease.isPredicted)
            table.forgetBlocks(of: lease.number)
        }
    }

    private func hold(_ lease: Lease, from first: Int = 0) {
        guard let slot = slots[lease.placement] else { return }
        let wanted = lease.sharedHashes.dropFirst(first), held = cache.hold(wanted, on: slot)
        // What the index has no room for is the lease's own: given back it would be taken from others.
        if held < wanted.count { table.forgetBlocks(of: lease.number, from: first + held) }
        if !lease.isPredicted { cache.settle(Array(wanted.prefix(held)), on: slot) }
    }

    private func letGo(_ lease: Lease) {
        guard let slot = slots[lease.placement] else { return }
        cache.release(lease.sharedHashes, on: slot, isPredicted: lease.isPredicted)
    }

    // MARK: Plans

    /// What a plan books beside its placement.
    struct Booking {
        let attempt: UInt8
        /// Prefill that the placement will have to do for it.
        let prefillTokens: UInt32
        /// Of the prompt's blocks, those that the worker said to have.
        let confirmedBlocks: UInt32
        let sharesBlocks: Bool
        let tracksPrefill: Bool
        let timing: LegTiming
    }

    /// Books what was chosen; nil if the table has no room. Earlier attempts of the request give up what no worker has accepted.
    func book(_ query: borrowing RouteQuery, _ booking: Booking, _ leg: RouteDecision.Leg) -> UInt64? {
        let choice = leg.choice, number = nextNumber()
        var lease = Lease(
            number: number, life: WorkerLife(worker: choice.placement.worker, generation: choice.generation), rank: choice.placement.rank,
            role: leg.role, request: query.request, attempt: booking.attempt, promptTokens: query.tokenCount,
            prefillTokens: booking.prefillTokens, expectedOutputTokens: query.expectedOutputTokens,
            promptBlocks: query.tokenCount / max(query.blockSize, 1) + (query.tokenCount.isMultiple(of: max(query.blockSize, 1)) ? 0 : 1))
        if slots[lease.placement] != nil { lease.hashes = query.hashes }
        lease.sharesBlocks = booking.sharesBlocks
        lease.tracksPrefill = booking.tracksPrefill
        lease.confirmedBlocks = booking.confirmedBlocks
        lease.timing = booking.timing
        guard book(lease) else { return nil }
        publisher.publish(.leaseMade(Self.made(lease, hashes: query.hashes)))
        return number
    }

    /// False: the table is full, or the number is known.
    func book(_ lease: Lease) -> Bool {
        guard table.book(lease, at: loop.now), let booked = table[lease.number] else { return false }
        hold(booked)
        changed?(lease.placement)
        return true
    }

    /// As the stream and snapshots of the router say it. Hashes are the stream's: of leases made before, peers hear blocks from the workers.
    static func made(_ lease: Lease, hashes: [UInt64]) -> LeaseMade {
        var made = LeaseMade()
        made.lease = lease.number
        made.workerID = lease.life.worker.rawValue
        made.generation = lease.life.generation.rawValue
        made.rank = lease.rank.rawValue
        made.leg = Leg(lease.role)
        made.request = RequestKey(origin: lease.request?.origin ?? 0, counter: lease.request?.counter ?? 0, attempt: lease.attempt)
        made.promptTokens = lease.promptTokens
        made.prefillTokens = lease.prefillTokens
        made.expectedOutputTokens = lease.expectedOutputTokens
        made.promptBlocks = lease.promptBlocks
        made.hashes = hashes.count <= Limits.leaseHashes ? hashes : Array(hashes.prefix(Limits.leaseHashes))
        return made
    }

    func cancel(_ request: RequestID, through attempt: UInt8) {
        table.cancel(request, through: attempt, at: loop.now, &released)
        settle()
    }

    /// A frontend saw it end.
    func end(_ ended: EndedLease) {
        let life = WorkerLife(worker: WorkerID(ended.workerID), generation: Generation(ended.generation))
        table.release(ended.lease, of: life, LeaseRelease(ended.reason), at: loop.now, &released)
        settle()
    }

    /// Its cache was cleared, on one rank or all, or is read anew: what plans promised of it is void.
    func forgetPromises(of life: WorkerLife, on rank: UInt32? = nil) { table.forgetPromises(of: life, on: rank.map(Rank.init)) }

    // MARK: Events of a worker

    func accepted(_ event: RequestAccepted, by life: WorkerLife) {
        // Without a lease nobody planned it; the worker's load counts it.
        guard event.lease != 0 else { return }
        guard !isForeseen(event.lease) else { return metrics.strangeEvents.increment() }
        var lease = Lease(number: event.lease, life: life, rank: Rank(event.rank), role: PlacementRole(event.leg))
        lease.request = RequestID(origin: event.request.origin, counter: event.request.counter)
        lease.attempt = event.request.attempt
        lease.promptTokens = event.promptTokens
        lease.prefillTokens = event.prefillTokens
        lease.expectedOutputTokens = event.expectedOutputTokens
        moved(lease.number) { table in table.accepted(lease) }
    }

    /// What its prompt is made of: news where another router booked it.
    func blocks(_ event: RequestBlocks, by life: WorkerLife) {
        moved(event.lease) { table in table.blocks(event.lease, of: life, from: event.firstBlock, event.hashes) }
    }

    func started(_ event: RequestStarted, by life: WorkerLife) {
        guard event.lease != 0 else { return }
        guard !isForeseen(event.lease) else { return metrics.strangeEvents.increment() }
        moved(event.lease) { table in
            table.started(event.lease, of: life, rank: Rank(event.rank), cachedTokens: event.cachedTokens, at: loop.now)
        }
    }

    func prefill(_ lease: UInt64, by life: WorkerLife, remaining: UInt32) {
        moved(lease) { table in table.prefill(lease, of: life, remaining: remaining) }
        fell?()
    }

    /// What it stored was said before this: from now on only what events said is there.
    func prefilled(_ lease: UInt64, by life: WorkerLife) {
        moved(lease) { table in table.prefilled(lease, of: life, at: loop.now) }
        fell?()
    }

    func grown(_ event: BlocksGrown, by life: WorkerLife) {
        var exclusive = UInt64(0)
        // Looked at only where it weighs anything.
        if let lease = table[event.lease], lease.expectedOutputTokens != nil {
            let shared = slots[lease.placement].map { cache.exclusiveBlocks(lease.sharedHashes, on: $0) } ?? 0
            let tail = UInt64(lease.promptBlocks) - min(UInt64(lease.promptBlocks), UInt64(lease.sharedHashes.count))
            exclusive = UInt64(shared) + tail + UInt64(event.outputBlocks)
        }
        moved(event.lease) { table in
            table.grown(
                event.lease, of: life, outputBlocks: event.outputBlocks, outputTokens: event.outputTokens,
                exclusiveBlocks: UInt32(clamping: exclusive))
        }
    }

    func ended(_ event: RequestEnded, by life: WorkerLife) {
        guard event.lease != 0 else { return }
        let reason: LeaseRelease = event.reason == .cancelled ? .cancelled : .finished
        if table.ended(event.lease, by: life, reason, &released) == .refused { metrics.strangeEvents.increment() }
        settle()
    }

    /// The requests of a snapshot, each once: accepted leases that it does not name are over.
    func reconcile(_ life: WorkerLife, held: [HeldRequest]) {
        var named: Set<UInt64> = []
        for request in held where request.lease != 0 && !isForeseen(request.lease) && named.insert(request.lease).inserted {
            var lease = Lease(number: request.lease, life: life, rank: Rank(request.rank), role: PlacementRole(request.leg))
            lease.request = RequestID(origin: request.request.origin, counter: request.request.counter)
            lease.attempt = request.request.attempt
            lease.promptTokens = request.promptTokens
            lease.prefillTokens = request.prefillTokens
            lease.expectedOutputTokens = request.expectedOutputTokens
            lease.outputBlocks = request.outputBlocks
            lease.outputTokens = request.outputTokens
            lease.promptBlocks = UInt32(clamping: request.hashes.count)
            lease.isPredicted = request.prefillTokens > 0
            if slots[lease.placement] != nil { lease.hashes = request.hashes }
            moved(lease.number) { table in table.accepted(lease) }
        }
        table.reconcile(life, held: named, &released)
        settle()
    }

    /// That life of the worker is over.
    func drop(_ life: WorkerLife) {
        table.drop(life, &released)
        settle()
    }

    func setInStep(_ life: WorkerLife, _ isInStep: Bool) { table.setInStep(life, isInStep, at: loop.now) }

    // MARK: Time

    func expire() {
        table.expire(at: loop.now, &released)
        settle()
        metrics.leases.set(table.count)
    }

    func paused(for gap: Duration) { table.paused(for: gap, until: loop.now) }

    // MARK: Helpers

    /// Changes one lease, and with it what it holds.
    func moved(_ number: UInt64, _ change: (inout LeaseTable) -> LeaseTable.Verdict) {
        let before = table[number]
        switch change(&table) {
        case .refused: metrics.strangeEvents.increment()
        case .late: break
        case .applied, .made:
            let after = table[number]
            if let after { hold(after, insteadOf: before) }
            // Who is told looks at what is held now.
            if let before { changed?(before.placement) }
            if let after, after.placement != before?.placement { changed?(after.placement) }
        }
    }

    private func hold(_ after: Lease, insteadOf before: Lease?) {
        guard let before else { return hold(after) }
        let held = before.sharedHashes, wanted = after.sharedHashes
        // Mostly the list is the same or goes on where it ended; a worker may also name another one.
        let goesOn = wanted.count == held.count || wanted.count > held.count && wanted.starts(with: held)
        guard before.placement == after.placement, goesOn else {
            letGo(before)
            return hold(after)
        }
        if before.isPredicted, !after.isPredicted, let slot = slots[after.placement] { cache.settle(held, on: slot) }
        if wanted.count > held.count { hold(after, from: held.count) }
    }

    func settle() {
        guard !released.isEmpty else { return }
        for one in released {
            let lease = one.lease
            metrics.ended(one.reason)
            letGo(lease)
            changed?(lease.placement)
            ended?(lease.number)
            guard isOurs(lease.number) else { continue }
            publisher.publish(
                .leaseReleased(
                    LeaseReleased(
                        lease: lease.number, workerID: lease.life.worker.rawValue, generation: lease.life.generation.rawValue,
                        rank: lease.rank.rawValue, reason: LeaseEnd(one.reason))))
        }
        released.removeAll(keepingCapacity: true)
        fell?()
    }
}
