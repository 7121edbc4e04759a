import ClusterModel
import EventLoop
import HTTPServing
import OpenAIDialect
import ProcessKit
import RequestTracking
import Telemetry
import TextProcessing
import Transport
import WireProtocol

/// The life of one client request, from its tokens to its last byte. It reads as the table of stages in `Sources/README.md`.
///
/// One task runs it, on the loop. Each wait has its own bound, and every way out of `run` gives back what the request held.
@LoopActor
final class RequestFlow {
    private let frontend: Frontend
    private let prepared: PreparedRequest
    private let active: ActiveRequest
    private let id: RequestID
    private let answer: ClientAnswer
    private let released: ReleasedAnswer
    private let messages: AttemptMessages
    private let session: RequestSession?
    private let trace: RequestTrace
    private let record: RequestRecord
    private let deadline: Instant
    private var history = AttemptHistory()
    /// Left of the time that it may be parked until a worker has it.
    private var patience: Duration
    private var placement: PlacementRef?
    /// A worker said what it found cached.
    private var cachedTokensFound = false
    private var loop: Loop { frontend.context.loop }
    private var limits: FrontendLimits { frontend.limits }
    private var hints: RoutingHints { prepared.generation.hints }
    /// Asked for a plan in this attempt: whoever must be told at once when the client leaves.
    private var asked: RouterClient?
    private lazy var routerKey = messages.routerKey(session: session?.client.key)
    /// Where the task waits for the cluster to change.
    private lazy var change = Signal(on: frontend.context.loop)

    init(
        _ prepared: PreparedRequest, id: RequestID, session: ClientSession?, trace: RequestTrace, record: RequestRecord,
        answer: ClientAnswer, frontend: Frontend
    ) {
        self.frontend = frontend
        self.trace = trace
        self.record = record
        self.prepared = prepared
        self.id = id
        self.answer = answer
        self.session = session.map { RequestSession($0, frontend.sessions) }
        deadline = answer.exchange.request.receivedAt + frontend.limits.total
        patience = frontend.limits.queue
        released = ReleasedAnswer(prepared, to: answer)
        messages = AttemptMessages(prepared, id: id, deadline: deadline, limits: frontend.limits)
        active = ActiveRequest(
            counter: id.counter, choices: prepared.choices, maxTokens: prepared.maxTokens,
            wantsLogprobs: prepared.sampling.topLogprobs != nil, loop: frontend.context.loop)
        answer.usage.promptTokens = prepared.prompt.count
        answer.exchange.whenGone = { [weak self] in self?.clientGone() }
    }

    // MARK: The request

    func run() async -> RequestOutcome {
        defer {
            answer.close()
            session?.ended { question(active.attempt, trace.forOthers()) }
        }
        if prepared.isQuestion { return await ask() }
        for attempt in 1...UInt8(clamping: limits.attempts) {
            active.begin(attempt: attempt)
            record.beginsAttempt()
            trace.spans?.beginsAttempt(attempt)
            let end = await run(attempt: attempt)
            trace.spans?.attemptEnded(end)
            switch end {
            case .finished:
                record.ends(tokens: answer.usage.completionTokens)
                answer.end()
                return outcome(status: 200, attempts: attempt)
            case .clientGone: return outcome(status: 499, attempts: attempt, failure: .cancelled)
            case .failed(let end):
                note(end, attempt)
                session?.attemptFailed(end.fault)
                if let last = last(end, attempt) { return fail(last, attempts: attempt) }
            }
        }
        return fail(ServiceFailure(.internalError), attempts: 0)  // a frontend of no attempts
    }

    /// The client asks only where its request would run.
    private func ask() async -> RequestOutcome {
        active.begin(attempt: 1)
        record.beginsAttempt()
        trace.spans?.beginsAttempt(1)
        do throws(AttemptFailure) {
            let (router, _) = try await plan(1)
            tellWorkers()
            await tellDecision(of: router, 1)
        } catch {
            trace.spans?.attemptEnded(active.isClientGone ? .clientGone : .failed(error))
            guard !active.isClientGone else { return outcome(status: 499, attempts: 1, failure: .cancelled) }
            return fail(error.failure, attempts: 1)
        }
        record.ends(tokens: 0)
        answer.conclude(prepared.prompt, choices: prepared.choices)
        return outcome(status: 200, attempts: 1)
    }

    /// Why this attempt runs where it does. What was told of an earlier one is no longer true.
    private func tellDecision(of router: RouterClient, _ attempt: UInt8) async {
        guard prepared.wantsDecision else { return }
        answer.toldAtEnd = []
        guard let decision = await router.explain(id, attempt: attempt, ordinals: true) else { return }
        answer.toldAtEnd = [.init(name: "decision", json: decision)]
    }

