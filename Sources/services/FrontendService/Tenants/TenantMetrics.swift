import Telemetry

/// What is counted of tenants. Labels are names of the tenants' file and words of ours, never what a client wrote.
struct TenantMetrics: Sendable {
    /// How a request of a tenant ended.
    enum Outcome: String, CaseIterable, Sendable {
        case success, rejected, limited, cancelled, unavailable, failed

        init(status: Int) {
            self =
                switch status {
                case ..<400: .success
                case 429: .limited
                case 499: .cancelled
                case 503, 504: .unavailable
                case 500...: .failed
                default: .rejected
                }
        }
    }

    /// Why a request had no tenant.
    enum Stranger: String, CaseIterable, Sendable { case missing, malformed, unknown }
    /// What became of a look at the file. One is missed where the pool has no room for it.
    enum Reading: String, CaseIterable, Sendable { case taken, refused, unreadable, missed }
    /// Which of a tenant's limits it ran into.
    enum Limit: String, CaseIterable, Sendable { case tokens, running }

    let tenants: Gauge
    let fileInForce: Gauge
    let peers: Gauge
    private let readings: CounterFamily
    private let strangers: CounterFamily
    private let requests: CounterFamily
    private let tokens: CounterFamily
    private let limited: CounterFamily
    private let running: GaugeFamily
    private let cutPriorities: CounterFamily

    init(registry: MetricsRegistry) {
        let most = TenantLimits.tenants
        tenants = registry.gauge("apus_frontend_tenants", help: "Tenants of the file in force; 0 where none are configured.")
        fileInForce = registry.gauge(
            "apus_frontend_tenants_file_in_force", help: "1 if the tenants' file as it stands is in force, 0 if an earlier one is.")
        peers = registry.gauge("apus_frontend_tenant_peers", help: "Other frontends whose charges to tenants are heard.")
        readings = registry.counterFamily(
            "apus_frontend_tenants_file_readings_total",
            help: "Looks at the tenants' file that found a change, or could not be made, by what became of them.",
            labels: ["outcome"])
        strangers = registry.counterFamily(
            "apus_frontend_unauthenticated_total", help: "Requests without a key of any tenant, by what they had instead.",
            labels: ["reason"])
        requests = registry.counterFamily(
            "apus_frontend_tenant_requests_total", help: "Requests of tenants that ended, by outcome.", labels: ["tenant", "outcome"],
            seriesLimit: most * Outcome.allCases.count)
        tokens = registry.counterFamily(
            "apus_frontend_tenant_tokens_total", help: "Tokens charged to tenants: of prompts, and of answers.",
            labels: ["tenant", "kind"],
            seriesLimit: most * 2)
        limited = registry.counterFamily(
            "apus_frontend_tenant_limited_total", help: "Requests refused for a limit of their tenant.", labels: ["tenant", "limit"],
            seriesLimit: most * Limit.allCases.count)
        running = registry.gaugeFamily(
            "apus_frontend_tenant_requests_running", help: "Requests of tenants that run at this frontend.", labels: ["tenant"],
            seriesLimit: most)
        cutPriorities = registry.counterFamily(
            "apus_frontend_tenant_priorities_cut_total", help: "Requests that asked for more priority than their tenant may have.",
            labels: ["tenant"], seriesLimit: most)
    }

    func read(_ reading: Reading) { readings.labels(reading.rawValue).increment() }
    func turnedAway(_ stranger: Stranger) { strangers.labels(stranger.rawValue).increment() }

    func series(of tenant: String) -> TenantSeries {
        TenantSeries(
            requests: Dictionary(uniqueKeysWithValues: Outcome.allCases.map { ($0, requests.labels(tenant, $0.rawValue)) }),
            promptTokens: tokens.labels(tenant, "prompt"), outputTokens: tokens.labels(tenant, "output"),
            limited: Dictionary(uniqueKeysWithValues: Limit.allCases.map { ($0, limited.labels(tenant, $0.rawValue)) }),
            running: running.labels(tenant), cutPriorities: cutPriorities.labels(tenant))
    }

    /// The tenant is no more: what its last requests count is not shown.
    func remove(_ tenant: String) {
        for family in [requests, tokens, limited, cutPriorities] { family.removeAll(where: "tenant", is: tenant) }
        running.remove(tenant)
    }
}

/// The counters of one tenant.
struct TenantSeries: Sendable {
    fileprivate let requests: [TenantMetrics.Outcome: Counter]
    let promptTokens: Counter
    let outputTokens: Counter
    fileprivate let limited: [TenantMetrics.Limit: Counter]
    let running: Gauge
    let cutPriorities: Counter

    func ended(_ outcome: TenantMetrics.Outcome) { requests[outcome]?.increment() }
    func limited(by limit: TenantMetrics.Limit) { limited[limit]?.increment() }
}
