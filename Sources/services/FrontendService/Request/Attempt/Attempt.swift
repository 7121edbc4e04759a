import ClusterModel
import EventLoop
import OpenAIDialect
import RequestTracking
import WireProtocol

/// One attempt of a request: a place for it, the legs that run there, and what comes of them.
///
/// It has one leg, or two that make one answer: a prefill leg, which computes the prompt, and a decode leg, which goes on with its state. Two
/// run side by side where their workers meet in a room, else one after the other. Whatever becomes of it, it ends in `end`, where each leg is
/// cancelled that still runs, and each lease given back that nobody else ends.
@LoopActor
final class Attempt {
    private let number: UInt8
    private let request: ClientRequest
    private let placing: Placing
    private let legs: AttemptLegs

    private var frontend: Frontend { request.frontend }
    private var loop: Loop { request.loop }
    private var limits: FrontendLimits { request.limits }

    init(_ number: UInt8, of request: ClientRequest, _ placing: Placing) {
        self.number = number
        self.request = request
        self.placing = placing
        legs = AttemptLegs(request)
    }

    func run() async -> AttemptEnd {
        request.begin(attempt: number)
        do throws(AttemptFailure) {
            try await start()
            while case .handedOver(let state) = try await legs.follow(placing) { try await goOn(with: state) }
            return end(.finished)
        } catch {
            return end(request.isClientGone ? .clientGone : .failed(error))
        }
    }

    private func end(_ end: AttemptEnd) -> AttemptEnd {
        legs.end(end)
        request.trace.spans?.attemptEnded(end)
        return end
    }

    /// Until when legs that were placed now are to have left.
    private var sendLimit: Instant { min(loop.now + limits.dispatch, request.deadline) }

    // MARK: Places

    /// Asks for places, and sends every leg that can begin now.
    private func start() async throws(AttemptFailure) {
        let next = next
        let placed = try await placing.plan(Placing.Question(attempt: number, wish: next.wish, preferred: next.preferred))
        legs.add(placed)
        let limit = sendLimit
        if request.prepared.wantsDecision { await request.tellDecision(of: placed.router, number) }
        if next.wish == .decode { try await bring(from: next.source, until: limit) }
        try await send(legs.all, placed, until: limit)
        if !request.prepared.isSpeculative {
            frontend.metrics.splits.began(legs.path, isDrained: next.isDrained, isMove: legs.isMove)
        }
        request.history.isSent()
    }

    /// What this attempt is to be. Only where blocks can be brought is a place asked for that counts no prefill; the last attempt takes the way
    /// on which less can go wrong.
    private var next: AttemptHistory.Next {
        var next = request.history.next
        guard request.prepared.task == .generate else {
            next = next.withoutSource
            next.wish = .aggregated
            return next
        }
        if request.released.isContinued, request.prepared.choices > 1 {
            // Choices that go on from texts of their own have no one state that could be handed over.
            next = next.withoutSource
            next.wish = .aggregated
        }
        guard next.wish == .decode else { return next }
        return number < limits.attempts && drained(next.source) != nil ? next : next.withoutSource
    }

    /// A worker that drains, as long as there is a link to it.
    private func drained(_ source: PlanLeg?) -> WorkerClient? {
        guard let source, let worker = frontend.workers.client(source.workerID, generation: source.generation), worker.isOpen else {
            return nil
        }
        return worker
    }

    /// A continued request goes on with its blocks where they can be brought from the worker that drains; else it computes them anew.
    private func bring(from source: PlanLeg?, until limit: Instant) async throws(AttemptFailure) {
        brings(from: source, to: try await worker(of: legs.all[0], until: limit))
    }

    @inline(never)
    private func brings(from source: PlanLeg?, to successor: WorkerClient) {
        if let source, let drained = drained(source), drained.entry.canSendState(to: successor.entry) {
            legs.addSource(source)
        } else {
            legs.makeAggregated()
        }
    }

    /// The prefill leg's state is there: a decode leg is placed, with the load of this moment, and starts with it.
    private func goOn(with state: [UInt8]) async throws(AttemptFailure) {
        let asked = loop.now
        request.trace.spans?.asksAgain()
        let question = Placing.Question(attempt: number, wish: .decode, isSecond: true, router: legs.prefill?.router)
        let placed = try await placing.plan(question)
        legs.wasParked(for: asked.duration(to: loop.now))
        try await send(legs.add(placed), placed, handOver: state, until: sendLimit)
        if request.prepared.wantsDecision { await request.tellDecision(of: placed.router, number) }
    }

