import Telemetry

/// What a router counts of its queue.
final class QueueMetrics: Sendable {
    /// How a parked request left.
    enum Exit: String, CaseIterable {
        case placed, failed, expired, cancelled, superseded
        case linkLost = "link_lost"
    }

    private let requests: GaugeFamily
    private let tokens: GaugeFamily
    private let drain: GaugeFamily
    let parked: Counter
    private let left: CounterFamily
    let tries: Counter
    let wait: Histogram

    init(registry: MetricsRegistry) {
        requests = registry.gaugeFamily("apus_router_queue_requests", help: "Requests parked, by model.", labels: ["model"])
        tokens = registry.gaugeFamily(
            "apus_router_queue_tokens", help: "Prompt tokens of the parked requests that are still to be computed, by model.",
            labels: ["model"])
        drain = registry.gaugeFamily(
            "apus_router_queue_drained_tokens_per_second", help: "Tokens placed out of the queue a second of late, by model.",
            labels: ["model"])
        parked = registry.counter("apus_router_queue_parked_total", help: "Requests that were parked.")
        left = registry.counterFamily(
            "apus_router_queue_left_total", help: "Requests that left the queue, by how: placed or not.", labels: ["how"])
        tries = registry.counter("apus_router_queue_tries_total", help: "Tries to place a parked request.")
        wait = registry.histogram(
            "apus_router_queue_wait_seconds", help: "Time that placed requests were parked.",
            buckets: [0.001, 0.0022, 0.0047, 0.01, 0.022, 0.047, 0.1, 0.22, 0.47, 1, 2.2, 4.7, 10, 22, 48, 100])
        for exit in Exit.allCases { _ = left.labels(exit.rawValue) }
    }

    func left(_ exit: Exit) { left.labels(exit.rawValue).increment() }

    func show(_ model: String, requests: Int, tokens: UInt64, rate: Double) {
        self.requests.labels(model).set(requests)
        self.tokens.labels(model).set(Double(tokens))
        drain.labels(model).set(rate)
    }

    func forget(_ model: String) {
        requests.remove(model)
        tokens.remove(model)
        drain.remove(model)
    }
}
