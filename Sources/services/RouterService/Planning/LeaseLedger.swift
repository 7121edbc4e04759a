import ClusterModel
import EventLoop
import Scheduling
import Telemetry
import WireProtocol

/// The lease table of a running router: what changes in it is counted, and published where this router booked it.
@LoopActor
final class LeaseLedger {
    let loop: Loop
    private let publisher: StatePublisher
    let metrics: RouterMetrics
    var table = LeaseTable()
    var released: [ReleasedLease] = []
    /// Told of by other routers and not yet released by them; kept by `LeaseLedger+Peers`.
    var booked: [RouterLife: Set<UInt64>] = [:]
    /// Told of each placement whose leases changed.
    var changed: (@LoopActor (Placement) -> Void)?
    /// The high half of this router's lease numbers, and how many it has given.
    private var series: UInt32
    private var given: UInt32 = 0

    init(loop: Loop, publisher: StatePublisher, metrics: RouterMetrics) {
        self.loop = loop
        self.publisher = publisher
        self.metrics = metrics
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

    /// Leases that this router booked and that have not ended.
    var ours: [Lease] { table.all.filter { isOurs($0.number) } }

    // MARK: Plans

    /// Books what was chosen; nil if the table has no room. Earlier attempts of the request give up what no worker has accepted.
    func book(_ query: RouteQuery, attempt: UInt8, blockSize: UInt32, _ leg: RouteDecision.Leg) -> UInt64? {
        let choice = leg.choice, number = nextNumber()
        let lease = Lease(
            number: number, life: WorkerLife(worker: choice.placement.worker, generation: choice.generation), rank: choice.placement.rank,
            role: leg.role, request: query.request, attempt: attempt, promptTokens: query.tokenCount,
            // Without an index nothing is known to be cached; the worker says what it finds.
            prefillTokens: leg.role == .decode ? 0 : query.tokenCount, expectedOutputTokens: query.expectedOutputTokens,
            promptBlocks: query.tokenCount / max(blockSize, 1) + (query.tokenCount.isMultiple(of: max(blockSize, 1)) ? 0 : 1))
        guard table.book(lease, at: loop.now) else { return nil }
        publisher.publish(.leaseMade(Self.made(lease, hashes: query.hashes)))
        changed?(lease.placement)
        return number
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

    // MARK: Events of a worker

    func accepted(_ event: RequestAccepted, by life: WorkerLife) {
        // Without a lease nobody planned it; the worker's load counts it.
        guard event.lease != 0 else { return }
        var lease = Lease(number: event.lease, life: life, rank: Rank(event.rank), role: PlacementRole(event.leg))
        lease.request = RequestID(origin: event.request.origin, counter: event.request.counter)
        lease.attempt = event.request.attempt
        lease.promptTokens = event.promptTokens
        lease.prefillTokens = event.prefillTokens
        lease.expectedOutputTokens = event.expectedOutputTokens
        moved(lease.number) { table in table.accepted(lease) }
    }

    func started(_ event: RequestStarted, by life: WorkerLife) {
        guard event.lease != 0 else { return }
        moved(event.lease) { table in table.started(event.lease, of: life, rank: Rank(event.rank)) }
    }

    func prefill(_ lease: UInt64, by life: WorkerLife, remaining: UInt32) {
        moved(lease) { table in table.prefill(lease, of: life, remaining: remaining) }
    }

    func grown(_ event: BlocksGrown, by life: WorkerLife) {
        moved(event.lease) { table in table.grown(event.lease, of: life, outputBlocks: event.outputBlocks) }
    }

    func ended(_ event: RequestEnded, by life: WorkerLife) {
        guard event.lease != 0 else { return }
        let reason: LeaseRelease = event.reason == .cancelled ? .cancelled : .finished
        if table.ended(event.lease, by: life, reason, &released) == .refused { metrics.strangeEvents.increment() }
        settle()
    }

    /// The requests of a snapshot: accepted leases that it does not name are over.
    func reconcile(_ life: WorkerLife, held: [HeldRequest]) {
        var leases: [Lease] = []
        for request in held where request.lease != 0 {
            var lease = Lease(number: request.lease, life: life, rank: Rank(request.rank), role: PlacementRole(request.leg))
            lease.request = RequestID(origin: request.request.origin, counter: request.request.counter)
            lease.attempt = request.request.attempt
            lease.promptTokens = request.promptTokens
            lease.prefillTokens = request.prefillTokens
            lease.expectedOutputTokens = request.expectedOutputTokens
            lease.outputBlocks = request.outputBlocks
            leases.append(lease)
        }
        table.reconcile(life, held: leases, &released)
        for lease in leases { changed?(lease.placement) }
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

    private func moved(_ number: UInt64, _ change: (inout LeaseTable) -> LeaseTable.Verdict) {
        let before = table[number]?.placement
        switch change(&table) {
        case .refused: metrics.strangeEvents.increment()
        case .late: break
        case .applied, .made:
            if let before { changed?(before) }
            if let after = table[number]?.placement, after != before { changed?(after) }
        }
    }

    func settle() {
        guard !released.isEmpty else { return }
        for one in released {
            let lease = one.lease
            metrics.ended(one.reason)
            changed?(lease.placement)
            guard isOurs(lease.number) else { continue }
            publisher.publish(
                .leaseReleased(
                    LeaseReleased(
                        lease: lease.number, workerID: lease.life.worker.rawValue, generation: lease.life.generation.rawValue,
                        rank: lease.rank.rawValue, reason: LeaseEnd(one.reason))))
        }
        released.removeAll(keepingCapacity: true)
    }
}