    private func note(_ end: AttemptFailure, _ attempt: UInt8) {
        frontend.metrics.attemptFailed(end.fault.rawValue)
        frontend.context.log.debug(
            "attempt failed",
            ["request": .text(id.description), "attempt": .integer(Int64(attempt)), "reason": .text(end.fault.rawValue)])
    }

    /// What the client is told, if that was the last attempt.
    private func last(_ end: AttemptFailure, _ attempt: UInt8) -> ServiceFailure? {
        if end.isFinal || Int(attempt) >= limits.attempts { return end.failure }
        // Another worker is no use to a request that is pinned to this one.
        if prepared.isPinned, history.rulesOut { return end.failure }
        return loop.now >= deadline ? ServiceFailure(.timeout) : nil
    }

    private func fail(_ failure: ServiceFailure, attempts: UInt8) -> RequestOutcome {
        let body = ErrorBody(failure, requestID: answer.requestID)
        answer.fail(body)
        return outcome(status: body.status, attempts: attempts, failure: failure.kind)
    }

    /// Whatever waits for this request is told at once; its task sees to the rest in this turn.
    private func clientGone() {
        guard !active.isClientGone else { return }
        active.clientGone()
        asked?.cancel(counter: id.counter, attempt: active.attempt)
        session?.clientGone()
        change.wake()
    }

    // MARK: An attempt

    private func run(attempt: UInt8) async -> AttemptEnd {
        let router: RouterClient, plan: PlanEntry
        asked = nil
        do throws(AttemptFailure) { (router, plan) = try await self.plan(attempt) } catch {
            return active.isClientGone ? .clientGone : .failed(error)
        }
        let leg = plan.legs[0]
        placement = PlacementRef(workerID: leg.workerID, rank: leg.rank)
        tellWorkers()
        await tellDecision(of: router, attempt)
        let worker = await worker(of: leg)
        guard !active.isClientGone else {
            router.release(leg.lease(.neverDispatched))
            return .clientGone
        }
        var entry = messages.entry(attempt, leg, plan, released.choices, history, at: loop.now)
        guard entry.mostBytes <= Limits.messageBytes else {
            router.release(leg.lease(.neverDispatched))
            if attempt > 1 { record.meter.isTooLongToMigrate() }
            return .failed(AttemptFailure(.internalError, .tooLong, isFinal: true))
        }
        if let session, let worker {
            do throws(AttemptFailure) {
                try await session.begin(at: worker, plan.session, &entry, until: min(loop.now + limits.dispatch, deadline))
            } catch {
                router.release(leg.lease(error.fault.lease))
                history.exclude(leg.workerID)
                return active.isClientGone ? .clientGone : .failed(error)
            }
            guard !active.isClientGone else {
                router.release(leg.lease(.neverDispatched))
                return .clientGone
            }
        }
        entry.traceParent = trace.forWorker()
        guard let worker, worker.generate(entry, for: active) else {
            router.release(leg.lease(.neverDispatched))
            history.notReached(leg.workerID)
            return .failed(AttemptFailure(.workerLost, .unreachable))
        }
        record.isSent()
        let end = await follow(worker, leg)
        // Whatever runs there still runs for nobody.
        switch end {
        case .finished: worker.forget(active)
        case .clientGone: worker.cancel(active, attempt: attempt, reason: .clientGone)
        case .failed(let failure):
            worker.cancel(active, attempt: attempt, reason: loop.now >= deadline ? .timedOut : .moved)
            router.release(leg.lease(failure.fault.lease))
        }
        return end
    }

    /// Told with every chunk from now on: where the prompt is computed and where the tokens come from.
    private func tellWorkers() { if prepared.wantsWorker { answer.told.workers = record.tracker.workerInfo?.json ?? [] } }

    /// A placement, and the router that booked it.
    private func plan(_ attempt: UInt8) async throws(AttemptFailure) -> (RouterClient, PlanEntry) {
        record.wantsPlan()
        defer { record.hasNoPlan() }
        var router = try await router(), without: [UInt64] = []
        while true {
            do throws(PlanFailure) { return (router, try await plan(attempt, from: router)) } catch {
                switch error {
                case .routerLost: throw AttemptFailure(.noWorker, .routerLost)
                case .timedOut: throw AttemptFailure(.timeout, .planTimedOut)
                case .strange: throw AttemptFailure(.internalError, .planStrange)
                case .refused(let detail):
                    if session?.canGoWithout(detail) ?? false { continue }
                    guard detail.code.isOfTheRouter, !active.isClientGone else { throw AttemptFailure(detail, .planRefused, of: hints) }
                    without.append(router.identity?.generation ?? 0)
                    if let other = frontend.cluster.router(for: routerKey, besides: without) {
                        router = other
                    } else if detail.code == .draining {
                        // The last one leaves: its successor is waited for, as when it is lost.
                        router = try await self.router(besides: without)
                    } else {
                        throw AttemptFailure(detail, .planRefused, of: hints)
                    }
                }
            }
        }
    }

