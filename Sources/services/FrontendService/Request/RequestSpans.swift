import ClusterModel
import EventLoop
import HTTPServing
import OpenAIDialect
import ProcessKit
import Telemetry
import WireProtocol

/// The trace of one client request, as its frontend keeps it: instants on the way, spans at the end.
///
/// One span for the request, under it what was done before a router was asked, and for each attempt the question to the router and the run at
/// the worker, under which the parts of the run stand as this process saw them. Routers and workers put theirs under the question and the run.
@LoopActor
final class RequestSpans {
    private let tracer: Tracer
    private let place: SpanPlace
    private let receivedAt: Instant
    private let label: String?
    /// Once there is one.
    private var id: RequestID?
    /// Parts of attempts that are over, or were reached.
    private var parts: [Part] = []
    private var attempt: Attempt?

    /// Three attempts of some six parts; a request has no more.
    private static let usualParts = 8

    private struct Part {
        let name: String
        let place: SpanPlace
        let kind: Span.Kind
        let start: Instant
        let end: Instant
        var attributes: [(String, Span.Value?)] = []
        var failure: String?
    }

    /// The attempt that is under way.
    private struct Attempt {
        let number: UInt8
        /// Of the question to the router.
        let question: SpanPlace
        let run: SpanPlace
        let beganAt: Instant
        var plannedAt: Instant?
        var leg: PlanLeg?
        var sentAt: Instant?
        var acceptedAt: Instant?
        var startedAt: Instant?
        var firstTokenAt: Instant?
    }

    /// Nil: nobody here records it.
    init?(_ origin: Tracer.Origin, _ request: HTTPRequest, tracer: Tracer) {
        guard case .recorded(let place) = origin else { return nil }
        self.tracer = tracer
        self.place = place
        receivedAt = request.receivedAt
        label = request.requestLabel
    }

    private var now: Instant { tracer.loop.preciseNow }

    // MARK: On the way

    /// Tokens and hashes are there.
    func prepared(_ request: PreparedRequest, _ id: RequestID) {
        self.id = id
        let end = now, hashing = end - request.hashing, tokenizing = hashing - request.tokenizing
        add(
            "tokenize", from: max(receivedAt, tokenizing), to: max(receivedAt, hashing),
            [
                ("apus.prompt_tokens", .count(request.prompt.count)),
                ("apus.body_wait_ms", .milliseconds(receivedAt.duration(to: tokenizing))),
            ])
        add("hash", from: max(receivedAt, hashing), to: end, [("apus.prompt_blocks", .count(request.hashes.count))])
    }

    func beginsAttempt(_ number: UInt8) {
        attempt = Attempt(number: number, question: place.child(tracer.makeID()), run: place.child(tracer.makeID()), beganAt: now)
    }

    /// A router is asked; what it is told of the trace. In one attempt several may be, each of which refused but the last.
    func asked() -> String { attempt?.question.traceParent ?? "" }

    /// What those are told who are asked apart from any attempt.
    var traceParent: String { place.traceParent }

    /// A place was given.
    func planned(_ plan: PlanEntry) {
        guard var attempt else { return }
        let leg = plan.legs.last
        attempt.plannedAt = now
        attempt.leg = leg
        self.attempt = attempt
        parts.append(
            Part(
                name: Self.selectWorker, place: attempt.question, kind: .client, start: attempt.beganAt, end: now,
                attributes: ids(attempt, leg) + [
                    ("router_id", .id(plan.routerID)), ("prompt_blocks", .count(plan.promptBlocks)),
                    ("apus.queue_ms", .number(Double(plan.queueMicroseconds) / 1e3)),
                    ("apus.decision_ms", .number(Double(plan.decisionNanoseconds) / 1e6)),
                    ("apus.queue_depth", .count(plan.queueDepth)),
                ]))
    }

    /// The request leaves for its worker; what that is told of the trace.
    func sent() -> String {
        attempt?.sentAt = now
        return attempt?.run.traceParent ?? ""
    }

    func accepted() { mark(\.acceptedAt) }
    func started() { mark(\.startedAt) }
    func hasToken() { mark(\.firstTokenAt) }

    /// The first time counts.
    private func mark(_ moment: WritableKeyPath<Attempt, Instant?>) {
        guard attempt?[keyPath: moment] == nil else { return }
        attempt?[keyPath: moment] = now
    }

    /// The attempt is over.
    func attemptEnded(_ end: AttemptEnd) {
        guard let attempt else { return }
        self.attempt = nil
        let failure: String? =
            switch end {
            case .finished: nil
            case .clientGone: "client_gone"
            case .failed(let failure): failure.fault.rawValue
            }
        let end = now
        guard let planned = attempt.plannedAt else {
            // There was nobody to ask, nobody answered, or with a refusal.
            parts.append(
                Part(
                    name: Self.selectWorker, place: attempt.question, kind: .client, start: attempt.beganAt, end: end,
                    attributes: ids(attempt, nil), failure: failure))
            return
        }
        parts.append(
            Part(
                name: "kv_router.route_request", place: attempt.run, kind: .client, start: planned, end: end,
                attributes: ids(attempt, attempt.leg), failure: failure))
        addStages(of: attempt, from: planned, to: end, failure)
    }

