import StreamFollowing
import Telemetry

/// What a router counts of other routers.
final class PeerMetrics: Sendable {
    let linked: Gauge
    private let gaps: Counter
    private let recoveries: CounterFamily
    private let leasesDropped: Counter

    init(registry: MetricsRegistry) {
        linked = registry.gauge("apus_router_peers", help: "Other routers with an open link.")
        gaps = registry.counter("apus_router_peer_stream_gaps_total", help: "Gaps found in the numbers of other routers' changes.")
        recoveries = registry.counterFamily(
            "apus_router_peer_stream_recoveries_total",
            help: "Recoveries of another router's stream, by outcome: by late_arrival, replay or snapshot, or failed.", labels: ["outcome"])
        leasesDropped = registry.counter(
            "apus_router_peer_leases_dropped_total", help: "Leases of other routers that ended because their router's beat was lost.")
    }

    func lost(leases: Int) { leasesDropped.increment(by: leases) }

    func noted(_ notice: StreamNotice) {
        switch notice {
        case .gap: gaps.increment()
        case .recovered(by: .lateArrival): recoveries.labels("late_arrival").increment()
        case .recovered(by: .replay): recoveries.labels("replay").increment()
        case .recovered(by: .snapshot): recoveries.labels("snapshot").increment()
        case .failed: recoveries.labels("failed").increment()
        case .malformed: break
        }
    }
}
