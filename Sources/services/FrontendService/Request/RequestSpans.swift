import ClusterModel
import EventLoop
import HTTPServing
import OpenAIDialect
import ProcessKit
import Telemetry
import WireProtocol

/// The trace of one client request, as its frontend keeps it: instants on the way, spans at the end.
///
/// One span for the request, under it what was done before a router was asked, and for each attempt the question to the router and the run of
/// each leg at its worker, under which the parts of the run stand as this process saw them. Routers and workers put theirs under the question
/// and the run.
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
        /// Of the question to the router; of a second one where the decode leg is placed later.
        var question: SpanPlace
        var askedAt: Instant
        var isPlanned = false
        var runs: [Run] = []
    }

    /// A leg, from its plan on.
    private struct Run {
        let placement: PlanLeg
        let place: SpanPlace
        let plannedAt: Instant
        var task: Leg
        var sentAt: Instant?
        var acceptedAt: Instant?
        var startedAt: Instant?
        var firstTokenAt: Instant?
        /// Its worker's last word, where that came before the attempt's end.
        var endedAt: Instant?
        var transferBytes: UInt64?
    }

    init(_ place: SpanPlace, _ request: HTTPRequest, tracer: Tracer) {
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
        let end = now, hashing = end - request.costs.hashing, tokenizing = hashing - request.costs.tokenizing
        add(
            "tokenize", from: max(receivedAt, tokenizing), to: max(receivedAt, hashing),
            [
                ("apus.prompt_tokens", .count(request.prompt.count)),
                ("apus.body_wait_ms", .milliseconds(receivedAt.duration(to: tokenizing))),
            ])
        add("hash", from: max(receivedAt, hashing), to: end, [("apus.prompt_blocks", .count(request.hashes.count))])
    }

    func beginsAttempt(_ number: UInt8) { attempt = Attempt(number: number, question: place.child(tracer.makeID()), askedAt: now) }

    /// The attempt wants a place for its second leg.
    func asksAgain() {
        attempt?.question = place.child(tracer.makeID())
        attempt?.askedAt = now
        attempt?.isPlanned = false
    }

    /// A router is asked; what it is told of the trace. For one place several may be, each of which refused but the last.
    func asked() -> String { attempt?.question.traceParent ?? "" }

    /// What those are told who are asked apart from any attempt.
    var traceParent: String { place.traceParent }

    /// Places were given.
    func planned(_ plan: PlanEntry) {
        guard var attempt else { return }
        let now = now
        attempt.isPlanned = true
        for leg in plan.legs {
            attempt.runs.append(Run(placement: leg, place: place.child(tracer.makeID()), plannedAt: now, task: leg.leg))
        }
        self.attempt = attempt
        parts.append(
            Part(
                name: Self.selectWorker, place: attempt.question, kind: .client, start: attempt.askedAt, end: now,
                attributes: ids(attempt, attempt.runs.last) + [
                    ("router_id", .id(plan.routerID)), ("prompt_blocks", .count(plan.promptBlocks)),
                    ("apus.queue_ms", .number(Double(plan.queueMicroseconds) / 1e3)),
                    ("apus.decision_ms", .number(Double(plan.decisionNanoseconds) / 1e6)),
                    ("apus.queue_depth", .count(plan.queueDepth)),
                ]))
    }

    /// A leg leaves for its worker; what that is told of the trace. One that no plan named is there from now on.
    func sent(_ placement: PlanLeg, as task: Leg) -> String {
        guard attempt != nil else { return "" }
        if index(of: placement) == nil {
            attempt?.runs.append(Run(placement: placement, place: place.child(tracer.makeID()), plannedAt: now, task: task))
        }
        guard let index = index(of: placement), let run = attempt?.runs[index] else { return "" }
        attempt?.runs[index].task = task
        attempt?.runs[index].sentAt = now
        return run.place.traceParent
    }

    private func index(of placement: PlanLeg) -> Int? { attempt?.runs.firstIndex { $0.placement == placement } }

    /// What a leg's worker says of it. Of each thing the first time counts.
    func hears(_ news: borrowing LegNews, of task: Leg) {
        guard let index = attempt?.runs.firstIndex(where: { $0.task == task && $0.sentAt != nil }), var run = attempt?.runs[index] else {
            return
        }
        if news.isAccepted { run.acceptedAt = run.acceptedAt ?? now }
        if news.cachedTokens != nil { run.startedAt = run.startedAt ?? now }
        if news.hasTokens { run.firstTokenAt = run.firstTokenAt ?? now }
        if let ended = news.ended, ended.reason == .handedOver {
            run.endedAt = now
            run.transferBytes = ended.transferBytes
        }
        attempt?.runs[index] = run
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
        if !attempt.isPlanned {
            // There was nobody to ask, nobody answered, or with a refusal.
            parts.append(
                Part(
                    name: Self.selectWorker, place: attempt.question, kind: .client, start: attempt.askedAt, end: end,
                    attributes: ids(attempt, nil), failure: failure))
        }
        for run in attempt.runs {
            // A leg that has done its part did not fail with the other one.
            let failure = run.endedAt == nil ? failure : nil, end = run.endedAt ?? end
            parts.append(
                Part(
                    name: "kv_router.route_request", place: run.place, kind: .client, start: run.plannedAt, end: end,
                    attributes: ids(attempt, run) + [("apus.transfer_bytes", run.transferBytes.map { .count($0) })], failure: failure))
            addStages(of: run, to: end, failure)
        }
    }

    /// Each from where the last one ended that was reached, to the next that was; the one in which the leg ended has what ended it.
    private func addStages(of run: Run, to end: Instant, _ failure: String?) {
        let stages = Self.stages(run.task)
        // A decode leg starts when the state is there: its wait holds the transfer.
        let marks = [run.acceptedAt, run.startedAt] + (run.task == .decode ? [] : [run.firstTokenAt])
        var start = run.plannedAt, next = 0
        for (index, mark) in marks.enumerated() {
            guard let mark else { continue }
            addStage(stages[index], of: run, from: start, to: mark)
            start = mark
            next = index + 1
        }
        addStage(stages[next], of: run, from: start, to: end, failure)
    }

    private static let dispatch = "dispatch"

    private static func stages(_ task: Leg) -> [String] {
        switch task {
        case .aggregated: [dispatch, "worker_wait", "prefill", "decode"]
        case .prefill: [dispatch, "worker_wait", "prefill", "transfer"]
        case .decode: [dispatch, "worker_wait", "decode"]
        }
    }

    private func addStage(_ name: String, of run: Run, from start: Instant, to end: Instant, _ failure: String? = nil) {
        var attributes: [(String, Span.Value?)] = []
        // The link to the worker, and its word on the session, may be waited for first.
        if name == Self.dispatch, let sent = run.sentAt { attributes = [("apus.send_wait_ms", .milliseconds(start.duration(to: sent)))] }
        add(name, under: run.place, from: start, to: end, attributes, failure)
    }

    /// What names the place of a leg.
    private func ids(_ attempt: Attempt, _ run: Run?) -> [(String, Span.Value?)] {
        let own: [(String, Span.Value?)] = [("request_id", id.map { .text($0.description) }), ("attempt", .count(attempt.number))]
        guard let run else { return own }
        let leg = run.placement
        return own + [
            ("worker_id", .id(leg.workerID)), ("dp_rank", .count(leg.rank)), ("overlap_blocks", .count(leg.deviceBlocks)),
            ("phase", .text("\(run.task)")),
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
        if case .recorded(let place) = origin { spans = RequestSpans(place, request, tracer: tracer) } else { spans = nil }
        if case .foreign(let parent) = origin { foreign = parent.text } else { foreign = "" }
    }

    /// Of what no client asked for.
    init() {
        spans = nil
        foreign = ""
    }

    func forRouter() -> String { spans?.asked() ?? foreign }
    func forWorker(_ placement: PlanLeg, as task: Leg) -> String { spans?.sent(placement, as: task) ?? foreign }
    /// For a question that is part of no attempt.
    func forOthers() -> String { spans?.traceParent ?? foreign }
}