    private func plan(_ attempt: UInt8, from router: RouterClient) async throws(PlanFailure) -> PlanEntry {
        asked = router
        let began = loop.now
        defer { patience = max(patience - began.duration(to: loop.now), .zero) }
        // A router that is there places it, or keeps it parked and says how that ends.
        let limit = min(began + patience + FrontendLimits.planMargin, deadline)
        let plan = try await router.plan(question(attempt, trace.forRouter()), until: limit)
        // One whole placement in this pool was asked for; whatever else was booked is of no use.
        guard plan.outcome == (prepared.isQuestion ? .queryOnly : .placed), plan.legs.count == 1, plan.legs[0].leg == .aggregated,
            plan.pool == messages.pool
        else {
            for leg in plan.legs where leg.lease != 0 { router.release(leg.lease(.neverDispatched)) }
            throw .strange
        }
        trace.spans?.planned(plan)
        record.hasPlan(plan)
        return plan
    }

    private func question(_ attempt: UInt8, _ traceParent: String) -> RouteEntry {
        var entry = messages.question(
            attempt, released.choices, history, unreachable: frontend.workers.unreachable, patience: patience, at: loop.now)
        if let session {
            entry.session = session.question(holdsSessions: frontend.cluster.holdsSessions(messages.pool, prepared.generation.model))
        }
        entry.traceParent = traceParent
        return entry
    }

    /// Waits, bounded, for a router to come back.
    private func router(besides lives: [UInt64] = []) async throws(AttemptFailure) -> RouterClient {
        let limit = min(loop.now + limits.routerReturn, deadline)
        while true {
            if let router = frontend.cluster.router(for: routerKey, besides: lives) { return router }
            guard loop.now < limit, !active.isClientGone else { throw AttemptFailure(.noWorker, .noRouter, isFinal: true) }
            await frontend.cluster.change(until: limit, change)
        }
    }

    /// The worker of a plan. A plan may be ahead of the feed that names its worker, or of the link to it: then that is waited for; a
    /// worker whose link has failed is not.
    private func worker(of leg: PlanLeg) async -> WorkerClient? {
        let limit = min(loop.now + limits.dispatch, deadline)
        while !active.isClientGone {
            let worker = frontend.workers.client(leg.workerID, generation: leg.generation)
            if let worker, worker.isOpen || worker.hasFailed { return worker }
            guard loop.now < limit else { return nil }
            await frontend.cluster.change(until: limit, change)
        }
        return nil
    }

    // MARK: What comes back

    private enum Wait { case acceptance, firstToken, nextToken }

    /// Follows the attempt at its worker to its end.
    private func follow(_ worker: WorkerClient, _ leg: PlanLeg) async -> AttemptEnd {
        var waitsFor = Wait.acceptance, due = loop.now + limits.dispatch
        var arrivals = Arrivals()
        while true {
            await active.next(&arrivals, until: min(due, deadline))
            if active.isClientGone { return .clientGone }
            // What came before the end of the link counts. Statuses and frames of one request are told apart by kind: a refusal has no frames,
            // an end comes after them.
            let hadToken = record.tracker.firstTokenAt != nil
            record.hears(arrivals, of: leg.leg.phase)
            if arrivals.isAccepted {
                trace.spans?.accepted()
                accepted(by: worker)
                answer.begin()
                patience = limits.queue
                if waitsFor == .acceptance { (waitsFor, due) = (.firstToken, loop.now + limits.firstToken) }
            }
            // What a later attempt finds cached may be of the answer.
            if arrivals.cachedTokens != nil { trace.spans?.started() }
            if let cached = arrivals.cachedTokens, !hadToken {
                cachedTokensFound = true
                answer.usage.cachedTokens = min(Int(cached), prepared.prompt.count)
            }
            if let refusal = arrivals.refusal { return .failed(refused(by: leg, refusal)) }
            if !arrivals.runs.isEmpty {
                answer.begin()
                if waitsFor != .nextToken { trace.spans?.hasToken() }
                waitsFor = .nextToken
                if let end = await release(arrivals, worker) { return end }
                due = loop.now + limits.silence
            }
            if let ended = arrivals.ended { return .failed(self.ended(ended, leg)) }
            if let loss = arrivals.loss { return .failed(lost(loss, leg)) }
            if loop.now >= deadline { return .failed(AttemptFailure(.timeout, .timedOut, isFinal: true)) }
            if loop.now >= due { return .failed(late(waitsFor, leg)) }
        }
    }

