import ClusterModel
import EventLoop
import ProcessKit
import Scheduling
import Telemetry
import WireProtocol

/// Answers route requests: finds the pool, lets the scheduler choose, and books, in one step without a suspension.
@LoopActor
final class RoutePlanner {
    private let core: RouterCore
    /// This router's, in every plan.
    private let routerID: UInt64
    private var selector: PlacementSelector
    private var scratch = SelectionScratch()
    /// When the present request's blocks had been looked for.
    private var foundAt = Instant.zero
    /// Of the prompt that was placed last: the longest prefix that some worker is believed to have.
    private(set) var longestMatch: UInt32 = 0
    let handOvers: SequentialHandOvers

    var policy: SelectionPolicy { selector.settings.policy }

    init(_ core: RouterCore, _ selection: SelectionSettings) {
        self.core = core
        routerID = core.context.identity.id
        selector = PlacementSelector(selection)
        handOvers = SequentialHandOvers(loop: core.loop)
    }

    /// Exactly one answer, or nil: everybody who may run it is busy, and nothing was booked. `waited`: how long it has been parked.
    func attempt(_ entry: RouteEntry, origin: UInt64, waited: Duration = .zero) -> PlanEntry? {
        let began = core.loop.preciseNow
        foundAt = began
        var plan = PlanEntry()
        plan.counter = entry.counter
        plan.attempt = entry.attempt
        plan.routerID = routerID
        do throws(PlanRefusal) {
            try place(entry, origin: origin, &plan)
        } catch {
            if error.isBusy { return nil }
            plan.outcome = .failed
            plan.legs = []
            plan.failure = believed(error).detail
        }
        if plan.outcome == .placed { core.loop.reaches("lease booked, plan not sent") }
        let took = began.duration(to: core.loop.preciseNow)
        plan.queueMicroseconds = UInt64(clamping: waited.inNanoseconds / 1_000)
        plan.decisionNanoseconds = UInt64(clamping: took.inNanoseconds)
        core.metrics.planned(plan.outcome, plan.failure?.code)
        // Once a request: of its attempts the first.
        if plan.outcome == .placed, entry.attempt == 1, entry.wish != .decode {
            core.overhead.observe(entry, .init(found: began.duration(to: foundAt), decided: took))
        }
        if plan.outcome != .failed {
            core.decisions.keep(scratch, plan, of: RequestID(origin: origin, counter: entry.counter), parked: core.queue.count)
        }
        core.spans.answered(entry, origin: origin, plan, waited: waited, decided: took)
        return plan
    }

    /// What a router knows nothing of may be on its way to it, as long as it has just begun.
    private func believed(_ refusal: PlanRefusal) -> PlanRefusal {
        guard refusal.code == .unknownModel || refusal.code == .unknownWorker, !core.isAcquainted else { return refusal }
        return PlanRefusal(
            code: .noWorker, field: refusal.field, reason: "this router has just begun: \(refusal.reason)",
            retryAfter: RouterLimits.retryAfter)
    }

    private func place(_ entry: RouteEntry, origin: UInt64, _ plan: inout PlanEntry) throws(PlanRefusal) {
        guard !core.isDraining else { throw PlanRefusal(code: .draining, reason: "this router leaves") }
        for report in entry.overbooked { takeNote(of: report) }
        try check(entry)
        let query = RouteQuery(entry, origin: origin, adapter: nil)
        if !entry.queryOnly {
            try checkIsNew(entry, query)
            if entry.attempt > 1 { cancel(query.request, through: entry.attempt - 1) }
        }
        try place(entry, query, in: try pool(of: entry), &plan)
    }

    private func checkIsNew(_ entry: RouteEntry, _ query: RouteQuery) throws(PlanRefusal) {
        guard !core.ledger.table.repeats(query.request, attempt: entry.attempt, role: query.singleLeg) else {
            throw PlanRefusal(code: .duplicate, field: "attempt", reason: "this attempt was planned already")
        }
    }

    /// What can be said of a request before a place is looked for.
    enum Examination {
        case belongs(PoolDirectory.Named)
        case refused(PlanEntry)
    }

    /// Where a request belongs, or why it has no place anywhere, without placing it.
    func examine(_ entry: RouteEntry, origin: UInt64) -> Examination {
        do throws(PlanRefusal) {
            guard !core.isDraining else { throw PlanRefusal(code: .draining, reason: "this router leaves") }
            try check(entry)
            if !entry.queryOnly { try checkIsNew(entry, RouteQuery(entry, origin: origin, adapter: nil)) }
            let named = try pool(of: entry)
            try check(entry, against: named.pool)
            return .belongs(named)
        } catch {
            let plan = PlanEntry(failed: entry, believed(error), by: routerID)
            core.metrics.planned(plan.outcome, plan.failure?.code)
            core.spans.answered(entry, origin: origin, plan)
            return .refused(plan)
        }
    }

