import Telemetry

/// What a worker counts of the events of its engine.
final class EngineEventMetrics: Sendable {
    private let batches: Counter
    private let duplicates: Counter
    private let blocks: Gauge
    private let following: Gauge
    private let replays: Counter
    private let failures: Counter
    private let clears: [Counter]
    private let omitted: [Counter]

    init(registry: MetricsRegistry, rank: String) {
        func counter(_ name: String, _ help: String) -> Counter {
            registry.counterFamily("apus_worker_engine_events_\(name)", help: help, labels: ["rank"]).labels(rank)
        }
        func gauge(_ name: String, _ help: String) -> Gauge {
            registry.gaugeFamily("apus_worker_engine_events_\(name)", help: help, labels: ["rank"]).labels(rank)
        }
        batches = counter("batches_total", "Batches of cache events that were taken from the engine.")
        duplicates = counter("duplicates_total", "Batches that came twice.")
        blocks = gauge("blocks", "Blocks of the engine's cache that are followed.")
        following = gauge("following", "1 while the engine's events are followed, 0 while they cannot be had or are made up for.")
        replays = counter("replays_total", "Times that the engine was asked for past batches.")
        failures = counter("failures_total", "Connections to the engine's events that failed or ended.")
        let clears = registry.counterFamily(
            "apus_worker_engine_events_clears_total", help: "Times that the engine's cache had to be taken for empty, by the cause.",
            labels: ["rank", "cause"])
        self.clears = EventSequence.ClearReason.allCases.map { clears.labels(rank, $0.rawValue) }
        let omitted = registry.counterFamily(
            "apus_worker_engine_events_omitted_total", help: "Blocks in the engine's events that could not be placed, by the cause.",
            labels: ["rank", "cause"])
        self.omitted = ForeignCache.Omission.allCases.map { omitted.labels(rank, $0.rawValue) }
    }

    func took() { batches.increment() }
    func duplicated(_ count: Int) { duplicates.increment(by: count) }
    func holds(_ count: Int) { blocks.set(count) }
    func follows(_ yes: Bool) { following.set(yes ? 1 : 0) }
    func replays(from first: UInt64) { replays.increment() }
    func failed() { failures.increment() }

    func cleared(_ reason: EventSequence.ClearReason) {
        if let index = EventSequence.ClearReason.allCases.firstIndex(of: reason) { clears[index].increment() }
    }

    func omitted(_ counts: [ForeignCache.Omission: Int]) {
        for (index, reason) in ForeignCache.Omission.allCases.enumerated() {
            if let count = counts[reason] { omitted[index].increment(by: count) }
        }
    }
}
