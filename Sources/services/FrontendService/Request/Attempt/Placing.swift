import ClusterModel
import EventLoop
import OpenAIDialect
import WireProtocol

/// Finds places for a request's legs: asks routers, waits for one where there is none, and for the links to the workers of a plan.
@LoopActor
final class Placing {
    private let request: ClientRequest
    /// Left of the time that it may be parked until a worker has it.
    private var patience: Duration
    /// Asked for a plan in this attempt: whoever must be told at once when the client leaves.
    private var asked: RouterClient?
    /// When.
    private var askedAt = Instant.zero
    /// By that question.
    private var barred = BarredWorkers()
    /// Workers that the question was without, for want of a link to them.
    private var missed: [UInt64] = []
    private lazy var routerKey = request.messages.routerKey(session: request.session?.client.key)
    /// Where the task waits for the cluster to change.
    private lazy var change = Signal(on: request.loop)

    private var frontend: Frontend { request.frontend }
    private var loop: Loop { request.loop }

    /// What is wanted of a router.
    struct Question {
        let attempt: UInt8
        var wish = LegWish.any
        var preferred: PlacementRef?
        /// The attempt has a leg already, whose state a decode leg goes on with.
        var isSecond = false
        /// Placed that leg, and knows whose state it is.
        var router: RouterClient?
    }

    /// Places, and the router that booked them. An object, since it is large for what a waiting task carries through its calls.
    final class Placed {
        let router: RouterClient
        let plan: PlanEntry

        init(router: RouterClient, plan: PlanEntry) {
            self.router = router
            self.plan = plan
        }
    }

    init(_ request: ClientRequest) {
        self.request = request
        patience = request.limits.queue
    }

    /// A worker has it: what it waits for from now on is not a place.
    func accepted() { patience = request.limits.queue }

    func clientGone() {
        asked?.cancel(counter: request.id.counter, attempt: request.active.attempt)
        change.wake()
    }

    // MARK: Plans

    func plan(_ question: Question) async throws(AttemptFailure) -> Placed {
        asked = nil
        request.record.wantsPlan()
        defer { request.record.hasNoPlan() }
        var without: [UInt64] = [], linkLimit: Instant?
        var router: RouterClient
        if let known = question.router, known.canPlan {
            router = known
        } else if let usable = frontend.cluster.router(for: routerKey) {
            router = usable
        } else {
            router = try await self.router()
        }
        while true {
            do throws(PlanFailure) {
                // Plain calls before the wait and behind it: an async one costs as much as half of what they do. And whoever waits here holds
                // little: a question and a plan are large, and a task keeps to its end what it held once.
                let asked = try ask(question, router)
                await withUnsafeContinuation { asked.answer.resume($0, until: limit) }
                return try take(asked, of: question, from: router)
            } catch {
                let failure: AttemptFailure
                do throws(AttemptFailure) {
                    if let other = try elsewhere(after: error, question, router, &without) {
                        router = other
                    } else {
                        router = try await self.router(besides: without)
                    }
                    continue
                } catch { failure = error }
                guard case .refused(let detail) = error, detail.code == .noWorker, await linkReturns(by: &linkLimit) else { throw failure }
                without.removeAll()
                router = try await self.router()
            }
        }
    }

    /// Who is asked after a router that gave no plan; nil: whoever comes next.
    @inline(never)
    private func elsewhere(
        after failure: PlanFailure, _ question: Question, _ router: RouterClient, _ without: inout [UInt64]
    ) throws(AttemptFailure) -> RouterClient? {
        guard !request.isClientGone else { throw .clientGone }
        switch failure {
        case .routerLost:
            // What a prefill leg has handed over waits meanwhile, so the second half of an attempt is asked for elsewhere.
            guard question.isSecond else { throw AttemptFailure(.noWorker, .routerLost) }
            without.removeAll()
            return nil
        case .timedOut: throw AttemptFailure(.timeout, .planTimedOut)
        case .strange: throw AttemptFailure(.internalError, .planStrange)
        case .refused(let detail):
            if request.session?.canGoWithout(detail) ?? false { return router }
            guard detail.code.isOfTheRouter else { throw refused(question, detail) }
            without.append(router.identity?.generation ?? 0)
            if let other = frontend.cluster.router(for: routerKey, besides: without) { return other }
            // The last one leaves: its successor is waited for, as when it is lost.
            guard detail.code == .draining else { throw refused(question, detail) }
            return nil
        }
    }

    /// No place. For the second half of an attempt that is no last word on the request: another attempt is asked for anew, as a whole one too.
    private func refused(_ question: Question, _ detail: FailureDetail) -> AttemptFailure {
        let failure = AttemptFailure(detail, .planRefused, in: request.prepared.words)
        guard question.isSecond, detail.code != .invalidArgument else { return failure }
        return AttemptFailure(failure.failure, .planRefused)
    }

