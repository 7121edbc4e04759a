import Telemetry
import WireProtocol

/// What a router counts of sessions.
final class SessionMetrics: Sendable {
    let bound: Gauge
    let conflicts: Counter
    let unmirrored: Counter
    let closed: Counter
    private let outcomes: [SessionOutcome: Counter]

    init(registry: MetricsRegistry) {
        bound = registry.gauge("apus_router_sessions", help: "Sessions that are bound to a worker, as the workers told.")
        conflicts = registry.counter(
            "apus_router_session_conflicts_total", help: "Bindings that another worker's binding of the same session has overruled.")
        unmirrored = registry.counter(
            "apus_router_sessions_unmirrored_total", help: "Words of workers about sessions for which there was no room here.")
        closed = registry.counter(
            "apus_router_sessions_closed_total", help: "Sessions that were closed here for clients whose frontend could not.")
        let family = registry.counterFamily(
            "apus_router_session_plans_total",
            help: "Requests with a session that were placed: where it is bound, spilled from there, after it was lost, or unbound.",
            labels: ["outcome"])
        outcomes = [
            .none: family.labels("unbound"), .bound: family.labels("bound"), .spilled: family.labels("spilled"),
            .lost: family.labels("lost"),
        ]
    }

    func placed(_ outcome: SessionOutcome) { outcomes[outcome]?.increment() }
}
