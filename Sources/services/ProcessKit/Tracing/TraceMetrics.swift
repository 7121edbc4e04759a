import Telemetry

/// What became of the spans of this process.
struct TraceMetrics: Sendable {
    let exported: Counter
    private let droppedFamily: CounterFamily

    /// Why spans were dropped; the words are the label's.
    enum Loss: String, CaseIterable {
        /// Made faster than they left.
        case bufferFull = "buffer_full"
        /// The collector could not be reached, or asked to come again too often.
        case undelivered
        /// The collector will not have them.
        case refused
        /// The process ended before they were sent.
        case ended
    }

    init(registry: MetricsRegistry) {
        exported = registry.counter("apus_trace_spans_exported_total", help: "Spans that the collector of traces took.")
        droppedFamily = registry.counterFamily(
            "apus_trace_spans_dropped_total", help: "Spans that no collector got, by reason.", labels: ["reason"])
        // From the start at zero, so that the first loss shows as a change.
        for loss in Loss.allCases { _ = droppedFamily.labels(loss.rawValue) }
    }

    func dropped(_ count: Int, _ loss: Loss) { droppedFamily.labels(loss.rawValue).increment(by: count) }
}
