import ClusterModel
import EventLoop
import Telemetry

/// What clients' requests saw of each router's placements in each pool: one labelled set for a router and a pool.
///
/// A set begins with zeros when both are known, and goes when either has been gone for a while.
@LoopActor
final class PoolMetrics {
    struct Key: Hashable {
        let router: UInt64
        let pool: Digest
    }

    private struct Known {
        let series: PoolSeries
        let labels: [String]
        var absentSince: Instant?
    }

    private let families: PoolFamilies
    private var known: [Key: Known] = [:]

    /// A router that restarts comes back under its id within seconds, and hears of its pools again: what was counted stays.
    static let linger = Duration.seconds(60)

    /// - Parameter cluster: the cluster's id, of which all series are.
    init(registry: MetricsRegistry, cluster: String) { families = PoolFamilies(registry, cluster: cluster) }

    /// Nil for a router or pool that no directory names.
    func series(router: UInt64, pool: Digest) -> PoolSeries? { known[Key(router: router, pool: pool)]?.series }

    /// Follows the directory: `present` are the routers that can be asked now, each with the cards that it knows.
    func follow(_ present: [(router: UInt64, cards: [(digest: Digest, name: String)])], at now: Instant) {
        var here: Set<Key> = []
        for (router, cards) in present {
            for card in cards {
                let key = Key(router: router, pool: card.digest)
                here.insert(key)
                if known[key] != nil {
                    known[key]?.absentSince = nil
                    continue
                }
                let labels = [card.name, "\(router)", PoolSeries.label(card.digest)]
                known[key] = Known(series: PoolSeries(families, labels), labels: labels)
            }
        }
        // Order: each is changed by itself.
        for (key, entry) in known where !here.contains(key) {
            let since = entry.absentSince ?? now
            known[key]?.absentSince = since
            guard since + Self.linger <= now else { continue }
            known[key] = nil
            families.remove(entry.labels)
        }
    }
}

/// The families of `PoolMetrics`.
struct PoolFamilies: Sendable {
    fileprivate let requests: CounterFamily
    fileprivate let firstToken: HistogramFamily
    fileprivate let interToken: HistogramFamily
    fileprivate let inputTokens: HistogramFamily
    fileprivate let outputTokens: HistogramFamily
    fileprivate let hitRate: HistogramFamily
    fileprivate let cacheTransfer: HistogramFamily

    /// `pool` tells two cards of one name apart, which `dynamo_component` alone would not.
    static let labels = ["dynamo_component", "router_id", "pool"]

    init(_ registry: MetricsRegistry, cluster: String) {
        let registry = registry.adding([MetricLabel("dynamo_namespace", cluster)])
        func histogram(_ name: String, _ help: String, _ buckets: [Double]) -> HistogramFamily {
            registry.histogramFamily(registry.name("component_router_\(name)"), help: help, labels: Self.labels, buckets: buckets)
        }
        requests = registry.counterFamily(
            registry.name("component_router_requests_total"), help: "Total number of requests processed by the router", labels: Self.labels)
        firstToken = histogram(
            "time_to_first_token_seconds", "Time to first token observed at the router", Buckets.logarithmic(.timeToFirstTokenSeconds))
        interToken = histogram(
            "inter_token_latency_seconds", "Average inter-token latency observed at the router",
            Buckets.logarithmic(.interTokenLatencySeconds))
        inputTokens = histogram(
            "input_sequence_tokens", "Input sequence length in tokens observed at the router", Buckets.logarithmic(.inputTokens))
        outputTokens = histogram(
            "output_sequence_tokens", "Output sequence length in tokens observed at the router", Buckets.logarithmic(.outputTokens))
        hitRate = histogram("kv_hit_rate", "Predicted KV cache hit rate at routing time (0.0-1.0)", Buckets.cacheHitRate)
        cacheTransfer = histogram(
            "kv_transfer_estimated_latency_seconds",
            "From the end of a prefill to the first token of its decode leg: at most this long took the transfer of its KV cache.",
            Buckets.logarithmic(.cacheTransferSeconds))
    }

    fileprivate func remove(_ labels: [String]) {
        for family in [firstToken, interToken, inputTokens, outputTokens, hitRate, cacheTransfer] {
            family.remove(labels[0], labels[1], labels[2])
        }
        requests.remove(labels[0], labels[1], labels[2])
    }
}

/// The handles of one router and pool.
final class PoolSeries: Sendable {
    let requests: Counter
    let firstToken: Histogram
    let interToken: Histogram
    let inputTokens: Histogram
    let outputTokens: Histogram
    let hitRate: Histogram
    let cacheTransfer: Histogram

    init(_ families: PoolFamilies, _ labels: [String]) {
        requests = families.requests.labels(labels[0], labels[1], labels[2])
        firstToken = families.firstToken.labels(labels[0], labels[1], labels[2])
        interToken = families.interToken.labels(labels[0], labels[1], labels[2])
        inputTokens = families.inputTokens.labels(labels[0], labels[1], labels[2])
        outputTokens = families.outputTokens.labels(labels[0], labels[1], labels[2])
        hitRate = families.hitRate.labels(labels[0], labels[1], labels[2])
        cacheTransfer = families.cacheTransfer.labels(labels[0], labels[1], labels[2])
    }

    /// The first half of the digest's first word tells the cards of one cluster apart.
    static func label(_ digest: Digest) -> String { String(digest.description.prefix(8)) }
}