    /// Each from where the last one ended that was reached, to the next that was; the one in which the attempt ended has what ended it.
    private func addStages(of attempt: Attempt, from planned: Instant, to end: Instant, _ failure: String?) {
        var start = planned, next = 0
        for (index, mark) in [attempt.acceptedAt, attempt.startedAt, attempt.firstTokenAt].enumerated() {
            guard let mark else { continue }
            addStage(index, of: attempt, from: start, to: mark)
            start = mark
            next = index + 1
        }
        addStage(next, of: attempt, from: start, to: end, failure)
    }

    private static let stages = ["dispatch", "worker_wait", "prefill", "decode"]

    private func addStage(_ index: Int, of attempt: Attempt, from start: Instant, to end: Instant, _ failure: String? = nil) {
        var attributes: [(String, Span.Value?)] = []
        // The link to the worker, and its word on the session, may be waited for first.
        if index == 0, let sent = attempt.sentAt { attributes = [("apus.send_wait_ms", .milliseconds(start.duration(to: sent)))] }
        add(Self.stages[index], under: attempt.run, from: start, to: end, attributes, failure)
    }

    /// What names the place of an attempt.
    private func ids(_ attempt: Attempt, _ leg: PlanLeg?) -> [(String, Span.Value?)] {
        let own: [(String, Span.Value?)] = [("request_id", id.map { .text($0.description) }), ("attempt", .count(attempt.number))]
        guard let leg else { return own }
        return own + [
            ("worker_id", .id(leg.workerID)), ("dp_rank", .count(leg.rank)), ("overlap_blocks", .count(leg.deviceBlocks)),
            ("phase", .text("\(leg.leg)")),
        ]
    }

    // MARK: The end

    /// Everything is over: the spans are built, and leave.
    func ended(_ route: String, status: Int, _ attributes: [(String, Span.Value?)] = []) {
        let clock = tracer.clock
        var span = place.span("POST \(route)", .server, from: receivedAt, to: now, clock)
        span.set("http.request.method", .text("POST"))
        span.set("http.route", .text(route))
        span.set("http.response.status_code", .count(status))
        span.set("request_id", id.map { .text($0.description) })
        span.set("x_request_id", label.map { .text($0) })
        for (key, value) in attributes { span.set(key, value) }
        if status >= 500 { span.status = .error("status \(status)") }
        tracer.record(span)
        for part in parts {
            var span = part.place.span(part.name, part.kind, from: part.start, to: part.end, clock)
            for (key, value) in part.attributes { span.set(key, value) }
            if let failure = part.failure { span.status = .error(failure) }
            tracer.record(span)
        }
        parts = []
    }

    /// The same of a request that ran.
    func ended(_ route: String, _ request: PreparedRequest, _ outcome: RequestOutcome) {
        ended(
            route, status: outcome.status,
            [
                ("gen_ai.request.model", .text(request.model.card.name)),
                ("gen_ai.usage.input_tokens", .count(outcome.usage.promptTokens)),
                ("gen_ai.usage.output_tokens", .count(outcome.usage.completionTokens)),
                ("apus.cached_tokens", .count(outcome.usage.cachedTokens)), ("apus.attempts", .count(outcome.attempts)),
                ("apus.streaming", .flag(request.delivery.isStreamed)), ("apus.choices", .count(request.choices)),
                ("apus.ttft_ms", outcome.firstToken > .zero ? .milliseconds(outcome.firstToken) : nil),
            ])
    }

    private static let selectWorker = "kv_router.select_worker"

    private func add(
        _ name: String, under parent: SpanPlace? = nil, from start: Instant, to end: Instant, _ attributes: [(String, Span.Value?)] = [],
        _ failure: String? = nil
    ) {
        if parts.isEmpty { parts.reserveCapacity(Self.usualParts) }
        parts.append(
            Part(
                name: name, place: (parent ?? place).child(tracer.makeID()), kind: .internal, start: start, end: end,
                attributes: attributes, failure: failure))
    }
}

/// What a request says of its trace to those who work for it.
@LoopActor
struct RequestTrace {
    /// Where this process records it.
    let spans: RequestSpans?
    /// Said where it does not: as the client did.
    private let foreign: String

    init(_ request: HTTPRequest, tracer: Tracer) {
        // More than one of them is none.
        let headers = request.headers, isGiven = headers.contains("traceparent")
        let given = isGiven ? headers.values(of: "traceparent") : []
        let origin = tracer.origin(given.count == 1 ? given[0] : nil)
        spans = RequestSpans(origin, request, tracer: tracer)
        if case .foreign(let parent) = origin { foreign = parent.text } else { foreign = "" }
    }

    func forRouter() -> String { spans?.asked() ?? foreign }
    func forWorker() -> String { spans?.sent() ?? foreign }
    /// For a question that is part of no attempt.
    func forOthers() -> String { spans?.traceParent ?? foreign }
}
