import ClusterModel
import EventLoop
import Scheduling
import Telemetry
import WireProtocol

/// The lease book of a running router: what changes in it is counted, and published where this router booked it.
@LoopActor
final class LeaseLedger {
    let loop: Loop
    private let publisher: StatePublisher
    let metrics: RouterMetrics
    private let cache: CacheIndex
    private var book = LeaseBook()
    /// Told of by other routers and not yet released by them; kept by `LeaseLedger+Peers`.
    var booked: [RouterLife: Set<UInt64>] = [:]
    /// Told of each placement whose leases changed.
    var changed: (@LoopActor (Placement) -> Void)?
    /// Told when something ended or fell, so that what waits may have a place now.
    var fell: (@LoopActor () -> Void)?
    private var isInBatch = false
    /// Placements of one worker: few.
    private var changedInBatch: [Placement] = []
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

    var table: LeaseTable { _read { yield book.table } }

    /// One that has not ended. Not by way of the table, of which a reader outside of this class takes a copy.
    func lease(_ number: UInt64) -> Lease? { book.table[number] }

    /// Leases that this router booked and that have not ended.
    var ours: [Lease] { table.all.filter { isOurs($0.number) } }

    /// What requests hold on a placement, with blocks that they share counted once.
    func load(of placement: Placement) -> (count: LeaseCount, blocks: UInt64) { book.load(of: placement, in: cache.index) }

    // MARK: Slots

    /// The placement's blocks are found there from now on.
    func assign(_ slot: PlacementSlot, to placement: Placement) { book.assign(slot, to: placement) }

    /// Nothing of that slot is used any more: leases that still stand on the placement share no blocks.
    func unassign(_ placement: Placement, of life: WorkerLife) { book.unassign(placement, of: life, in: &cache.index) }

    func hasSlot(_ placement: Placement) -> Bool { book.hasSlot(placement) }

    // MARK: Plans

    /// Books one leg of what was chosen, by the number that `lease` gives it; nil if the table has no room.
    func book(hashes: [UInt64], _ lease: (UInt64) -> Lease) -> UInt64? {
        let lease = lease(nextNumber())
        guard book(lease) else { return nil }
        publisher.publish(.leaseMade(Self.made(lease, hashes: hashes)))
        return lease.number
    }

    /// False: the table is full, or the number is known.
    func book(_ lease: Lease) -> Bool {
        guard book.book(lease, at: loop.now, in: &cache.index) else { return false }
        tellChanged(lease.placement)
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
        book.end { $0.cancel(request, through: attempt, at: loop.now, &$1) }
        settle()
    }

    /// A frontend saw it end.
    func end(_ ended: EndedLease) {
        let life = WorkerLife(worker: WorkerID(ended.workerID), generation: Generation(ended.generation))
        book.end { $0.release(ended.lease, of: life, LeaseRelease(ended.reason), at: loop.now, &$1) }
        settle()
    }

    /// Its cache was cleared, on one rank or all, or is read anew: what plans promised of it is void.
    func forgetPromises(of life: WorkerLife, on rank: UInt32? = nil) {
        book.with { $0.forgetPromises(of: life, on: rank.map(Rank.init)) }
    }

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
        let exclusive = book.exclusiveBlocks(of: event.lease, outputBlocks: event.outputBlocks, in: cache.index)
        moved(event.lease) { table in
            table.grown(
                event.lease, of: life, outputBlocks: event.outputBlocks, outputTokens: event.outputTokens, exclusiveBlocks: exclusive)
        }
    }

    func ended(_ event: RequestEnded, by life: WorkerLife) {
        guard event.lease != 0 else { return }
        let reason: LeaseRelease = event.reason == .cancelled ? .cancelled : .finished
        let verdict = book.end { $0.ended(event.lease, by: life, reason, &$1) }
        if verdict == .refused { metrics.strangeEvents.increment() }
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
            if hasSlot(lease.placement) { lease.hashes = request.hashes }
            moved(lease.number) { table in table.accepted(lease) }
        }
        book.end { $0.reconcile(life, held: named, &$1) }
        settle()
    }

    /// That life of the worker is over.
    func drop(_ life: WorkerLife) {
        book.end { $0.drop(life, &$1) }
        settle()
    }

    func setInStep(_ life: WorkerLife, _ isInStep: Bool) {
        book.with { $0.setInStep(life, isInStep, at: loop.now) }
    }

    // MARK: Time

    func expire() {
        book.end { $0.expire(at: loop.now, &$1) }
        settle()
        metrics.leases.set(table.count)
    }

    func paused(for gap: Duration) { book.with { $0.paused(for: gap, until: loop.now) } }

    // MARK: Changes of placements

    /// What follows are events of one batch: a placement whose leases they change is told of once, behind them. Nobody plans meanwhile.
    func beginBatch() { isInBatch = true }

    func endBatch() {
        isInBatch = false
        for placement in changedInBatch { changed?(placement) }
        changedInBatch.removeAll(keepingCapacity: true)
    }

    private func tellChanged(_ placement: Placement) {
        guard isInBatch else {
            changed?(placement)
            return
        }
        if changedInBatch.last != placement, !changedInBatch.contains(placement) { changedInBatch.append(placement) }
    }

    // MARK: Helpers

    /// Changes one lease, and with it what it holds.
    func moved(_ number: UInt64, _ change: (inout LeaseTable) -> LeaseTable.Verdict) {
        let result = book.change(number, in: &cache.index, change)
        if result.verdict == .refused { metrics.strangeEvents.increment() }
        // Who is told looks at what is held now.
        if let before = result.before { tellChanged(before) }
        if let after = result.after, after != result.before { tellChanged(after) }
    }

    /// What another router booked is over, by its word or with it.
    func withdraw(_ number: UInt64, bookedBy router: RouterLife, _ reason: LeaseRelease) {
        book.end { $0.withdraw(number, bookedBy: router, reason, &$1) }
    }

    func settle() {
        book.orderReleased()
        var isFalling = false
        while let one = book.nextReleased(in: &cache.index) {
            isFalling = true
            let lease = one.lease
            metrics.ended(one.reason)
            tellChanged(lease.placement)
            ended?(lease.number)
            guard isOurs(lease.number) else { continue }
            publisher.publish(
                .leaseReleased(
                    LeaseReleased(
                        lease: lease.number, workerID: lease.life.worker.rawValue, generation: lease.life.generation.rawValue,
                        rank: lease.rank.rawValue, reason: LeaseEnd(one.reason))))
        }
        if isFalling { fell?() }
    }
}
