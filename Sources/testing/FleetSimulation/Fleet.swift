import ClusterModel
import Engines
import LoadGeneration
import Scheduling

/// A fleet in virtual time: one thread, and an order of events that follows from the seed alone.
final class Fleet {
    enum Event {
        case arrival
        case ask(FleetRequest)
        case engage(FleetLeg, handOver: [UInt8])
        case refused(FleetLeg, waitingTokens: UInt64)
        case lost(FleetLeg)
        case stepEnd(FleetWorker, WorkerLife)
        case publish(FleetWorker, WorkerLife)
        case news(FleetNews, to: Int)
        case made(Lease, from: RouterLife, to: Int)
        case over(UInt64, LeaseRelease, from: RouterLife, to: Int)
        case tick
        case firstTokenDue(FleetRequest)
        case clientLeaves(FleetRequest)
        case fault(Int)
        case healed(Int)
        case noticed(worker: Int, WorkerLife)
    }

    let options: FleetOptions
    let workload: Workload
    private let clock: (() -> UInt64)?
    private let progress: FleetSimulation.Progress?
    private let hasher: BlockHasher
    private let prompts: PromptTokens
    var events = EventHeap<Event>()
    var now = Instant.zero
    var workers: [FleetWorker] = []
    /// Nil: it is down.
    var routers: [FleetRouter?] = []
    private var generations: UInt64 = 1
    var random: SeededRandom
    private var nextArrival = 0
    /// Those that have arrived and not ended, by their numbers.
    private var open: [Int: FleetRequest] = [:]
    /// Requests that each router has been asked for and has not answered.
    private var openPlans: [Int]
    var recorder: LoadRecorder
    var figures = FleetFigures()
    private var seen: Set<UInt64> = []

    init(_ workload: Workload, _ options: FleetOptions, clock: (() -> UInt64)?, progress: FleetSimulation.Progress?) {
        self.options = options
        self.workload = workload
        self.clock = clock
        self.progress = progress
        hasher = BlockHasher(blockSize: options.blockSize)
        prompts = PromptTokens(blockTokens: workload.blockTokens)
        random = SeededRandom(seed: options.seed)
        recorder = LoadRecorder(limits: options.limits)
        openPlans = Array(repeating: 0, count: options.routers)
        for (number, role) in options.roles.enumerated() { workers.append(FleetWorker(number, role, options.engine(role))) }
        for number in 0..<options.routers { routers.append(nil); startRouter(number) }
    }

    // MARK: The run

    func run() {
        if !workload.requests.isEmpty { events.plan(.arrival, at: .zero + workload.requests[0].due) }
        for index in options.faults.indices { events.plan(.fault(index), at: .zero + options.faults[index].at) }
        events.plan(.tick, at: .zero + FleetLimits.tick)
        let end = Instant.zero + (workload.requests.last?.due ?? .zero) + FleetLimits.tail
        while !open.isEmpty || nextArrival < workload.requests.count, let (at, what) = events.next(), at <= end {
            now = at
            handle(what)
        }
        for (_, request) in open.sorted(by: { $0.key < $1.key }) { fail(request, "unfinished") }
        figures.duration = Instant.zero.duration(to: now)
        settle()
        finish()
    }

    /// What is still on its way when the last request has ended, until the last booking that nobody ended is forgotten.
    private func settle() {
        let end = now + FleetLimits.settling
        while let (at, what) = events.next(), at <= end {
            now = at
            switch what {
            case .fault, .healed: continue
            default: handle(what)
            }
        }
    }

    private func finish() {
        for worker in workers where worker.role != .decode {
            figures.requests.append(worker.requests)
            figures.prefillTokens.append(worker.prefillTokens)
        }
        for worker in workers {
            figures.busyShares.append(Double(worker.busy.inNanoseconds) / Double(max(figures.duration.inNanoseconds, 1)))
            figures.steps += worker.steps
        }
        for router in routers {
            figures.leasesLeft += router?.leases ?? 0
            figures.decisions += router?.decisions ?? []
        }
        figures.decisions.sort()
    }

