import ClusterModel
import Telemetry
import WireProtocol

/// What routing costs a request, phase by phase: hashes are made by the frontend, which says what they took; the rest is this router's own work.
struct RoutingOverhead: Sendable {
    /// When phases were over, each counted from the moment at which the router took the request up.
    struct Reading {
        /// The prompt's blocks were looked for.
        var found: Duration
        /// Its place was booked.
        var decided: Duration
    }

    private let blockHashing: Histogram
    private let sequenceHashing: Histogram
    private let findMatches: Histogram
    private let scheduling: Histogram
    private let total: Histogram

    /// - Parameter router: this router's id, on all of them.
    init(registry: MetricsRegistry, router: UInt64) {
        let registry = registry.adding([MetricLabel("router_id", "\(router)")])
        func histogram(_ phase: String, _ help: String) -> Histogram {
            registry.histogram(registry.name("router_overhead_\(phase)_ms"), help: help, buckets: Buckets.routingOverheadMilliseconds)
        }
        blockHashing = histogram("block_hashing", "Time spent computing block hashes in milliseconds")
        findMatches = histogram("indexer_find_matches", "Time spent in indexer find_matches in milliseconds")
        sequenceHashing = histogram("seq_hashing", "Time spent computing sequence hashes in milliseconds")
        scheduling = histogram("scheduling", "Time spent in scheduler worker selection in milliseconds")
        total = histogram("total", "Total routing overhead per request in milliseconds")
    }

    /// Once a placed attempt. Readings that go backwards count as no time.
    func observe(_ entry: RouteEntry, _ reading: Reading) {
        let blocks = Duration.span(ofNanoseconds: Int64(entry.blockHashNanoseconds))
        let sequences = Duration.span(ofNanoseconds: Int64(entry.sequenceHashNanoseconds)), hashing = blocks + sequences
        blockHashing.observeMilliseconds(blocks)
        sequenceHashing.observeMilliseconds(sequences)
        findMatches.observeMilliseconds(max(reading.found, .zero))
        scheduling.observeMilliseconds(max(reading.decided - reading.found, .zero))
        total.observeMilliseconds(hashing + max(reading.decided, .zero))
    }
}