    /// Gives the client what came, as fast as it takes it. Meanwhile more waits as ids, and costs nobody else anything.
    private func release(_ arrivals: borrowing Arrivals, _ worker: WorkerClient) async -> AttemptEnd? {
        var place = ReleasedAnswer.Place()
        record.beginsBatch(choices: released.unfinished)
        defer { record.endsBatch(tokens: answer.usage.completionTokens) }
        while place.run < arrivals.runs.count {
            switch released.release(arrivals, at: &place) {
            case .fine: break
            case .stopped(let choice): worker.cancel(choice: choice, of: active)
            case .hole: return .failed(AttemptFailure(.internalError, .tokensLost))
            }
            if released.unfinished == 0 { return .finished }
            while answer.exchange.isBackedUp {
                // Cut off for being too far behind: its connection tells of it only at the end of the turn.
                if answer.exchange.isGone { clientGone() }
                if active.isClientGone { return .clientGone }
                if loop.now >= deadline { return .failed(AttemptFailure(.timeout, .timedOut, isFinal: true)) }
                record.waitsForClient()
                _ = await answer.exchange.roomToWrite(until: deadline)
                record.clientTookSome()
            }
        }
        return active.isClientGone ? .clientGone : nil
    }

    /// The client hears of its placement before it hears of its answer.
    private func accepted(by worker: WorkerClient) {
        guard let session else { return }
        session.accepted(by: worker)
        if let placement { answer.cookie = frontend.sessions.cookieField(for: session.client, at: placement) }
    }

    // MARK: How attempts fail

    private func late(_ waitsFor: Wait, _ leg: PlanLeg) -> AttemptFailure {
        history.exclude(leg.workerID)
        return switch waitsFor {
        case .acceptance: AttemptFailure(.workerLost, .notAccepted)
        case .firstToken: AttemptFailure(.timeout, .noFirstToken)
        case .nextToken: AttemptFailure(.timeout, .silent)
        }
    }

    private func refused(by leg: PlanLeg, _ refusal: RefusedStatus) -> AttemptFailure {
        if refusal.failure.code == .overbooked {
            history.refused(
                OverbookedReport(
                    workerID: leg.workerID, generation: leg.generation, rank: leg.rank, lease: leg.lease,
                    waitingTokens: refusal.load.waitingTokens, streamNumber: refusal.streamNumber))
        } else {
            history.exclude(leg.workerID)
        }
        return AttemptFailure(refusal.failure, .refused, of: hints)
    }

    private func lost(_ loss: WorkerLoss, _ leg: PlanLeg) -> AttemptFailure {
        history.exclude(leg.workerID)
        if case .diedYoung = loss, history.diedYoung() { return AttemptFailure(.quarantined, .workerLost, isFinal: true) }
        return AttemptFailure(.workerLost, .workerLost)
    }

    /// The worker's own limits are those of this side; that one ran out there a moment earlier makes no difference.
    private func ended(_ ended: EndedStatus, _ leg: PlanLeg) -> AttemptFailure {
        // Finished, and tokens are missing: the worker may well do it again.
        if ended.reason == .finished { return AttemptFailure(.internalError, .tokensLost) }
        history.exclude(leg.workerID)
        return switch ended.reason {
        case .timedOut: AttemptFailure(.timeout, .timedOut)
        case .failed: AttemptFailure(ended.failure ?? FailureDetail(), .engineFailed, of: hints)
        case .drained: AttemptFailure(.workerLost, .drained)
        default: AttemptFailure(.workerLost, .ended)
        }
    }

    private func outcome(status: Int, attempts: UInt8, failure: ServiceFailure.Kind? = nil) -> RequestOutcome {
        // Of what ended well the finish is there already, before its last bytes.
        if status != 200 { record.ends(tokens: answer.usage.completionTokens) }
        return RequestOutcome(
            status: status, attempts: attempts, failure: failure, usage: answer.usage, cachedTokensFound: cachedTokensFound,
            firstToken: record.tracker.timeToFirstToken ?? .zero, total: record.tracker.totalTime ?? .zero)
    }
}

extension FailureCode {
    /// Whether another router may say otherwise, in the same attempt: one may have lost sight of workers that others still see, and one that
    /// leaves has placed nothing of what it refuses.
    fileprivate var isOfTheRouter: Bool { self == .noWorker || self == .unknownModel || self == .draining }
}

/// How a request ended, for metrics and the frontend's stream.
struct RequestOutcome: Sendable {
    let status: Int
    let attempts: UInt8
    let failure: ServiceFailure.Kind?
    let usage: TokenUsage
    /// A worker said how many.
    let cachedTokensFound: Bool
    let firstToken: Duration
    let total: Duration
}