    private func place(
        _ entry: RouteEntry, _ asked: RouteQuery, in chosen: PoolDirectory.Named, _ plan: inout PlanEntry
    ) throws(PlanRefusal) {
        let pool = chosen.pool
        plan.pool = pool.digest
        try check(entry, against: pool)
        plan.promptBlocks = Self.blocks(of: entry.tokenCount, pool.blockSize)
        var query = asked
        query.blockSize = pool.blockSize
        if chosen.isAdapter, query.loRA.isEmpty { query.loRA = entry.model }
        let session = try session(of: entry, query.singleLeg, in: pool)
        query.session = session?.place
        if session?.opens ?? false { query.decodeNeeds |= Capabilities.sessions.rawValue }
        query.stateFrom = handOvers.giver(of: entry, query.request, in: pool)
        // Also where the policy does not ask: what is there need not be computed, and the plan says so.
        let matches = core.cache.match(query.hashes)
        longestMatch = matches.longest
        foundAt = core.loop.preciseNow
        selector.settings.thresholds = core.busy[pool.name]
        let decision: RouteDecision
        do throws(PlacementFailure) {
            decision = try selector.decide(
                query, among: pool.candidates, blocks: matches, scratch: &scratch, random: &core.loop.random)
        } catch {
            // A worker that is expected back, or of which it is not known yet whether it is gone, is waited for as a busy one is.
            throw PlanRefusal(error == .noWorker && pool.awaits(query) ? .busy : error, of: entry)
        }
        plan.outcome = entry.queryOnly ? .queryOnly : .placed
        plan.handOver = HandOverPath(decision.handOver)
        plan.legs.append(try book(decision.first, entry, query, pool, matches))
        // The decode leg is booked when there is something to decode. Who only asks is told where it would run.
        if decision.handOver == .sequential, !entry.queryOnly {
            return handOvers.expect(pool.candidates[decision.first.choice.index], entry, query.request, in: pool)
        }
        if let second = decision.second { plan.legs.append(try book(second, entry, query, pool, matches)) }
        if entry.wish == .decode, !entry.queryOnly { handOvers.placed(query.request, attempt: entry.attempt) }
        // A session is where its decode runs.
        if let session, let leg = plan.legs.last {
            plan.session = entry.queryOnly ? session.outcome(on: leg) : core.sessions.placed(session, on: leg)
        }
    }

    /// That attempt, and those below it, are over.
    func cancel(_ request: RequestID, through attempt: UInt8) {
        handOvers.forget(request, through: attempt)
        core.ledger.cancel(request, through: attempt)
    }

    /// What is known of the entry's session; a prefill leg alone has none.
    private func session(of entry: RouteEntry, _ leg: PlacementRole, in pool: Pool) throws(PlanRefusal) -> SessionResolution? {
        guard let asked = entry.session, leg != .prefill else { return nil }
        guard !asked.key.id.isEmpty else { throw PlanRefusal(code: .invalidArgument, field: "session", reason: "a session has a name") }
        do throws(SessionUnsupported) { return try core.sessions.resolve(asked, for: entry, in: pool) } catch {
            throw PlanRefusal(code: .sessionUnsupported, field: "session", reason: "no worker of this model holds sessions")
        }
    }

    /// What is believed is written down before the booking adds this request to it.
    private func book(_ leg: RouteDecision.Leg, _ entry: RouteEntry, _ query: RouteQuery, _ pool: Pool, _ matches: BlockMatches)
        throws(PlanRefusal) -> PlanLeg
    {
        let choice = leg.choice
        var planned = PlanLeg()
        planned.leg = Leg(leg.role)
        planned.workerID = choice.placement.worker.rawValue
        planned.generation = choice.generation.rawValue
        planned.rank = choice.placement.rank.rawValue
        planned.deviceBlocks = choice.cost.deviceBlocks
        planned.hostBlocks = choice.cost.hostBlocks
        planned.diskBlocks = choice.cost.diskBlocks
        planned.externalBlocks = choice.cost.externalBlocks
        planned.waitingTokens = pool.candidates[choice.index].load.believedTokens
        if let record = core.workers[choice.placement.worker], let index = record.index(of: planned.rank) {
            planned.streamNumber = record.ranks[index].number
        }
        guard !entry.queryOnly else { return planned }
        var match = BlockMatch()
        if let slot = pool.candidates[choice.index].slot { match = matches[slot] }
        let timing = LegTiming(
            promptTokens: query.tokenCount, mostOutputTokens: UInt64(entry.choices) * UInt64(entry.maxTokens > 0 ? entry.maxTokens : .max),
            choices: entry.choices)
        let lease = core.ledger.book(hashes: query.hashes) { number in
            Lease(
                number: number, leg, for: query, attempt: entry.attempt, match: match, settings: selector.settings, timing: timing)
        }
        guard let lease, !core.loop.fails(at: "no room for a lease") else {
            // Nor is its other leg kept.
            cancel(query.request, through: entry.attempt)
            throw PlanRefusal(code: .capacity, reason: "this router can keep no more leases", retryAfter: RouterLimits.retryAfter)
        }
        planned.lease = lease
        pool.took(choice.index)
        return planned
    }

