import ClusterModel
import EventLoop
import ProcessKit
import Scheduling
import Telemetry
import Transport
import WireProtocol

/// The router's queue: what finds all its placements busy is parked here, by pool, and tried again when load has fallen.
///
/// Nothing overtakes: while something waits to be tried, what arrives for the same pool is parked behind it; what arrives into a lane that is blocked
/// is parked there; what wants other placements than all that is parked is tried at once, and takes nothing from anybody. Tries happen at the end of a
/// turn, a bounded number of them, and go on in the next. Rules: `proto-spec/03-exchanges.md#the-queue`.
@LoopActor
final class PlanQueue: EndOfTurn {
    private struct Place {
        let queue: PoolQueue
        let ticket: QueueTicket
        let attempt: UInt8
    }

    private unowned let core: RouterCore
    private let settings: QueueSettings
    private let metrics: QueueMetrics
    /// By digest of their pool.
    private(set) var all: [PoolQueue] = []
    private var byPool: [Digest: PoolQueue] = [:]
    private var places: [RequestID: Place] = [:]
    private var parkedBytes = 0
    private var isStirred = false
    private var wantsFlush = false
    /// The pool whose turn it is to be drained first.
    private var first = 0
    /// Who has answers that are not sent yet.
    private var answered: [RouteHandler] = []
    private var timer: TimerHandle?
    private var timerAt: Instant?

    init(_ core: RouterCore, _ settings: QueueSettings) {
        self.core = core
        self.settings = settings
        metrics = QueueMetrics(registry: core.context.metrics)
    }

    var thresholds: BusyBook { core.busy }
    /// Requests parked, over all pools.
    var count: Int { places.count }
    private var now: Instant { core.loop.now }

    // MARK: In

    /// Answers the entry through its handler: at once, or when it has its place, or when it has waited for too long.
    func submit(_ entry: RouteEntry, from handler: RouteHandler) {
        let request = RequestID(origin: handler.origin, counter: entry.counter)
        if let place = places[request] {
            guard entry.attempt > place.attempt else {
                return fail(entry, .duplicate, "this attempt, or a later one, is parked", to: handler)
            }
            // An attempt above ends the one below.
            take(request, place, .superseded)
        }
        // Most of the time nobody waits, and there is nothing to look after.
        guard count > 0, !entry.queryOnly else { return attempt(entry, from: handler) }
        switch core.planner.examine(entry, origin: handler.origin) {
        case .refused(let plan): deliver(plan, of: entry, to: handler)
        case .belongs(let named):
            guard let queue = byPool[named.pool.digest], !queue.order.isEmpty, named.pool.readyWorkers > 0 else {
                return attempt(entry, from: handler)
            }
            let lane = lane(of: entry, named, from: handler)
            if isStirred || queue.order.hasWork {
                park(entry, lane, named, from: handler, isBusy: false)
                flushSoon()
            } else if queue.order.isParked(lane) {
                park(entry, lane, named, from: handler, isBusy: true)
            } else {
                attempt(entry, from: handler)
            }
        }
    }

    private func attempt(_ entry: RouteEntry, from handler: RouteHandler) {
        if let plan = core.planner.attempt(entry, origin: handler.origin) { return deliver(plan, of: entry, to: handler) }
        // What books nothing has nothing to wait for.
        guard !entry.queryOnly else { return fail(entry, .capacity, "every worker that may run this is busy", to: handler) }
        switch core.planner.examine(entry, origin: handler.origin) {
        case .refused(let plan): deliver(plan, of: entry, to: handler)
        case .belongs(let named): park(entry, lane(of: entry, named, from: handler), named, from: handler, isBusy: true)
        }
    }

    private func park(_ entry: RouteEntry, _ lane: QueueLane, _ named: PoolDirectory.Named, from handler: RouteHandler, isBusy: Bool) {
        guard handler.parked.count < TransportLimits.openRouteQuestions else {
            return fail(entry, .tooManyQuestions, "too many open requests on this link", to: handler)
        }
        let queue = queue(of: named.pool), request = parked(entry, lane, named.pool)
        let bytes = ParkedPlan.bytes(of: entry)
        guard parkedBytes + bytes <= QueueingLimits.bytes else { return refuse(entry, .full, queue, to: handler) }
        let ticket: QueueTicket
        do throws(QueueRefusal) {
            ticket = try queue.park(entry, request, from: handler, isBusy: isBusy, at: now)
        } catch { return refuse(entry, error, queue, to: handler) }
        let id = RequestID(origin: handler.origin, counter: entry.counter)
        parkedBytes += bytes
        places[id] = Place(queue: queue, ticket: ticket, attempt: entry.attempt)
        handler.parked.insert(entry.counter)
        metrics.parked.increment()
        // As if it had been tried: what an earlier attempt booked is given up, and what a worker said is taken note of.
        for report in entry.overbooked { core.planner.takeNote(of: report) }
        if entry.attempt > 1 { core.planner.cancel(id, through: entry.attempt - 1) }
        core.loop.reaches("request parked")
        arm()
    }

