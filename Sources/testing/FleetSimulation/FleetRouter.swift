import ClusterModel
import Engines
import LoadGeneration
import Scheduling

/// A router: the stages that a real one is made of, in the order in which it uses them.
final class FleetRouter {
    enum Answer {
        case placed([FleetLeg])
        /// Everybody who may run it is busy; nothing was booked.
        case busy
        case failed(String)
    }

    let number: Int
    let life: RouterLife
    private let options: FleetOptions
    private var index: BlockIndex
    private var book = LeaseBook()
    private var candidates: [Candidate] = []
    private var meters: [LatencyMeter]
    private var turns: UInt64 = 0
    private let selector: PlacementSelector
    private var scratch = SelectionScratch()
    private var matches = BlockMatches()
    private var random: SeededRandom
    private var given: UInt64 = 0
    var queue: FleetQueue
    /// Nanoseconds of decisions, where somebody has a clock.
    private let clock: (() -> UInt64)?
    private(set) var decisions: [UInt64] = []
    /// Told of each lease of this router that ended.
    var released: ((Lease, LeaseRelease) -> Void)?

    init(_ number: Int, generation: UInt64, _ options: FleetOptions, at now: Instant, clock: (() -> UInt64)?) {
        self.number = number
        self.options = options
        self.clock = clock
        life = RouterLife(router: RouterID(UInt64(number) + 1), generation: Generation(generation))
        random = SeededRandom(seed: options.seed &+ UInt64(number) &* 0x1234_5677 &+ generation)
        var limits = IndexLimits()
        limits.slots = IndexLimits.mostSlots
        index = BlockIndex(limits: limits, secret: random.next())
        var settings = options.policy.settings
        // Whoever splits every request finds no price too high for that.
        if options.isSplit, options.policy.alwaysSplits { settings.interferenceWeight = 1e9 }
        selector = PlacementSelector(settings)
        scratch.isRecording = false
        meters = []
        queue = FleetQueue(options.queue, at: now)
        // All of them from the begin: a worker that is down has a place as well, for what is still said of it.
        while candidates.count < options.placements { grow() }
    }

    // MARK: Workers

    /// A worker with nothing in its cache, or with what a snapshot says later.
    func attach(_ worker: FleetWorker, at now: Instant) {
        let base = worker.number * options.ranks
        for rank in 0..<options.ranks {
            // Of a life whose end nobody noticed before the next one began.
            if let slot = candidates[base + rank].slot { index.retire(slot) }
            let placement = Placement(worker: worker.life.worker, rank: Rank(UInt32(rank)))
            var candidate = Candidate(
                placement: placement, generation: worker.life.generation, role: worker.role,
                capabilities: 0, kv: options.isSplit ? KVSide(kind: 1, paths: .concurrent) : .none,
                maxBatchedTokens: options.room.maxBatchedTokens, isReady: true)
            candidate.load.totalBlocks = options.policy.ignoresLoad ? 0 : options.room.totalBlocks
            candidate.lastTurn = candidates[base + rank].lastTurn
            if let slot = index.open() {
                candidate.slot = slot
                book.assign(slot, to: placement)
            }
            candidates[base + rank] = candidate
            meters[base + rank] = LatencyMeter()
        }
        book.with { $0.setInStep(worker.life, true, at: now) }
        measureQueue()
    }

    /// Candidates are those of all workers, in their order.
    private func grow() {
        let number = candidates.count / options.ranks
        candidates.append(
            Candidate(
                placement: Placement(
                    worker: WorkerID(UInt64(number) + 1), rank: Rank(UInt32(candidates.count - number * options.ranks))),
                generation: Generation(0), role: .aggregated, capabilities: 0, maxBatchedTokens: 0, isReady: false))
        meters.append(LatencyMeter())
    }

    /// That life of it is over.
    func detach(_ worker: Int, _ life: WorkerLife) {
        for rank in 0..<options.ranks {
            let place = worker * options.ranks + rank
            guard candidates[place].generation == life.generation, candidates[place].isReady else { continue }
            candidates[place].isReady = false
            if let slot = candidates[place].slot { index.retire(slot) }
            candidates[place].slot = nil
        }
        book.end { $0.drop(life, &$1) }
        settle()
        measureQueue()
    }

    /// As many tokens as those who compute prompts do in so many full steps.
    private func measureQueue() {
        let ranks = candidates.count { $0.isReady && ($0.role != .decode || !options.isSplit) }
        queue.tokenLimit = UInt64(ranks) * UInt64(options.queue.batches) * UInt64(options.room.maxBatchedTokens)
    }

    /// What a worker has, told as a whole: to a router that has just begun.
    func read(_ worker: FleetWorker) {
        for rank in 0..<options.ranks {
            let place = worker.number * options.ranks + rank
            guard let slot = candidates[place].slot else { continue }
            for block in worker.engine.cachedBlocks(ofRank: Rank(UInt32(rank))) {
                let hash = [block.hash.rawValue], parent = [block.parent?.rawValue ?? 0]
                index.restore(hash.span, parents: parent.span, on: slot, tier: .device)
            }
            candidates[place].indexedBlocks = UInt64(index.cachedBlocks(on: slot))
            take(worker.saidLoads[rank], of: place)
        }
        for (_, leg) in worker.legs.sorted(by: { $0.key < $1.key }) { accepted(leg, remaining: leg.remainingTokens, worker.life) }
    }

