import ClusterModel
import EventLoop
import ProcessKit
import Scheduling
import Telemetry
import WireProtocol

/// The spans of one answer to a frontend: from the question's arrival to the plan, and under it the time in the queue.
@LoopActor
struct PlanSpans {
    private unowned let core: RouterCore
    private let tracer: Tracer

    init(_ core: RouterCore) {
        self.core = core
        tracer = core.context.tracer
    }

    /// `waited`: how long the question was parked before the decision that is the answer, which took `decided`.
    @inline(__always)
    func answered(_ entry: RouteEntry, origin: UInt64, _ plan: PlanEntry, waited: Duration = .zero, decided: Duration = .zero) {
        guard let place = tracer.place(under: entry.traceParent) else { return }
        record(place, RequestID(origin: origin, counter: entry.counter), entry, plan, waited, decided)
    }

    private func record(
        _ place: SpanPlace, _ request: RequestID, _ entry: RouteEntry, _ plan: PlanEntry, _ waited: Duration, _ decided: Duration
    ) {
        let clock = tracer.clock, end = core.loop.preciseNow, decisionAt = end - decided, start = decisionAt - waited
        var span = place.span("router.select_worker", .server, from: start, to: end, clock)
        span.set("request_id", .text(request.description))
        span.set("attempt", .count(entry.attempt))
        span.set("apus.outcome", .text("\(plan.outcome)"))
        span.set("apus.policy", .text(core.planner.policy.rawValue))
        span.set("apus.prompt_tokens", .count(entry.tokenCount))
        span.set("apus.hashes", .count(entry.sequenceHashes.count))
        span.set("apus.decision_ms", .milliseconds(decided))
        span.set("apus.parked", .count(core.queue.count))
        if let leg = plan.legs.last {
            span.set("worker_id", .id(leg.workerID))
            span.set("dp_rank", .count(leg.rank))
            span.set("phase", .text("\(leg.leg)"))
            span.set("overlap_blocks", .count(leg.deviceBlocks))
            span.set("prompt_blocks", .count(plan.promptBlocks))
            span.set("apus.lease", .id(leg.lease))
        }
        if let failure = plan.failure { span.status = .error(RouterMetrics.name(of: failure.code)) }
        tracer.record(span)
        guard waited > .zero else { return }
        tracer.record(place.child(tracer.makeID()).span("queue", .internal, from: start, to: decisionAt, clock))
    }
}
