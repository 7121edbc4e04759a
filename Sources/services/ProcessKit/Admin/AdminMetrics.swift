import Telemetry

/// What is told of the admin side's token.
struct AdminMetrics: Sendable {
    /// Why somebody was not let in.
    enum Refusal: String, CaseIterable, Sendable { case missing, wrong, limited }

    private let refusals: CounterFamily
    private let inForce: Gauge

    init(registry: MetricsRegistry) {
        refusals = registry.counterFamily(
            "apus_admin_refusals_total", help: "Requests to the admin side without its token, by why they were refused.",
            labels: ["reason"])
        inForce = registry.gauge(
            "apus_admin_token_file_in_force", help: "1 if the token's file as it stands is in force, 0 if an earlier one is.")
        for refusal in Refusal.allCases { _ = refusals.labels(refusal.rawValue) }
        // Where there is none, none is out of force.
        inForce.set(1)
    }

    func refused(_ refusal: Refusal) { refusals.labels(refusal.rawValue).increment() }
    func holds(_ isInForce: Bool) { inForce.set(isInForce ? 1 : 0) }
}
