import Telemetry

/// Workers that are given nothing, since they failed all they were given.
struct BreakerMetrics: Sendable {
    private let barred: Gauge
    private let changes: CounterFamily

    init(registry: MetricsRegistry) {
        barred = registry.gauge(
            "apus_frontend_workers_barred", help: "Workers that fail all they are given, and are given no more for now.")
        changes = registry.counterFamily(
            "apus_frontend_breaker_total", help: "Workers that were barred, tried by one request, or admitted again.", labels: ["event"])
    }

    func opened(_ count: Int) {
        changes.labels("barred").increment()
        show(count)
    }

    func closed(_ count: Int) {
        changes.labels("admitted").increment()
        show(count)
    }

    func tried() { changes.labels("tried").increment() }
    func show(_ count: Int) { barred.set(Double(count)) }
}