    private func handle(_ event: Event) {
        switch event {
        case .arrival: arrive()
        case .ask(let request): ask(request)
        case .engage(let leg, let handOver): engage(leg, handOver)
        case .refused(let leg, let waiting): refused(leg, waiting)
        case .lost(let leg): if leg.isCurrent { again(leg.request, without: leg.worker) }
        case .stepEnd(let worker, let life): if worker.life == life, worker.isAlive { stepEnded(worker) }
        case .publish(let worker, let life): if worker.life == life, worker.isAlive { publish(worker) }
        case .news(let news, let router): deliver(news, to: router)
        case .made(let lease, let from, let router): routers[router]?.heard(lease, from: from, at: now)
        case .over(let lease, let reason, let from, let router): routers[router]?.heard(over: lease, reason, from: from)
        case .tick: tick()
        case .firstTokenDue(let request): if request.firstTokenAt == nil { fail(request, "first_token_timeout") }
        case .clientLeaves(let request): leave(request)
        case .fault(let index): begin(options.faults[index], index)
        case .healed(let index): end(options.faults[index])
        case .noticed(let worker, let life): for router in routers { router?.detach(worker, life) }
        }
    }

    private func tick() {
        for (number, router) in routers.enumerated() {
            guard let router else { continue }
            router.tick(at: now)
            for request in router.queue.expired(at: now) {
                openPlans[number] -= 1
                fail(request, "queue_timeout")
            }
            if !router.queue.isEmpty { drain(number) }
        }
        events.plan(.tick, at: now + FleetLimits.tick)
    }

    // MARK: Clients and frontends

    private func arrive() {
        let number = nextArrival, planned = workload.requests[number]
        nextArrival += 1
        if nextArrival < workload.requests.count {
            events.plan(.arrival, at: max(now, .zero + workload.requests[nextArrival].due))
        }
        var hashes: [SequenceHash] = []
        hasher.appendSequenceHashes(of: prompts.tokens(of: planned, number: number).span, after: nil, to: &hashes)
        let request = FleetRequest(number: number, planned, hashes: hashes.map(\.rawValue))
        count(request)
        open[number] = request
        events.plan(.firstTokenDue(request), at: now + options.firstToken)
        if let patience = planned.patience { events.plan(.clientLeaves(request), at: now + patience) }
        again(request, without: nil)
    }

    private func count(_ request: FleetRequest) {
        let size = UInt64(options.blockSize)
        figures.promptBlocks += (UInt64(request.planned.promptTokens) + size - 1) / size
        figures.reachableBlocks += UInt64(request.hashes.prefix { seen.contains($0) }.count)
        seen.formUnion(request.hashes)
    }

    /// The next attempt, or the end of the request.
    private func again(_ request: FleetRequest, without worker: Int?) {
        guard request.phase != .over else { return }
        if let worker {
            request.excluded.append(UInt64(worker) + 1)
            figures.moved += 1
            giveUp(request)
            request.legs = []
        }
        guard Int(request.attempt) < options.attempts else { return fail(request, "attempts") }
        request.attempt += 1
        guard let router = chooseRouter(for: request) else { return fail(request, "no_router") }
        request.router = router
        request.phase = .asking
        openPlans[router] += 1
        events.plan(.ask(request), at: now + options.hop)
    }

    private func chooseRouter(for request: FleetRequest) -> Int? {
        let alive = routers.indices.filter { routers[$0] != nil }
        guard alive.count > 1 else { return alive.first }
        switch options.routerChoice {
        case .random: return alive[Int(random.next() % UInt64(alive.count))]
        case .rendezvous:
            let key = RouterChoice.key(
                session: request.planned.session.map { (String(request.planned.tenant), String($0)) }, sequenceHashes: request.hashes,
                blockSize: options.blockSize, otherwise: request.id)
            let choices = alive.map { RouterChoice.Option(router: RouterID(UInt64($0) + 1), openPlans: openPlans[$0]) }
            return RouterChoice.choose(key, among: choices).map { alive[$0] }
        }
    }

