import ClusterModel
import EventLoop
import ProcessKit
import Telemetry
import WireProtocol

/// The spans of one leg, built when it has ended: the leg, and under it what it spent its time on.
@LoopActor
struct LegSpans {
    private let request: OpenRequest
    private let place: SpanPlace
    private let tracer: Tracer

    init(_ request: OpenRequest, at place: SpanPlace, _ tracer: Tracer) {
        self.request = request
        self.place = place
        self.tracer = tracer
    }

    func record(_ end: WorkerCore.End, at now: Instant) {
        let clock = tracer.clock
        // What the engine says is as old as its step, and the clock of a turn may be older.
        let now = max(now, request.prefilledAt ?? now, request.lastTokenAt ?? now)
        var span = place.span("worker.generate", .server, from: request.receivedAt, to: now, clock)
        span.set("request_id", .text(request.id.description))
        span.set("attempt", .count(request.attempt))
        span.set("phase", .text("\(request.leg)"))
        span.set("dp_rank", .count(request.rank))
        span.set("apus.lease", .id(request.lease))
        span.set("apus.prompt_tokens", .count(request.promptTokens))
        span.set("apus.cached_tokens", .count(request.cachedTokens))
        span.set("apus.output_tokens", .count(request.outputTokens))
        span.set("apus.preemptions", .count(request.preemptions))
        span.set("apus.end", .text(WorkerMetrics.name(end.reason)))
        if request.transfer.sentBytes > 0 { span.set("apus.transfer_bytes", .count(request.transfer.sentBytes)) }
        if let failure = end.failure { span.status = .error(WorkerMetrics.name(failure.code)) }
        tracer.record(span)
        part("waiting", from: request.receivedAt, to: request.startedAt ?? now, clock)
        if let started = request.startedAt { part("prefill", from: started, to: request.prefilledAt ?? now, clock) }
        if let first = request.transfer.firstChunkAt { part("transfer", from: first, to: request.transfer.doneAt ?? now, clock) }
        // The first token comes of the step that ended the prefill.
        if let first = request.firstTokenAt { part("decode", from: first, to: request.lastTokenAt ?? first, clock) }
    }

    private func part(_ name: String, from start: Instant, to end: Instant, _ clock: SpanClock) {
        tracer.record(place.child(tracer.makeID()).span(name, .internal, from: start, to: end, clock))
    }
}
