import Telemetry
import WireProtocol

/// What a worker counts of its stream.
final class StreamMetrics: Sendable {
    /// What an engine says of its cache against what it said before.
    enum Fault: String, CaseIterable, Sendable {
        case storedTwice = "stored_twice"
        case removedUnknown = "removed_unknown"
        /// A rank or hashes that there are none of.
        case noSuchPlace = "no_such_place"
        case tooMany = "too_many"
    }

    /// What was done to the stream on purpose.
    enum Injected: String, CaseIterable, Sendable { case loss, duplicate, reorder }

    private let events: Counter
    private let batches: Counter
    private let bytes: Counter
    private let ringBytes: Gauge
    private let blocks: Gauge
    private let faults: [Counter]
    private let injected: [Counter]
    private let replays: [Counter]
    private let replayedEvents: Counter
    private let pages: Counter

    init(registry: MetricsRegistry) {
        events = registry.counter("apus_worker_stream_events_total", help: "Events of this worker's stream.")
        batches = registry.counter("apus_worker_stream_batches_total", help: "Messages that they left in.")
        bytes = registry.counter("apus_worker_stream_bytes_total", help: "Bytes of those messages' bodies.")
        ringBytes = registry.gauge("apus_worker_stream_ring_bytes", help: "Memory that holds past events for replay.")
        blocks = registry.gauge("apus_worker_stream_blocks", help: "Blocks that the stream has said to be stored, and not to be removed.")
        let faults = registry.counterFamily(
            "apus_worker_stream_faults_total", help: "Changes of its cache that the engine stated wrongly, by hash.", labels: ["kind"])
        self.faults = Fault.allCases.map { faults.labels($0.rawValue) }
        let injected = registry.counterFamily(
            "apus_worker_injected_faults_total", help: "Messages of the stream that were spoilt on purpose.", labels: ["kind"])
        self.injected = Injected.allCases.map { injected.labels($0.rawValue) }
        let replays = registry.counterFamily(
            "apus_worker_replays_total", help: "Questions for past events, by what was answered.", labels: ["outcome"])
        self.replays = ["events", "too_old", "too_new", "wrong_generation"].map { replays.labels($0) }
        replayedEvents = registry.counter("apus_worker_replayed_events_total", help: "Events in those answers.")
        pages = registry.counter("apus_worker_snapshot_pages_total", help: "Pages of snapshots that were asked for.")
    }

    func published(events count: Int, bytes size: Int, ring: Int) {
        events.increment(by: count)
        batches.increment()
        bytes.increment(by: size)
        ringBytes.set(ring)
    }

    func mirrored(_ count: Int) { blocks.set(count) }

    func fault(_ fault: Fault) { if let index = Fault.allCases.firstIndex(of: fault) { faults[index].increment() } }
    func injected(_ fault: Injected) { if let index = Injected.allCases.firstIndex(of: fault) { injected[index].increment() } }

    func replayed(_ answer: ReplayAnswer) {
        replays[Int(answer.outcome.rawValue) - 1].increment()
        if answer.outcome == .events { replayedEvents.increment(by: Int(clamping: answer.lastSequence - answer.firstSequence + 1)) }
    }

    func paged() { pages.increment() }
}