    private func ask(_ request: FleetRequest) {
        guard request.phase == .asking else { return openPlans[request.router] -= 1 }
        guard let router = routers[request.router] else {
            openPlans[request.router] -= 1
            // Its router is gone: the next one is asked for the same attempt.
            request.attempt -= 1
            return again(request, without: nil)
        }
        let (mustWait, isBusy) = router.queue.mustWait(request)
        if mustWait { return park(request, at: router, isBusy: isBusy) }
        let answer = router.plan(request, at: now)
        if case .busy = answer { return park(request, at: router, isBusy: true) }
        take(answer, for: request, from: router)
    }

    private func park(_ request: FleetRequest, at router: FleetRouter, isBusy: Bool) {
        let tokens = router.uncached(request), deadline = Instant.zero + request.planned.due + options.firstToken
        guard router.queue.park(request, tokens: tokens, isBusy: isBusy, deadline: max(deadline, now), at: now) else {
            openPlans[router.number] -= 1
            figures.shed += 1
            return fail(request, "queue_full")
        }
        figures.parked += 1
    }

    private func drain(_ number: Int) {
        guard let router = routers[number], !router.queue.isEmpty else { return }
        var placed: [(FleetRequest, FleetRouter.Answer)] = []
        router.queue.drain(at: now) { request in
            guard request.phase == .asking else { return nil }
            let answer = router.plan(request, at: now)
            if case .busy = answer { return answer }
            placed.append((request, answer))
            return answer
        }
        for (request, answer) in placed { take(answer, for: request, from: router) }
    }

    private func take(_ answer: FleetRouter.Answer, for request: FleetRequest, from router: FleetRouter) {
        openPlans[router.number] -= 1
        switch answer {
        case .busy: preconditionFailure("a busy answer is parked")
        case .failed(let kind): fail(request, kind)
        case .placed(let legs):
            request.legs = legs
            request.phase = .running
            if legs.count > 1 { figures.split += 1 }
            for leg in legs {
                tellPeers(of: leg.lease, from: router)
                // The plan travels to the frontend, and the request from there.
                events.plan(.engage(leg, handOver: []), at: now + options.hop * 2)
            }
        }
    }

    private func tellPeers(of lease: Lease, from router: FleetRouter) {
        for peer in routers.indices where peer != router.number {
            if isLost { continue }
            events.plan(.made(lease, from: router.life, to: peer), at: now + options.syncDelay)
        }
    }

    private var isLost: Bool { options.syncLoss > 0 && Double(random.next() >> 11) * 0x1p-53 < options.syncLoss }

    // MARK: Ends

    /// Tokens of a leg, of which the first has this position.
    func tokens(_ tokens: Span<TokenID>, position: Int, of leg: FleetLeg, isLast: Bool) {
        let request = leg.request
        guard leg.isCurrent else { return }
        let fresh = position + tokens.count - request.shown.count
        guard fresh > 0, position <= request.shown.count else { return }
        for index in tokens.count - fresh..<tokens.count { request.shown.append(tokens[index]) }
        let seen = now + options.hop
        if let last = request.lastTokenAt {
            recorder.gap(last.duration(to: seen), tokens: UInt32(fresh))
        } else {
            request.firstTokenAt = seen
        }
        request.lastTokenAt = seen
        if request.isComplete { over(request, .complete) }
    }

    func fail(_ request: FleetRequest, _ kind: String) { over(request, .failed(kind)) }

    private func leave(_ request: FleetRequest) { over(request, .left) }