    private func lane(of entry: RouteEntry, _ named: PoolDirectory.Named, from handler: RouteHandler) -> QueueLane {
        var lane = QueueLane(entry, named, policy: core.planner.policy)
        lane.stateFrom = core.planner.handOvers.giver(of: entry, RequestID(origin: handler.origin, counter: entry.counter), in: named.pool)
        return lane
    }

    private func refuse(_ entry: RouteEntry, _ refusal: QueueRefusal, _ queue: PoolQueue, to handler: RouteHandler) {
        switch refusal {
        case .full:
            fail(
                entry, .queueFull, "the queue of this model is full", queue.pool, retryAfter: queue.order.retryAfter(at: now), to: handler)
        case .unreachable(let excess):
            let retry = RequestQueue.retry(Double(excess.inNanoseconds) / 1e9)
            fail(entry, .deadlineUnreachable, "the queue is longer than this request may wait", queue.pool, retryAfter: retry, to: handler)
        }
    }

    private func parked(_ entry: RouteEntry, _ lane: QueueLane, _ pool: Pool) -> ParkedRequest {
        let now = now, left = Duration.milliseconds(Int64(entry.remainingMilliseconds))
        var longest = min(settings.longest, left)
        if entry.queueMilliseconds > 0 { longest = min(longest, .milliseconds(Int64(entry.queueMilliseconds))) }
        var request = ParkedRequest(arrival: now, expiry: now + longest, deadline: now + left)
        request.lane = lane
        request.tenant = entry.tenant
        request.weight = Double(entry.tenantWeight)
        request.priority = Double(entry.options.priority)
        request.priorityClass = entry.options.priorityClass
        request.isUnderWay = entry.wish == .decode || entry.attempt > 1
        request.tokens = uncached(entry, lane, pool)
        request.promptTokens = entry.tokenCount
        return request
    }

    /// What is to be computed of a prompt where most of it is cached, of the places that it may have.
    private func uncached(_ entry: RouteEntry, _ lane: QueueLane, _ pool: Pool) -> UInt32 {
        // A decode leg's prompt is computed.
        guard entry.wish != .decode else { return 1 }
        let matches = core.cache.match(entry.sequenceHashes)
        var most: UInt32 = 0
        for candidate in pool.candidates {
            guard let slot = candidate.slot else { continue }
            guard lane.pins.isEmpty || lane.pins.contains(where: { $0.target.worker == candidate.placement.worker }) else { continue }
            most = max(most, matches[slot].cached)
        }
        let cached = UInt64(most) * UInt64(pool.blockSize)
        return UInt32(max(1, UInt64(entry.tokenCount) - min(cached, UInt64(entry.tokenCount))))
    }

    private func queue(of pool: Pool) -> PoolQueue {
        if let known = byPool[pool.digest] {
            known.pool = pool
            return known
        }
        let queue = PoolQueue(pool, settings, at: now)
        byPool[pool.digest] = queue
        all.insert(queue, at: all.firstIndex { pool.digest < $0.pool.digest } ?? all.count)
        return queue
    }

    // MARK: Out

    /// Load may have fallen somewhere. Cheap: the tries come once, at the end of the turn.
    func stirred() {
        guard count > 0, !isStirred else { return }
        isStirred = true
        flushSoon()
    }

    /// The frontend wants no plan any more.
    func cancel(_ request: RequestID, through attempt: UInt8) {
        guard let place = places[request], place.attempt <= attempt else { return }
        take(request, place, .cancelled)
    }

    /// Its link is gone, and with it whoever waited.
    func drop(_ handler: RouteHandler) {
        for counter in handler.parked.sorted() {
            let request = RequestID(origin: handler.origin, counter: counter)
            if let place = places[request], place.queue[place.ticket].handler === handler { take(request, place, .linkLost) }
        }
        handler.parked.removeAll()
    }

    func close() {
        core.loop.cancel(timer)
        timer = nil
        timerAt = nil
        for queue in all { metrics.forget(queue.pool.name) }
        all = []
        byPool = [:]
        places = [:]
        parkedBytes = 0
        answered = []
    }

