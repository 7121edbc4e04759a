import Telemetry

/// What is counted of an engine's server.
struct ServerMetrics: Sendable {
    private let up: Gauge
    private let failures: CounterFamily

    init(registry: MetricsRegistry) {
        up = registry.gauge("apus_engine_server_up", help: "1 while the engine's server answers.")
        failures = registry.counterFamily(
            "apus_engine_server_failures_total", help: "Requests that failed at the engine's server, by what went wrong.",
            labels: ["kind"], seriesLimit: ServerProblem.kinds)
    }

    func up(_ isUp: Bool) { up.set(isUp ? 1 : 0) }
    func failed(_ problem: ServerProblem) { failures.labels(problem.kind).increment() }
}

extension ServerProblem {
    static let kinds = 5

    var kind: String {
        switch self {
        case .unanswered: "unanswered"
        case .refused: "refused"
        case .malformed: "malformed"
        case .failed: "failed"
        case .unsupported: "unsupported"
        }
    }
}