    private func over(_ request: FleetRequest, _ end: RequestOutcome.End) {
        guard request.phase != .over else { return }
        let isWaiting = request.phase == .asking
        request.phase = .over
        open[request.number] = nil
        progress?(nextArrival - open.count, workload.requests.count)
        if isWaiting, request.ticket != nil {
            routers[request.router]?.queue.remove(request, at: now)
            openPlans[request.router] -= 1
        }
        giveUp(request, isComplete: end == .complete)
        // Legs know their request, and live on in what is still to be told of them.
        request.legs = []
        let due = request.planned.due, firstToken = request.firstTokenAt.map { Instant.zero.duration(to: $0) }
        let ended = Instant.zero.duration(to: end == .complete ? request.lastTokenAt ?? now : now)
        if end == .complete { figures.completions.append(ended) }
        if request.waitedInQueue > .zero { figures.queueWaits.record(request.waitedInQueue) }
        figures.hitBlocks += UInt64(request.cachedTokens ?? 0) / UInt64(options.blockSize)
        var outcome = RequestOutcome(
            due: due, sent: due, firstToken: firstToken, ended: max(ended, due), end: end, promptTokens: request.planned.promptTokens,
            cachedTokens: request.cachedTokens, outputTokens: UInt32(request.shown.count))
        outcome.tenant = request.planned.tenant
        recorder.ended(outcome)
    }

    /// Legs of the present attempt are not wanted any more.
    private func giveUp(_ request: FleetRequest, isComplete: Bool = false) {
        for leg in request.legs where !leg.isOver {
            let worker = workers[leg.worker]
            if leg.isEngaged {
                // One whose answer is complete ends by itself.
                if worker.isAlive, worker.life == leg.lease.life, !(isComplete && leg.outputTokens > 0 && leg.key != 0) {
                    worker.cancel(leg)
                    if leg.key == 0 { endUnstarted(leg, at: worker) }
                    stepIfDue(worker)
                }
            } else {
                leg.isOver = true
                routers[request.router]?.undispatched(leg, at: now)
            }
        }
        if request.legs.isEmpty { routers[request.router]?.cancel(request, at: now) }
    }

    // MARK: Workers

    private func engage(_ leg: FleetLeg, _ handOver: [UInt8]) {
        let worker = workers[leg.worker], request = leg.request
        guard leg.isCurrent else {
            if !leg.isOver, !leg.isEngaged { undispatched(leg) }
            return
        }
        guard worker.isAlive, worker.life == leg.lease.life else {
            undispatched(leg)
            return events.plan(.lost(leg), at: now + options.hop)
        }
        if !leg.takesState {
            let waiting = worker.waitingTokens(leg.lease.rank)
            if request.attempt == 1, waiting > leg.believedTokens + UInt64(options.room.maxBatchedTokens) {
                figures.refused += 1
                return events.plan(.refused(leg, waitingTokens: waiting), at: now + options.hop)
            }
        }
        if !leg.isEngaged {
            leg.isEngaged = true
            leg.receivedAt = now
            leg.remainingTokens = leg.takesState ? 0 : leg.lease.promptTokens
            worker.say(.accepted(leg, remaining: leg.remainingTokens))
            publishSoon(worker)
        }
        // The decode leg of a split waits for the state.
        if leg.takesState, handOver.isEmpty { return }
        leg.shownBefore = request.shown.count
        worker.engage(leg) { key in engineRequest(leg, key, handOver) }
        stepIfDue(worker)
    }

    private func undispatched(_ leg: FleetLeg) {
        leg.isOver = true
        routers[leg.request.router]?.undispatched(leg, at: now)
    }