    /// Leaves without a place.
    private func take(_ request: RequestID, _ place: Place, _ exit: QueueMetrics.Exit) {
        let plan = place.queue[place.ticket]
        place.queue.order.remove(place.ticket, at: now)
        gone(request, plan, place.queue, exit)
    }

    /// It is not in the order any more.
    private func gone(_ request: RequestID, _ plan: ParkedPlan, _ queue: PoolQueue, _ exit: QueueMetrics.Exit) {
        places[request] = nil
        parkedBytes -= plan.bytes
        queue.forget(plan.ticket)
        plan.handler.parked.remove(request.counter)
        metrics.left(exit)
    }

    // MARK: EndOfTurn

    private func flushSoon() {
        guard !wantsFlush else { return }
        wantsFlush = true
        core.loop.atEndOfTurn(self)
    }

    func flush() {
        wantsFlush = false
        if isStirred { for queue in all { queue.order.stir() } }
        isStirred = false
        var tries = QueueingLimits.triesPerTurn, isMore = false
        for offset in all.indices {
            let queue = all[(first + offset) % all.count]
            if !queue.order.isEmpty, drain(queue, &tries) { isMore = true }
        }
        first = all.isEmpty ? 0 : (first + 1) % all.count
        arm()
        let handlers = answered
        answered.removeAll(keepingCapacity: true)
        for handler in handlers { handler.flush() }
        if isMore { flushSoon() }
    }

    /// True if there is more to be tried than this turn allows.
    private func drain(_ queue: PoolQueue, _ tries: inout Int) -> Bool {
        if queue.pool.readyWorkers == 0, !core.isDraining { return wait(queue, &tries) }
        queue.workerlessSince = nil
        queue.order.reopen(atMost: QueueingLimits.reopened)
        while tries > 0 {
            guard let ticket = queue.order.next(at: now) else {
                guard queue.order.hasWork else { return false }
                queue.order.reopen(atMost: QueueingLimits.reopened)
                continue
            }
            tries -= 1
            metrics.tries.increment()
            attempt(ticket, in: queue)
        }
        return queue.order.hasWork
    }

    private func attempt(_ ticket: QueueTicket, in queue: PoolQueue) {
        let parked = queue[ticket], handler = parked.handler, waited = parked.since.duration(to: now)
        guard let plan = core.planner.attempt(parked.entry, origin: handler.origin, waited: waited) else { return queue.order.busy(ticket) }
        let isPlaced = plan.outcome == .placed
        if isPlaced {
            queue.order.placed(ticket, at: now)
            metrics.wait.observe(Double(waited.inNanoseconds) / 1e9)
        } else {
            queue.order.remove(ticket, at: now)
        }
        let request = RequestID(origin: handler.origin, counter: parked.entry.counter)
        gone(request, parked, queue, isPlaced ? .placed : .failed)
        deliver(plan, of: parked.entry, to: handler)
    }

    /// Nobody in the pool takes work: for some time that may be a restart.
    private func wait(_ queue: PoolQueue, _ tries: inout Int) -> Bool {
        // Whoever is expected back says so: each request waits for it as long as it may.
        if queue.pool.isReturning {
            queue.workerlessSince = nil
            return false
        }
        let since = queue.workerlessSince ?? now
        queue.workerlessSince = since
        guard since.duration(to: now) >= QueueingLimits.workerless else { return false }
        while tries > 0, let ticket = queue.order.oldest {
            tries -= 1
            fail(ticket, in: queue, .noWorker, "no worker is eligible now", retryAfter: RouterLimits.retryAfter, .failed)
        }
        return !queue.order.isEmpty
    }

    // MARK: Time

    /// Publishes depths, and tries again what nobody has stirred.
    func tick() {
        for queue in all {
            if queue.pool.isGone, queue.order.isEmpty {
                byPool[queue.pool.digest] = nil
                all.removeAll { $0 === queue }
                metrics.forget(queue.pool.name)
                continue
            }
            queue.measure()
            if let depth = queue.change(at: now) { core.publisher.publish(.queueDepth(depth)) }
        }
        show()
        stirred()
    }

    /// Pools of one name show as one model.
    private func show() {
        var shown: [String: (requests: Int, tokens: UInt64, rate: Double)] = [:]
        for queue in all {
            var sum = shown[queue.pool.name] ?? (0, 0, 0)
            sum.requests += queue.order.count
            sum.tokens += queue.order.tokens
            sum.rate += queue.order.rate(at: now) ?? 0
            shown[queue.pool.name] = sum
        }
        for (model, sum) in shown.sorted(by: { $0.key < $1.key }) {
            metrics.show(model, requests: sum.requests, tokens: sum.tokens, rate: sum.rate)
        }
    }