    @inline(never)
    private func ask(_ question: Question, _ router: RouterClient) throws(PlanFailure) -> RouterClient.Question {
        asked = router
        askedAt = loop.now
        missed = frontend.workers.unreachable + request.history.unreachable
        // A session that must be where it is bound has no other place.
        if frontend.workers.hasBarred, request.session == nil || frontend.sessions.settings.mode != .hard {
            barred = frontend.workers.bar(
                from: request.messages.pool, besides: request.history.excluded, pinned: request.prepared.pinnedWorkers)
        }
        do throws(PlanFailure) { return try router.ask(entry(question, request.trace.forRouter())) } catch {
            isPlanned([])
            throw error
        }
    }

    /// What was to be tried and is not is left to others, whyever there is no plan for it.
    private func isPlanned(_ legs: [PlanLeg]) {
        for client in barred.tried where !legs.contains(where: { $0.workerID == client.workerID }) {
            client.breaker.wasNotTried(at: loop.now)
        }
        barred = BarredWorkers()
    }

    /// A router that is there places it, or keeps it parked and says how that ends.
    private var limit: Instant { min(askedAt + patience + FrontendLimits.planMargin, request.deadline) }

    @inline(never)
    private func take(_ asked: RouterClient.Question, of question: Question, from router: RouterClient) throws(PlanFailure) -> Placed {
        patience = max(patience - askedAt.duration(to: loop.now), .zero)
        let plan: PlanEntry
        do throws(PlanFailure) { plan = try router.take(asked) } catch {
            isPlanned([])
            throw error
        }
        isPlanned(plan.legs)
        guard plan.outcome == (request.prepared.isQuestion ? .queryOnly : .placed), plan.fits(question.wish, isSecond: question.isSecond),
            plan.pool == request.messages.pool
        else {
            for leg in plan.legs where leg.lease != 0 { router.release(leg.lease(.neverDispatched)) }
            throw .strange
        }
        request.trace.spans?.planned(plan)
        request.record.hasPlan(plan)
        return Placed(router: router, plan: plan)
    }

    /// What a router is asked.
    func entry(_ question: Question, _ traceParent: String) -> RouteEntry {
        var entry = request.messages.question(
            question, request.released.choices, request.history, barred: barred.workers, unreachable: frontend.workers.unreachable,
            patience: patience, at: loop.now)
        if let session = request.session {
            entry.session = session.question(
                holdsSessions: frontend.cluster.holdsSessions(request.messages.pool, request.prepared.generation.model))
        }
        entry.traceParent = traceParent
        return entry
    }

    /// Waits, bounded, for a router to come back.
    private func router(besides lives: [UInt64] = []) async throws(AttemptFailure) -> RouterClient {
        let limit = min(loop.now + request.limits.routerReturn, request.deadline)
        while true {
            if let router = frontend.cluster.router(for: routerKey, besides: lives) { return router }
            guard loop.now < limit, !request.isClientGone else { throw AttemptFailure(.noWorker, .noRouter, isFinal: true) }
            await frontend.cluster.change(until: limit, change)
        }
    }

    // MARK: Workers

    /// Routers knew nobody else than workers that this frontend has lost its link to, as when it stood still itself, or the network did: a link
    /// that has just broken is waited for. True: it is there again.
    private func linkReturns(by limit: inout Instant?) async -> Bool {
        while !request.isClientGone {
            let returned = missed.filter { frontend.workers.reaches($0) && !request.history.excluded.contains($0) }
            for worker in returned { request.history.reached(worker) }
            guard returned.isEmpty else { return true }
            guard let expected = frontend.workers.linkExpected(to: request.messages.pool, besides: request.history.excluded) else {
                return false
            }
            let end = min(limit ?? expected, expected, request.deadline)
            limit = limit ?? end
            guard loop.now < end else { return false }
            await frontend.cluster.change(until: end, change)
        }
        return false
    }

    /// The worker of a leg, if there is a link to it now.
    func workerNow(of leg: PlanLeg) -> WorkerClient? {
        guard let worker = frontend.workers.client(leg.workerID, generation: leg.generation), worker.isOpen else { return nil }
        return worker
    }

    /// The worker of a plan, with a link to it. A plan may be ahead of the feed that names its worker, or of the link to it: then that is
    /// waited for; a worker whose link has failed is not.
    func worker(of leg: PlanLeg, until limit: Instant) async throws(AttemptFailure) -> WorkerClient {
        while true {
            guard !request.isClientGone else { throw .clientGone }
            let worker = frontend.workers.client(leg.workerID, generation: leg.generation)
            if let worker, worker.isOpen { return worker }
            guard loop.now < limit, !(worker?.hasFailed ?? false) else { throw notReached(leg.workerID) }
            await frontend.cluster.change(until: limit, change)
        }
    }

    func notReached(_ worker: UInt64) -> AttemptFailure {
        request.history.notReached(worker)
        return AttemptFailure(.workerLost, .unreachable)
    }
}

extension FailureCode {
    /// Whether another router may say otherwise, in the same attempt: one may have lost sight of workers that others still see, and one that
    /// leaves has placed nothing of what it refuses.
    fileprivate var isOfTheRouter: Bool { self == .noWorker || self == .unknownModel || self == .draining }
}
