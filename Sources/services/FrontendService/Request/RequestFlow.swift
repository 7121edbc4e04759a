import ClusterModel
import EventLoop
import HTTPServing
import OpenAIDialect
import ProcessKit
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
    private var choices: [ChoiceOutput]
    private var textBytes: [UInt8] = []
    private var logprobs = LogprobsBuffer()
    private let receivedAt: Instant
    private let deadline: Instant
    private var excluded: [UInt64] = []
    private var unreachable: [UInt64] = []
    private var overbooked: [OverbookedReport] = []
    private var firstTokenAt: Instant?
    private var pool: Digest { prepared.model.card.digest }
    private var placement: PlacementRef?
    private var loop: Loop { frontend.context.loop }
    /// Whoever must be told at once when the client leaves while a plan is asked for.
    private var asking: RouterClient?

    init(_ prepared: PreparedRequest, id: RequestID, answer: ClientAnswer, frontend: Frontend) {
        self.frontend = frontend
        self.prepared = prepared
        self.id = id
        self.answer = answer
        receivedAt = answer.exchange.request.receivedAt
        deadline = receivedAt + frontend.limits.total
        let vocabulary = prepared.model.text.vocabulary
        choices = (0..<prepared.choices).map {
            ChoiceOutput(index: UInt8($0), vocabulary: vocabulary, sampling: prepared.generation.sampling)
        }
        active = ActiveRequest(
            counter: id.counter, tokenLimit: (prepared.maxTokens + 1) * prepared.choices, loop: frontend.context.loop)
        answer.usage.promptTokens = prepared.prompt.count
        answer.exchange.whenGone = { [weak self] in self?.clientGone() }
    }

    // MARK: The request

    func run() async -> RequestOutcome {
        var last = ServiceFailure(.internalError)
        for attempt in 1...UInt8(frontend.limits.attempts) {
            active.begin(attempt: attempt)
            switch await run(attempt: attempt) {
            case .finished:
                answer.end()
                return outcome(status: 200, attempts: attempt)
            case .clientGone: return outcome(status: 499, attempts: attempt, failure: .cancelled)
            case .failed(let failure): return fail(failure, attempts: attempt)
            case .again(let failure, let reason):
                frontend.metrics.attemptFailed(reason)
                frontend.context.log.debug(
                    "attempt failed",
                    ["request": .text(id.description), "attempt": .integer(Int64(attempt)), "reason": .text(reason)])
                last = failure
            }
            if loop.now >= deadline { return fail(ServiceFailure(.timeout), attempts: attempt) }
        }
        return fail(last, attempts: UInt8(frontend.limits.attempts))
    }

    private func fail(_ failure: ServiceFailure, attempts: UInt8) -> RequestOutcome {
        let body = ErrorBody(failure, requestID: answer.requestID)
        answer.fail(body)
        return outcome(status: body.status, attempts: attempts, failure: failure.kind)
    }

    private func clientGone() {
        active.clientGone()
        asking?.cancel(counter: id.counter, attempt: active.attempt)
    }

    // MARK: An attempt

    private enum AttemptEnd {
        case finished
        case clientGone
        /// No other attempt would do better.
        case failed(ServiceFailure)
        /// Another worker or router may; the word is for metrics.
        case again(ServiceFailure, String)
    }

    private func run(attempt: UInt8) async -> AttemptEnd {
        let dispatchDeadline = min(loop.now + frontend.limits.dispatch, deadline)
        let router: RouterClient, plan: PlanEntry
        switch await self.plan(attempt, until: dispatchDeadline) {
        case .failure(let end): return end.value
        case .success(let found): (router, plan) = found
        }
        guard let leg = plan.legs.first else { return .failed(ServiceFailure(.internalError)) }
        placement = PlacementRef(workerID: leg.workerID, rank: leg.rank)
        let lease = EndedLease(
            lease: leg.lease, workerID: leg.workerID, generation: leg.generation, rank: leg.rank, reason: .neverDispatched)
        guard !active.isClientGone else {
            router.release(lease)
            return .clientGone
        }
        guard let worker = frontend.workers.client(leg.workerID, generation: leg.generation),
            worker.generate(entry(attempt, leg, plan), for: active)
        else {
            router.release(lease)
            unreachable.append(leg.workerID)
            return .again(ServiceFailure(.workerLost), "unreachable")
        }
        let end = await follow(worker, leg, acceptBy: dispatchDeadline)
        // Whatever runs there still runs for nobody.
        switch end {
        case .finished: worker.ended(active, attempt: attempt, hasFinished: choices.allSatisfy { !$0.stoppedHere })
        case .clientGone: worker.cancel(active, attempt: attempt, reason: .clientGone)
        case .failed: worker.cancel(active, attempt: attempt, reason: .timedOut)
        case .again(_, let reason):
            worker.cancel(active, attempt: attempt, reason: .moved)
            if reason == "refused" || reason == "worker_lost" {
                router.release(EndedLease(
                    lease: leg.lease, workerID: leg.workerID, generation: leg.generation, rank: leg.rank,
                    reason: reason == "refused" ? .refused : .workerLost))
            }
        }
        return end
    }

    /// A way out of a step that has no result.
    private struct Stop: Error {
        let value: AttemptEnd
    }

    private func plan(_ attempt: UInt8, until deadline: Instant) async -> Result<(RouterClient, PlanEntry), Stop> {
        let waitLimit = min(loop.now + frontend.limits.routerReturn, self.deadline)
        var router = frontend.cluster.router()
        while router == nil {
            guard loop.now < waitLimit else { return .failure(Stop(value: .failed(ServiceFailure(.noWorker)))) }
            await frontend.cluster.change(until: min(waitLimit, loop.now + ClusterView.lookAgain), on: loop)
            if active.isClientGone { return .failure(Stop(value: .clientGone)) }
            router = frontend.cluster.router()
        }
        defer { asking = nil }
        var asked: [RouterClient] = []
        while let present = router {
            asking = present
            asked.append(present)
            do throws(PlanFailure) {
                let limit = max(deadline, min(loop.now + frontend.limits.dispatch, self.deadline))
                return .success((present, try await present.plan(question(attempt), until: limit)))
            } catch {
                if active.isClientGone { return .failure(Stop(value: .clientGone)) }
                switch error {
                case .routerLost: return .failure(Stop(value: .again(ServiceFailure(.noWorker), "router_lost")))
                case .timedOut: return .failure(Stop(value: .again(ServiceFailure(.timeout), "plan_timed_out")))
                case .refused(let detail):
                    // A router may have lost sight of workers that others still see.
                    router = [.noWorker, .unknownModel].contains(detail.code) ? frontend.cluster.router(besides: asked) : nil
                    if router == nil { return .failure(Stop(value: refused(detail, "plan_refused"))) }
                }
            }
        }
        return .failure(Stop(value: .failed(ServiceFailure(.noWorker))))
    }

    /// Another attempt where the specification says *elsewhere*.
    private func refused(_ detail: FailureDetail, _ reason: String) -> AttemptEnd {
        // The model was there when the request came: its last worker left, and may come back.
        if detail.code == .unknownModel { return .failed(ServiceFailure(.noWorker)) }
        let failure = ServiceFailure(
            wireCode: detail.code.rawValue, field: detail.field, reason: detail.reason,
            retryAfterMilliseconds: detail.retryAfterMilliseconds)
        return detail.code.isRetryableElsewhere ? .again(failure, reason) : .failed(failure)
    }

    // MARK: What comes back

    /// Follows the attempt at its worker to its end.
    private func follow(_ worker: WorkerClient, _ leg: PlanLeg, acceptBy: Instant) async -> AttemptEnd {
        var waitsFor = Wait.acceptance, due = acceptBy
        var arrivals = Arrivals()
        while true {
            var until = min(due, deadline)
            if let keepaliveAt = answer.keepaliveAt { until = min(until, keepaliveAt) }
            await active.next(&arrivals, until: until)
            if active.isClientGone { return .clientGone }
            if arrivals.isEmpty {
                if let late = lateness(waitsFor, due: due, leg) { return late }
                if let keepaliveAt = answer.keepaliveAt, loop.now >= keepaliveAt { answer.keepAlive() }
                continue
            }
            // What came before the end of the link counts, in its order: statuses and frames of one request are told apart by kind.
            for status in arrivals.statuses {
                switch status {
                case .acceptedStatus:
                    answer.begin()
                    if waitsFor == .acceptance { (waitsFor, due) = (.firstToken, loop.now + frontend.limits.firstToken) }
                case .startedStatus(let started): answer.usage.cachedTokens = Int(started.cachedTokens)
                case .refusedStatus(let refusal): return refused(by: leg, refusal)
                default: break
                }
            }
            if !arrivals.runs.isEmpty {
                answer.begin()
                (waitsFor, due) = (.nextToken, loop.now + frontend.limits.silence)
                if let end = release(arrivals, worker) { return end }
                if choices.allSatisfy(\.isFinished) { return .finished }
            }
            for case .endedStatus(let ended) in arrivals.statuses { return self.ended(ended, leg) }
            if arrivals.isWorkerLost {
                excluded.append(leg.workerID)
                return .again(ServiceFailure(.workerLost), "worker_lost")
            }
            // A client that does not read holds its tokens here as ids, and costs nobody else anything.
            while answer.exchange.isBackedUp, !active.isClientGone {
                _ = await answer.exchange.roomToWrite(until: deadline)
                if loop.now >= deadline { return .failed(ServiceFailure(.timeout)) }
                due = loop.now + frontend.limits.silence
            }
            if active.isClientGone { return .clientGone }
        }
    }

    private enum Wait { case acceptance, firstToken, nextToken }

    /// How the attempt ends if nothing came until now, or nil if something still may.
    private func lateness(_ waitsFor: Wait, due: Instant, _ leg: PlanLeg) -> AttemptEnd? {
        if loop.now >= deadline { return .failed(ServiceFailure(.timeout)) }
        guard loop.now >= due else { return nil }
        excluded.append(leg.workerID)
        switch waitsFor {
        case .acceptance: return .again(ServiceFailure(.workerLost), "not_accepted")
        case .firstToken: return .again(ServiceFailure(.timeout), "no_first_token")
        case .nextToken: return .again(ServiceFailure(.timeout), "silent")
        }
    }

    private func refused(by leg: PlanLeg, _ refusal: RefusedStatus) -> AttemptEnd {
        if refusal.failure.code == .overbooked {
            overbooked.append(
                OverbookedReport(
                    workerID: leg.workerID, generation: leg.generation, rank: leg.rank, lease: leg.lease,
                    waitingTokens: refusal.load.waitingTokens, streamNumber: refusal.streamNumber))
        } else {
            excluded.append(leg.workerID)
        }
        return refused(refusal.failure, "refused")
    }

    private func ended(_ ended: EndedStatus, _ leg: PlanLeg) -> AttemptEnd {
        switch ended.reason {
        case .timedOut: return .failed(ServiceFailure(.timeout))
        case .failed:
            excluded.append(leg.workerID)
            return refused(ended.failure ?? FailureDetail(), "engine_failed")
        case .finished: return .again(ServiceFailure(.internalError), "tokens_lost")
        default:
            excluded.append(leg.workerID)
            return .again(ServiceFailure(.workerLost), ended.reason == .drained ? "drained" : "ended")
        }
    }

    /// Gives the client what came; an end if tokens are missing.
    private func release(_ arrivals: borrowing Arrivals, _ worker: WorkerClient) -> AttemptEnd? {
        var offset = 0, logprobOffset = 0
        for run in arrivals.runs {
            let tokens = arrivals.tokens[offset..<offset + run.count]
            offset += run.count
            guard Int(run.choice) < choices.count else { return .again(ServiceFailure(.internalError), "unknown_choice") }
            textBytes.removeAll(keepingCapacity: true)
            let before = choices[Int(run.choice)].shown.count
            switch choices[Int(run.choice)].release(run, of: tokens, to: &textBytes) {
            case .nothing: break
            case .hole: return .again(ServiceFailure(.internalError), "tokens_lost")
            case .tokens(let count, let finish):
                noteFirstToken()
                answer.usage.completionTokens += count
                if !choices[Int(run.choice)].isOpened {
                    choices[Int(run.choice)].isOpened = true
                    answer.open(choice: run.choice)
                }
                write(run, tokens.suffix(choices[Int(run.choice)].shown.count - before).prefix(count), arrivals, logprobOffset)
                if let finish {
                    answer.finish(choice: run.choice, finish)
                    if choices[Int(run.choice)].stoppedHere { worker.cancel(choice: run.choice, of: active) }
                }
            }
            logprobOffset += arrivals.logprobs.isEmpty ? 0 : run.count
        }
        return nil
    }

    private func write(_ run: Arrivals.Run, _ tokens: ArraySlice<TokenID>, _ arrivals: borrowing Arrivals, _ logprobOffset: Int) {
        guard prepared.sampling.topLogprobs != nil, arrivals.logprobs.count >= logprobOffset + run.count else {
            return answer.text(choice: run.choice, textBytes, logprobs: nil)
        }
        let skipped = run.count - tokens.count
        let vocabulary = prepared.model.text.vocabulary
        let entries = arrivals.logprobs[(logprobOffset + max(0, skipped))..<(logprobOffset + run.count)]
        func fill(_ buffer: inout LogprobsBuffer) {
            for (token, entry) in zip(tokens, entries) {
                buffer.append(logprob: entry.chosen) { vocabulary.append(token, to: &$0) }
                for other in entry.top { buffer.appendAlternative(logprob: other.logprob) { vocabulary.append(other.token, to: &$0) } }
            }
        }
        guard answer.isStreamed else {
            answer.withBodyLogprobs(choice: run.choice, fill)
            return answer.text(choice: run.choice, textBytes, logprobs: nil)
        }
        logprobs.removeAll()
        fill(&logprobs)
        answer.text(choice: run.choice, textBytes, logprobs: logprobs)
    }

    private func noteFirstToken() {
        guard firstTokenAt == nil else { return }
        firstTokenAt = loop.now
        frontend.metrics.firstToken(model: prepared.model.card.name, after: receivedAt.duration(to: loop.now))
    }

    // MARK: Messages

    private var shownCount: Int { choices.map(\.shown.count).max() ?? 0 }

    private func question(_ attempt: UInt8) -> RouteEntry {
        var entry = RouteEntry()
        entry.counter = id.counter
        entry.attempt = attempt
        entry.choices = UInt8(prepared.choices)
        entry.model = prepared.generation.model
        // The prompt was made for this card: another pool could not run it.
        entry.pool = PoolRef(digest: pool)
        entry.blockSize = prepared.model.card.blockSize
        entry.tokenCount = UInt32(prepared.prompt.count + shownCount)
        entry.maxTokens = prepared.sampling.maxTokens
        entry.sequenceHashes = prepared.hashes.prefix(Limits.promptBlocks).map(\.rawValue)
        entry.remainingMilliseconds = loop.now.duration(to: deadline).wireMilliseconds
        entry.tokenizeAndHash(prepared)
        entry.options = RoutingOptions(prepared.generation.hints)
        entry.options.excludedWorkers = Array(Set(excluded)).sorted()
        entry.options.unreachableWorkers = Array(Set(unreachable + frontend.workers.unreachable)).sorted()
        entry.overbooked = Array(overbooked.suffix(Limits.overbookedReports))
        return entry
    }

    private func entry(_ attempt: UInt8, _ leg: PlanLeg, _ plan: PlanEntry) -> GenerateEntry {
        var entry = GenerateEntry()
        entry.counter = id.counter
        entry.attempt = attempt
        entry.choices = UInt8(prepared.choices)
        entry.leg = leg.leg
        entry.rank = leg.rank
        entry.lease = leg.lease
        entry.routerID = plan.routerID
        entry.refuseOverbooked = overbooked.isEmpty
        entry.waitingTokens = leg.waitingTokens
        entry.streamNumber = leg.streamNumber
        entry.remainingMilliseconds = loop.now.duration(to: deadline).wireMilliseconds
        entry.firstTokenMilliseconds = frontend.limits.firstToken.wireMilliseconds
        entry.silenceMilliseconds = frontend.limits.silence.wireMilliseconds
        entry.pool = pool
        entry.priority = Float(prepared.generation.hints.priority ?? 0)
        entry.promptTokens = prepared.prompt
        entry.sampling = prepared.sampling
        entry.expectedOutputTokens = prepared.generation.hints.expectedOutputTokens
        if shownCount > 0 { entry.continuation = choices.map(continued) }
        return entry
    }

    private func continued(_ choice: ChoiceOutput) -> ContinuedChoice {
        let shown = UInt32(choice.shown.count), most = prepared.sampling.maxTokens, least = prepared.sampling.minTokens
        return ContinuedChoice(
            choice: choice.index, finished: choice.isFinished, shownTokens: choice.shown,
            remainingMaxTokens: most == 0 ? 0 : most - min(most, shown), remainingMinTokens: least - min(least, shown),
            penaltyOrigin: UInt32(prepared.prompt.count), logprobOffset: shown, stopState: [])
    }

    private func outcome(status: Int, attempts: UInt8, failure: ServiceFailure.Kind? = nil) -> RequestOutcome {
        RequestOutcome(
            status: status, attempts: attempts, failure: failure, usage: answer.usage, placement: placement,
            firstToken: firstTokenAt.map { receivedAt.duration(to: $0) } ?? .zero, total: receivedAt.duration(to: loop.now))
    }
}

/// How a request ended, for metrics and the frontend's stream.
struct RequestOutcome: Sendable {
    let status: Int
    let attempts: UInt8
    let failure: ServiceFailure.Kind?
    let usage: TokenUsage
    let placement: PlacementRef?
    let firstToken: Duration
    let total: Duration
}