    /// As the stream said them last.
    var depths: [QueueDepth] { all.compactMap(\.published) }

    private func arm() {
        let next = all.lazy.compactMap { $0.order.nextExpiry }.min()
        guard next != timerAt else { return }
        core.loop.cancel(timer)
        timerAt = next
        timer = next.map { core.loop.schedule(at: $0) { [weak self] in self?.expire() } }
    }

    private func expire() {
        timer = nil
        timerAt = nil
        for queue in all {
            while let ticket = queue.order.expired(at: now) {
                let retry = queue.order.retryAfter(at: now)
                fail(ticket, in: queue, .queueTimeout, "no worker had room for it in time", retryAfter: retry, .expired)
            }
        }
        arm()
        flushSoon()
    }

    // MARK: Answers

    private func fail(
        _ ticket: QueueTicket, in queue: PoolQueue, _ code: FailureCode, _ reason: String, retryAfter: Duration, _ exit: QueueMetrics.Exit
    ) {
        let plan = queue[ticket]
        queue.order.remove(ticket, at: now)
        gone(RequestID(origin: plan.handler.origin, counter: plan.entry.counter), plan, queue, exit)
        fail(plan.entry, code, reason, queue.pool, waited: plan.since.duration(to: now), retryAfter: retryAfter, to: plan.handler)
    }

    private func fail(
        _ entry: RouteEntry, _ code: FailureCode, _ reason: String, _ pool: Pool? = nil, waited: Duration = .zero,
        retryAfter: Duration = .zero, to handler: RouteHandler
    ) {
        let refusal = PlanRefusal(code: code, reason: reason, retryAfter: retryAfter)
        var plan = PlanEntry(failed: entry, refusal, by: core.context.identity.id)
        plan.queueMicroseconds = UInt64(clamping: waited.inMicroseconds)
        if let pool { plan.pool = pool.digest }
        core.metrics.planned(.failed, code)
        core.spans.answered(entry, origin: handler.origin, plan, waited: waited)
        deliver(plan, of: entry, to: handler)
    }

    private func deliver(_ plan: PlanEntry, of entry: RouteEntry, to handler: RouteHandler) {
        var plan = plan
        if let queue = byPool[plan.pool] {
            plan.queueDepth = UInt32(clamping: queue.order.count)
            plan.pendingTokens = queue.order.promptTokens
        }
        if plan.outcome == .placed {
            core.placements.placed(plan, of: entry, origin: handler.origin, longestMatch: core.planner.longestMatch)
        }
        if handler.answer(plan) {
            answered.append(handler)
            flushSoon()
        }
    }
}

extension QueueLane {
    /// What an entry demands of its place.
    init(_ entry: RouteEntry, _ named: PoolDirectory.Named, policy: SelectionPolicy) {
        self.init()
        wish = PlacementWish(entry.wish)
        var needs = entry.needs
        if entry.task == .embed { needs.insert(.embeddings) }
        self.needs = needs.rawValue
        loRA = entry.loRA.isEmpty && named.isAdapter ? entry.model : entry.loRA
        pins = entry.options.pins.map {
            PlacementPin(role: PlacementRole($0.leg), target: PlacementTarget(worker: WorkerID($0.workerID), rank: $0.rank.map(Rank.init)))
        }
        if let session = entry.session {
            // One that goes on may have to be opened anew: it waits with those that open.
            if session.action != .close { self.needs |= Capabilities.sessions.rawValue }
            // Sent only where it is bound, a session's request has no other place.
            let isDirect = SelectionPolicy(rawValue: entry.options.policy) ?? policy == .direct
            if session.mode == .hard || isDirect { hardSession = "\(session.key.tenant)\u{0}\(session.key.id)" }
        }
        if entry.wish == .aggregated { preferred = entry.options.preferred.map(PlacementTarget.init) }
        allowed = entry.options.allowedWorkers.sorted()
        excluded = entry.options.excludedWorkers.sorted()
        unreachable = entry.options.unreachableWorkers.sorted()
    }
}

extension WorkerEvent {
    /// Whether a rank may have room after it that it had not before.
    var mayEaseLoad: Bool {
        switch self {
        case .prefillProgress, .prefillDone, .requestEnded, .rankLoad, .stateChanged: true
        default: false
        }
    }
}