    // MARK: Plans

    func query(_ request: FleetRequest) -> RouteQuery {
        var query = RouteQuery()
        query.request = request.id
        query.tokenCount = request.planned.promptTokens + UInt32(request.shown.count)
        query.maxTokens = request.planned.outputTokens - UInt32(min(request.shown.count, Int(request.planned.outputTokens)))
        if options.expectingShare > 0 {
            var draw = SeededRandom(seed: options.seed ^ request.id.counter)
            if Double(draw.next() >> 11) * 0x1p-53 < options.expectingShare { query.expectedOutputTokens = request.planned.outputTokens }
        }
        query.blockSize = options.blockSize
        query.hashes = request.hashes
        query.excluded = WorkerList(request.excluded)
        query.maySplit = options.isSplit
        return query
    }

    /// Chooses and books, in one step.
    func plan(_ request: FleetRequest, at now: Instant) -> Answer {
        let query = query(request), began = clock?() ?? 0
        lookUp(request.hashes)
        let decision: RouteDecision
        do throws(PlacementFailure) {
            decision = try selector.decide(query, among: candidates, blocks: matches, scratch: &scratch, random: &random)
        } catch {
            return error == .busy ? .busy : .failed("no_worker")
        }
        if let clock { decisions.append(clock() - began) }
        var legs: [FleetLeg] = []
        for leg in [decision.first, decision.second] {
            guard let leg else { continue }
            let choice = leg.choice, candidate = candidates[choice.index]
            given += 1
            let lease = Lease(
                number: UInt64(number + 1) << 48 | life.generation.rawValue << 32 | given, leg, for: query, attempt: request.attempt,
                match: candidate.slot.map { matches[$0] } ?? BlockMatch(), settings: selector.settings,
                timing: LegTiming(promptTokens: query.tokenCount, mostOutputTokens: UInt64(query.maxTokens), choices: 1))
            legs.append(
                FleetLeg(
                    request, role: leg.role, isHalf: decision.second != nil, lease: lease, worker: choice.index / options.ranks,
                    believedTokens: candidate.load.believedTokens))
            guard book.book(lease, at: now, in: &index) else {
                cancel(request, at: now)
                return .failed("leases_full")
            }
            turns += 1
            candidates[choice.index].lastTurn = turns
            recount(choice.index)
        }
        return .placed(legs)
    }

    private func lookUp(_ hashes: [UInt64]) {
        matches.removeAll()
        if !hashes.isEmpty { index.match(hashes.span, into: &matches) }
    }

    /// Of a prompt, what is to be computed where most of it is cached.
    func uncached(_ request: FleetRequest) -> UInt32 {
        lookUp(request.hashes)
        let tokens = request.planned.promptTokens + UInt32(request.shown.count)
        return max(tokens - min(tokens, matches.longest * options.blockSize), 1)
    }

    /// What it booked and no worker has is not wanted any more.
    func cancel(_ request: FleetRequest, at now: Instant) {
        book.end { $0.cancel(request.id, through: request.attempt, at: now, &$1) }
        settle()
    }

    /// A worker refused: its load is another one than was believed here.
    func refused(_ leg: FleetLeg, waitingTokens: UInt64, at now: Instant) {
        book.end { $0.release(leg.lease.number, of: leg.lease.life, .refused, at: now, &$1) }
        settle()
        let place = place(leg.lease.placement)
        if !options.policy.ignoresLoad { candidates[place].load.waitingTokens = waitingTokens }
    }

    /// The frontend saw a leg end that no worker ever had.
    func undispatched(_ leg: FleetLeg, at now: Instant) {
        book.end { $0.release(leg.lease.number, of: leg.lease.life, .neverDispatched, at: now, &$1) }
        settle()
    }

    // MARK: Other routers

    func heard(_ made: Lease, from router: RouterLife, at now: Instant) {
        // Of a life that is over here nobody will ever say that it ended.
        let candidate = candidates[place(made.placement)]
        guard candidate.isReady, candidate.generation == made.life.generation else { return }
        var lease = made
        lease.timing = nil
        lease.bookedBy = router
        if book.book(lease, at: now, in: &index) { recount(place(lease.placement)) }
    }

    func heard(over lease: UInt64, _ reason: LeaseRelease, from router: RouterLife) {
        book.end { $0.withdraw(lease, bookedBy: router, reason, &$1) }
        settle()
    }

    // MARK: What workers say