    func takeNote(of report: OverbookedReport) {
        core.ledger.end(
            EndedLease(lease: report.lease, workerID: report.workerID, generation: report.generation, rank: report.rank, reason: .refused))
        core.workers.overbooked(report)
    }

    // MARK: Checks

    private func check(_ entry: RouteEntry) throws(PlanRefusal) {
        func invalid(_ field: String, _ reason: String) -> PlanRefusal { PlanRefusal(code: .invalidArgument, field: field, reason: reason) }
        guard (1...UInt8(Limits.attempts)).contains(entry.attempt) else { throw invalid("attempt", "from 1 to \(Limits.attempts)") }
        guard (1...UInt8(Limits.choices)).contains(entry.choices) else { throw invalid("choices", "from 1 to \(Limits.choices)") }
        let options = entry.options
        guard options.priority >= 0 else { throw invalid("priority", "not below 0") }
        guard (options.overlapWeight ?? 0) >= 0 else { throw invalid("overlapWeight", "not below 0") }
        guard (options.temperature ?? 0) >= 0 else { throw invalid("temperature", "not below 0") }
        guard entry.tenantWeight > 0 else { throw invalid("tenantWeight", "above 0") }
        for (index, pin) in options.pins.enumerated() where options.pins[..<index].contains(where: { $0.leg == pin.leg }) {
            throw invalid("pins", "one a leg")
        }
    }

    /// The pool that the request names, that of its pinned worker, or the one that its model's name means now.
    private func pool(of entry: RouteEntry) throws(PlanRefusal) -> PoolDirectory.Named {
        let pools = core.workers.pools
        if let named = entry.pool {
            guard let pool = pools[named.digest] else {
                throw PlanRefusal(code: .unknownModel, field: "pool", reason: "no worker here has this card")
            }
            return PoolDirectory.Named(pool: pool, isAdapter: pools.resolve(entry.model)?.isAdapter ?? false)
        }
        guard let current = pools.resolve(entry.model) else {
            throw PlanRefusal(code: .unknownModel, field: "model", reason: "no worker here serves this model")
        }
        // A pin to a worker of another pool of the same model moves the request there: the pin is the stronger wish.
        if let pin = entry.options.pins.first, let other = core.workers[WorkerID(pin.workerID)]?.pool, other.name == current.pool.name {
            return PoolDirectory.Named(pool: other, isAdapter: current.isAdapter)
        }
        return current
    }

    private func check(_ entry: RouteEntry, against pool: Pool) throws(PlanRefusal) {
        guard entry.blockSize == pool.blockSize else {
            throw PlanRefusal(code: .invalidArgument, field: "blockSize", reason: "this model's blocks have \(pool.blockSize) tokens")
        }
        guard entry.sequenceHashes.count <= Int(entry.tokenCount / pool.blockSize) else {
            throw PlanRefusal(code: .invalidArgument, field: "sequenceHashes", reason: "more hashes than full blocks")
        }
        if entry.choices > 1 {
            let most = pool.mostChoices(atMost: UInt32(entry.choices))
            guard entry.choices <= most else {
                throw PlanRefusal(code: .invalidArgument, field: "choices", reason: "a worker of this model runs \(most) sequences at once")
            }
        }
        // An answer needs room for one token; how much more is the worker's limit on it.
        let needed = UInt64(entry.tokenCount) + UInt64(entry.task.leastOutput)
        guard pool.contextLength == 0 || needed <= UInt64(pool.contextLength) else {
            throw PlanRefusal(
                code: .promptTooLong, field: "tokenCount",
                reason: "the prompt has \(entry.tokenCount) tokens, and this model's context \(pool.contextLength)")
        }
    }

    private static func blocks(of tokens: UInt32, _ size: UInt32) -> UInt32 { tokens / size + (tokens.isMultiple(of: size) ? 0 : 1) }
}