    // MARK: Dispatch

    private func worker(of leg: AttemptLeg, until limit: Instant) async throws(AttemptFailure) -> WorkerClient {
        do throws(AttemptFailure) { return try await placing.worker(of: leg.placement, until: limit) } catch {
            throw legs.fail(leg, error)
        }
    }

    private typealias Entries = [(leg: AttemptLeg, entry: GenerateEntry)]

    /// Sends legs in one turn, the one first that the other one calls on.
    ///
    /// What waits here holds lists of entries and never one itself: an entry is large, and what a task has held once it keeps to its end.
    private func send(
        _ fresh: [AttemptLeg], _ placed: Placing.Placed, handOver: [UInt8] = [], until limit: Instant
    ) async throws(AttemptFailure) {
        guard !request.isClientGone else { throw .clientGone }
        for leg in fresh {
            leg.worker = placing.workerNow(of: leg.placement)
            if leg.worker == nil { leg.worker = try await worker(of: leg, until: limit) }
        }
        var entries = try entries(of: fresh, placed, handOver)
        // A session binds the worker that keeps the blocks of the answer; the prefill leg is free.
        if request.session != nil, let index = indexOfAnswering(entries) {
            try await openSession(placed.plan.session, &entries, index, until: limit)
        }
        dropLostSource(&entries)
        legs.tellWorkers()
        try dispatch(&entries)
        request.record.isSent()
    }

    @inline(never)
    private func entries(of fresh: [AttemptLeg], _ placed: Placing.Placed, _ handOver: [UInt8]) throws(AttemptFailure) -> Entries {
        var entries: Entries = []
        for leg in fresh.reversed() {
            var entry = request.messages.entry(
                leg, of: number, routerID: leg.router == nil ? 0 : placed.plan.routerID, request.released, at: loop.now)
            entry.firstTokenMilliseconds = legs.firstTokenLeft.wireMilliseconds
            entry.room = legs.room(for: leg)
            entry.handOver = handOver
            guard entry.mostBytes <= Limits.messageBytes else {
                if !handOver.isEmpty, let prefill = legs.prefill {
                    // What was handed over is too large for a message; there the request can run whole.
                    throw request.history.noRoom(prefill.placement)
                }
                if number > 1 { request.record.meter?.isTooLongToMigrate() }
                throw AttemptFailure(.internalError, .tooLong, isFinal: true)
            }
            entries.append((leg, entry))
        }
        return entries
    }

    @inline(never)
    private func dispatch(_ entries: inout Entries) throws(AttemptFailure) {
        for index in entries.indices {
            let leg = entries[index].leg
            entries[index].entry.traceParent = request.trace.forWorker(leg.placement, as: leg.task)
            guard let worker = leg.worker, worker.generate(entries[index].entry, for: request.active) else {
                throw legs.fail(leg, placing.notReached(leg.placement.workerID))
            }
            leg.isSent(at: loop.now)
        }
    }

    @inline(never)
    private func indexOfAnswering(_ entries: Entries) -> Int? { entries.firstIndex { $0.leg.task != .prefill } }

    /// A worker that drains may leave at any moment; from here on nothing waits.
    @inline(never)
    private func dropLostSource(_ entries: inout Entries) {
        guard legs.isMove, let source = legs.prefill, !(source.worker?.isOpen ?? false) else { return }
        legs.drop(source: source)
        entries.removeAll { $0.leg === source }
        for index in entries.indices {
            entries[index].entry.leg = .aggregated
            entries[index].entry.room = nil
        }
    }

    @inline(never)
    private func openSession(
        _ outcome: SessionOutcome, _ entries: inout Entries, _ index: Int, until limit: Instant
    ) async throws(AttemptFailure) {
        let leg = entries[index].leg
        guard let session = request.session, let worker = leg.worker else { return }
        do throws(AttemptFailure) { try await session.begin(at: worker, outcome, &entries[index].entry, until: limit) } catch {
            request.history.exclude(leg.placement.workerID)
            throw legs.fail(leg, error)
        }
        guard !request.isClientGone else { throw .clientGone }
    }
}

extension WorkerEntry {
    /// Whether what this one has of a request it can bring to that one, as to a decode worker of its own pool.
    fileprivate func canSendState(to other: WorkerEntry) -> Bool {
        capabilities.contains([.moves, .concurrentHandOver]) && other.capabilities.contains(.concurrentHandOver) && kvShape != nil
            && kvShape == other.kvShape && engineBuild == other.engineBuild && pool == other.pool && workerID != other.workerID
    }
}