    /// True if somebody may have room now who had none.
    func apply(_ news: FleetNews, at now: Instant) -> Bool {
        let base = news.worker * options.ranks
        guard candidates[base].generation == news.life.generation, candidates[base].isReady else { return false }
        var eases = false
        for item in news.items {
            switch item {
            case .stored(let rank, let hashes, let parent):
                guard let slot = candidates[base + Int(rank.rawValue)].slot else { continue }
                index.store(hashes.span, after: parent, on: slot, tier: .device)
                candidates[base + Int(rank.rawValue)].turnover += Float(hashes.count) / Float(options.room.totalBlocks)
                candidates[base + Int(rank.rawValue)].indexedBlocks = UInt64(index.cachedBlocks(on: slot))
            case .removed(let rank, let hashes):
                guard let slot = candidates[base + Int(rank.rawValue)].slot else { continue }
                index.remove(hashes.span, on: slot, tier: .device)
                candidates[base + Int(rank.rawValue)].indexedBlocks = UInt64(index.cachedBlocks(on: slot))
            case .cleared(let rank):
                guard let slot = candidates[base + Int(rank.rawValue)].slot else { continue }
                book.with { $0.forgetPromises(of: news.life, on: rank) }
                index.clear(slot)
                candidates[base + Int(rank.rawValue)].indexedBlocks = 0
            case .load(let rank, let load):
                take(load, of: base + Int(rank.rawValue))
                eases = true
            case .accepted(let leg, let remaining): accepted(leg, remaining: remaining, news.life)
            case .started, .progress, .prefilled, .grown, .ended:
                if apply(item, news.life, at: now) { eases = true }
            }
        }
        return eases
    }

    private func apply(_ item: FleetNews.Item, _ life: WorkerLife, at now: Instant) -> Bool {
        switch item {
        case .started(let leg, let cached):
            change(leg) { $0.started(leg.lease.number, of: life, rank: leg.lease.rank, cachedTokens: cached, at: now) }
            return false
        case .progress(let leg, let remaining): change(leg) { $0.prefill(leg.lease.number, of: life, remaining: remaining) }
        case .prefilled(let leg, let took):
            let place = place(leg.lease.placement)
            if let lease = book.table[leg.lease.number] {
                _ = meters[place].prefilled(lease, reported: took, at: now)
                showLatency(place, at: now)
            }
            change(leg) { $0.prefilled(leg.lease.number, of: life, at: now) }
        case .grown(let leg, let blocks, let tokens):
            let exclusive = book.exclusiveBlocks(of: leg.lease.number, outputBlocks: blocks, in: index)
            change(leg) {
                $0.grown(leg.lease.number, of: life, outputBlocks: blocks, outputTokens: tokens, exclusiveBlocks: exclusive)
            }
            return false
        case .ended(let leg, let reason, let tokens, let decode):
            let place = place(leg.lease.placement)
            if let lease = book.table[leg.lease.number] {
                _ = meters[place].ended(
                    lease, outputTokens: tokens, reported: decode, heldBlocks: candidates[place].load.heldBlocks, at: now)
                showLatency(place, at: now)
            }
            book.end { _ = $0.ended(leg.lease.number, by: life, reason, &$1) }
            settle()
        default: return false
        }
        return true
    }

    private func accepted(_ leg: FleetLeg, remaining: UInt32, _ life: WorkerLife) {
        var lease = Lease(number: leg.lease.number, life: life, rank: leg.lease.rank, role: leg.role)
        lease.request = leg.request.id
        lease.attempt = leg.attempt
        lease.promptTokens = leg.lease.promptTokens
        lease.prefillTokens = remaining
        lease.expectedOutputTokens = leg.lease.expectedOutputTokens
        change(leg) { $0.accepted(lease) }
        change(leg) { $0.blocks(lease.number, of: life, from: 0, leg.lease.hashes) }
    }

    private func showLatency(_ place: Int, at now: Instant) {
        candidates[place].latency = meters[place].estimate(at: now)
    }

    private func take(_ load: EngineLoad, of place: Int) {
        guard !options.policy.ignoresLoad else { return }
        candidates[place].load.waitingTokens = load.waitingTokens
        candidates[place].load.requests = load.waitingRequests + load.runningRequests
        candidates[place].load.activeBlocks = load.activeBlocks
    }

    // MARK: Time

    func tick(at now: Instant) {
        book.end { $0.expire(at: now, &$1) }
        settle()
        _ = index.sweep(atMost: 1 << 16)
        for place in meters.indices where candidates[place].latency != nil {
            meters[place].expire(at: now)
            showLatency(place, at: now)
        }
    }

    /// Leases that have not ended.
    var leases: Int { book.table.count }

    // MARK: Helpers

    private func place(_ placement: Placement) -> Int {
        Int(placement.worker.rawValue - 1) * options.ranks + Int(placement.rank.rawValue)
    }

    private func change(_ leg: FleetLeg, _ change: (inout LeaseTable) -> LeaseTable.Verdict) {
        let result = book.change(leg.lease.number, in: &index, change)
        if result.verdict == .applied || result.verdict == .made { recount(place(leg.lease.placement)) }
    }

    private func settle() {
        book.orderReleased()
        while let one = book.nextReleased(in: &index) {
            recount(place(one.lease.placement))
            if one.lease.number >> 48 == UInt64(number + 1) { released?(one.lease, one.reason) }
        }
    }

    private func recount(_ place: Int) {
        guard !options.policy.ignoresLoad else { return }
        candidates[place].load.take(book.load(of: candidates[place].placement, in: index))
    }
}
