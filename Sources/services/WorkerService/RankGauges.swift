import Telemetry
import WireProtocol

/// The load of one rank as metrics show it.
struct RankGauges: Sendable {
    /// Of all ranks.
    struct Families: Sendable {
        fileprivate let running: GaugeFamily
        fileprivate let waiting: GaugeFamily
        fileprivate let waitingTokens: GaugeFamily
        fileprivate let activeBlocks: GaugeFamily
        fileprivate let usedBlocks: GaugeFamily
        fileprivate let totalBlocks: GaugeFamily

        init(registry: MetricsRegistry) {
            func byRank(_ name: String, _ help: String) -> GaugeFamily {
                registry.gaugeFamily("apus_worker_\(name)", help: help, labels: ["rank"], seriesLimit: Limits.ranks)
            }
            running = byRank("running_requests", "Requests in a rank's batch.")
            waiting = byRank("waiting_requests", "Requests in a rank's queue.")
            waitingTokens = byRank("waiting_tokens", "Prefill tokens of a rank that are not computed yet.")
            activeBlocks = byRank("active_blocks", "KV blocks of a rank that requests hold.")
            usedBlocks = byRank("used_blocks", "KV blocks of a rank that requests hold or that are cached.")
            totalBlocks = byRank("total_blocks", "KV blocks of a rank.")
        }
    }

    private let running: Gauge
    private let waiting: Gauge
    private let waitingTokens: Gauge
    private let activeBlocks: Gauge
    private let usedBlocks: Gauge
    private let totalBlocks: Gauge

    init(_ families: Families, rank: UInt32) {
        let rank = String(rank)
        running = families.running.labels(rank)
        waiting = families.waiting.labels(rank)
        waitingTokens = families.waitingTokens.labels(rank)
        activeBlocks = families.activeBlocks.labels(rank)
        usedBlocks = families.usedBlocks.labels(rank)
        totalBlocks = families.totalBlocks.labels(rank)
    }

    func show(_ load: RankLoad) {
        running.set(Int(load.runningRequests))
        waiting.set(Int(load.waitingRequests))
        waitingTokens.set(Double(load.waitingTokens))
        activeBlocks.set(Int(load.activeBlocks))
        usedBlocks.set(Int(load.usedBlocks))
        totalBlocks.set(Int(load.totalBlocks))
    }
}