    private func engineRequest(_ leg: FleetLeg, _ key: EngineRequestKey, _ handOver: [UInt8]) -> EngineRequest {
        let request = leg.request
        var sampling = EngineSampling()
        sampling.ignoreEndOfText = true
        sampling.seed = UInt64(request.number)
        let left = request.planned.outputTokens - UInt32(min(request.shown.count, Int(request.planned.outputTokens)))
        var made = EngineRequest(
            key: key, rank: leg.lease.rank, prompt: prompts.tokens(of: request.planned, number: request.number), sampling: sampling,
            choices: [EngineChoice(choice: 0, shown: request.shown, maxTokens: max(left, 1))], contextLimit: Int(options.contextLength))
        if leg.isHalf {
            made.leg = leg.takesState ? .decode : .prefill
            made.handOver = leg.takesState ? .parameters(handOver) : .none
            // Nothing was shown since the state was made but what the state's maker showed.
            if leg.takesState, let first = request.legs.first {
                made.choices[0].shown = Array(request.shown.prefix(first.shownBefore))
                made.choices[0].maxTokens = request.planned.outputTokens - UInt32(first.shownBefore)
            }
        }
        return made
    }

    private func refused(_ leg: FleetLeg, _ waiting: UInt64) {
        leg.isOver = true
        routers[leg.request.router]?.refused(leg, waitingTokens: waiting, at: now)
        guard leg.request.phase == .running, leg.request.attempt == leg.attempt else { return }
        giveUp(leg.request)
        leg.request.legs = []
        again(leg.request, without: nil)
    }

    func stepIfDue(_ worker: FleetWorker) {
        guard worker.canStep else { return }
        let took = worker.step(at: now)
        events.plan(.stepEnd(worker, worker.life), at: now + took)
    }

    // MARK: News

    func publishSoon(_ worker: FleetWorker) {
        guard !worker.isPublishing else { return }
        worker.isPublishing = true
        let due = worker.published.map { $0 + options.eventPause } ?? now
        events.plan(.publish(worker, worker.life), at: max(due, now))
    }

    private func publish(_ worker: FleetWorker) {
        worker.isPublishing = false
        worker.published = now
        guard let news = worker.news() else { return }
        for router in routers.indices { events.plan(.news(news, to: router), at: now + options.hop) }
    }

    private func deliver(_ news: FleetNews, to number: Int) {
        guard let router = routers[number], router.apply(news, at: now) else { return }
        drain(number)
    }

    // MARK: Routers

    func startRouter(_ number: Int) {
        generations += 1
        let router = FleetRouter(number, generation: generations, options, at: now, clock: clock)
        router.released = { [unowned self, unowned router] lease, reason in
            for peer in routers.indices where peer != number {
                if isLost { continue }
                events.plan(.over(lease.number, reason, from: router.life, to: peer), at: now + options.syncDelay)
            }
        }
        for worker in workers where worker.isAlive {
            router.attach(worker, at: now)
            router.read(worker)
        }
        routers[number] = router
    }

    private func begin(_ fault: FleetFault, _ index: Int) {
        switch fault.kind {
        case .worker(let number) where workers.indices.contains(number):
            let worker = workers[number]
            guard worker.isAlive else { return }
            let life = worker.life
            for leg in worker.die() {
                leg.isEngaged = true
                events.plan(.lost(leg), at: now + options.detection)
                // Its state may be on its way elsewhere: the whole attempt is given up.
            }
            events.plan(.noticed(worker: number, life), at: now + options.detection)
        case .router(let number) where routers.indices.contains(number):
            guard let router = routers[number] else { return }
            let waiting = router.queue.dissolve(at: now)
            figures.decisions += router.decisions
            routers[number] = nil
            for request in waiting where request.phase == .asking {
                openPlans[number] -= 1
                request.attempt -= 1
                again(request, without: nil)
            }
        case .cleared(let number) where workers.indices.contains(number):
            for rank in 0..<options.ranks { workers[number].engine.clearCache(of: Rank(UInt32(rank))) }
            stepIfDue(workers[number])
        default: return
        }
        if let lasting = fault.lasting { events.plan(.healed(index), at: now + lasting) }
    }

    private func end(_ fault: FleetFault) {
        switch fault.kind {
        case .worker(let number):
            guard !workers[number].isAlive else { return }
            workers[number].revive()
            for router in routers { router?.attach(workers[number], at: now) }
        case .router(let number): if routers[number] == nil { startRouter(number) }
        case .cleared: return
        }
    }
}
