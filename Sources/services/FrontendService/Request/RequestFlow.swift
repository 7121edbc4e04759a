import ClusterModel
import EventLoop
import HTTPServing
import OpenAIDialect
import ProcessKit
import RequestTracking
import Telemetry
import WireProtocol

/// The life of one client request, from its tokens to its last byte. It reads as the table of stages in `Sources/README.md`; what one try of it
/// does stands in `Attempt`.
///
/// One task runs it, on the loop. Each wait has its own bound, and every way out of `run` gives back what the request held.
@LoopActor
final class RequestFlow {
    private let request: ClientRequest
    private let placing: Placing
    /// How the attempt before failed.
    private var before: ServiceFailure?
    private var prepared: PreparedRequest { request.prepared }
    private var answer: AnswerShare { request.answer }
    private var limits: FrontendLimits { request.limits }

    init(_ request: ClientRequest) {
        self.request = request
        placing = Placing(request)
        // Who is told holds who tells, until `run` has ended.
        request.answer.whenGone = { request.clientGone() }
        request.whenClientGone = { [placing] in placing.clientGone() }
    }

    // MARK: The request

    func run() async -> RequestOutcome {
        defer { close() }
        if request.isClientGone { return gone(attempts: 0) }
        if prepared.isQuestion { return await ask() }
        if !prepared.isSpeculative { request.frontend.retries.began(prepared.model.card.name) }
        for number in 1...UInt8(clamping: limits.attempts) {
            switch await Attempt(number, of: request, placing).run() {
            case .finished:
                request.record.ends(tokens: answer.usage.completionTokens)
                answer.end()
                return outcome(status: 200, attempts: number)
            case .clientGone: return gone(attempts: number)
            case .failed(let end):
                note(end, number)
                if let last = last(end, number) { return fail(last, attempts: number) }
            }
        }
        return fail(ServiceFailure(.internalError), attempts: 0)  // a frontend of no attempts
    }

    // What does not wait is never a part of what does: a task keeps to its end room for all that it held once.

    @inline(never)
    private func close() {
        answer.close()
        request.whenClientGone = nil
        request.session?.ended { placing.entry(Placing.Question(attempt: request.active.attempt), request.trace.forOthers()) }
    }

    /// The client asks only where its request would run.
    @inline(never)
    private func ask() async -> RequestOutcome {
        request.begin(attempt: 1)
        do throws(AttemptFailure) {
            let placed = try await placing.plan(Placing.Question(attempt: 1))
            for leg in placed.plan.legs { request.record.runs(leg, as: leg.leg) }
            request.tellWorkers()
            if prepared.wantsDecision { await request.tellDecision(of: placed.router, 1) }
        } catch {
            request.trace.spans?.attemptEnded(request.isClientGone ? .clientGone : .failed(error))
            guard !request.isClientGone else { return gone(attempts: 1) }
            return fail(error.failure, attempts: 1)
        }
        request.record.ends(tokens: 0)
        answer.conclude(prepared.prompt, choices: prepared.choices)
        return outcome(status: 200, attempts: 1)
    }

    // MARK: How it goes on

    @inline(never)
    private func note(_ end: AttemptFailure, _ attempt: UInt8) {
        if !prepared.isSpeculative { request.frontend.metrics.attemptFailed(end.fault.rawValue) }
        request.frontend.context.log.debug(
            "attempt failed",
            [
                "request": .text(request.id.description), "attempt": .integer(Int64(attempt)), "reason": .text(end.fault.rawValue),
            ])
    }

    /// What the client is told, if that was the last attempt.
    @inline(never)
    private func last(_ end: AttemptFailure, _ attempt: UInt8) -> ServiceFailure? {
        // Nobody is left besides those where it has been: what the last of them said is why.
        if let before, end.fault == .planRefused, end.failure.kind == .noWorker { return before }
        before = end.failure
        if end.isFinal || Int(attempt) >= limits.attempts { return end.failure }
        if request.history.rulesOut(prepared.pinnedWorkers) { return end.failure }
        // Whole on the prefill worker is not where a leg is pinned to.
        if end.fault == .noRoom, !prepared.pinnedWorkers.isEmpty { return end.failure }
        guard prepared.generation.mayContinue(after: answer.usage.completionTokens) else { return end.failure }
        if request.isLate { return ServiceFailure(.timeout) }
        // A barred worker was tried for the frontend's own sake, once in a while: no client's other attempts are spent on it.
        if request.history.takeTrial() { return nil }
        return end.isNobodys || request.frontend.retries.takes(prepared.model.card.name) ? nil : end.failure
    }

    // MARK: How it ends

    @inline(never)
    private func fail(_ failure: ServiceFailure, attempts: UInt8) -> RequestOutcome {
        let body = ErrorBody(failure, requestID: answer.requestID)
        answer.fail(body)
        return outcome(status: body.status, attempts: attempts, failure: failure.kind)
    }

    /// Nobody hears of it any more: the client has left, or was told that another request of its answer has failed.
    private func gone(attempts: UInt8) -> RequestOutcome {
        outcome(status: answer.failure?.status ?? 499, attempts: attempts, failure: .cancelled)
    }

    @inline(never)
    private func outcome(status: Int, attempts: UInt8, failure: ServiceFailure.Kind? = nil) -> RequestOutcome {
        // Of what ended well the finish is there already, before its last bytes.
        if status != 200 { request.record.ends(tokens: answer.usage.completionTokens) }
        let tracker = request.record.tracker
        return RequestOutcome(
            status: status, attempts: attempts, failure: failure, usage: answer.usage, wasTaken: request.active.wasTaken,
            cachedTokensFound: request.cachedTokensFound,
            firstToken: tracker.timeToFirstToken ?? .zero, total: tracker.totalTime ?? .zero)
    }
}

/// How a request ended, for metrics and the frontend's stream.
///
/// An object, since whoever holds it has room for it long before there is one.
final class RequestOutcome: Sendable {
    let status: Int
    let attempts: UInt8
    let failure: ServiceFailure.Kind?
    let usage: TokenUsage
    /// A worker has accepted it, in any of its attempts.
    let wasTaken: Bool
    /// A worker said how many.
    let cachedTokensFound: Bool
    let firstToken: Duration
    let total: Duration

    init(
        status: Int, attempts: UInt8, failure: ServiceFailure.Kind?, usage: TokenUsage, wasTaken: Bool, cachedTokensFound: Bool,
        firstToken: Duration, total: Duration
    ) {
        self.status = status
        self.attempts = attempts
        self.failure = failure
        self.usage = usage
        self.wasTaken = wasTaken
        self.cachedTokensFound = cachedTokensFound
        self.firstToken = firstToken
        self.total = total
    }
}
