import HTTPServing
import Telemetry

/// What a frontend counts, all under `apus_frontend_`.
struct FrontendMetrics: Sendable {
    let running: Gauge
    let streams: Gauge
    let connections: Gauge
    let bufferedBytes: Gauge
    let mostBufferedBytes: Gauge
    let models: Gauge
    let routers: Gauge
    let workerLinks: Gauge
    let lateFrames: Counter
    let unknownFields: Counter
    let outputTokens: Counter
    private let requests: CounterFamily
    private let attempts: CounterFamily
    private let refusals: CounterFamily
    private let departures: CounterFamily
    private let firstToken: HistogramFamily
    private let duration: HistogramFamily

    init(registry: MetricsRegistry) {
        running = registry.gauge("apus_frontend_requests_running", help: "Requests that were read and have not ended.")
        streams = registry.gauge("apus_frontend_streams_open", help: "Answers that are being streamed.")
        connections = registry.gauge("apus_frontend_connections", help: "Open client connections.")
        bufferedBytes = registry.gauge("apus_frontend_buffered_bytes", help: "Bytes that clients have not taken yet.")
        mostBufferedBytes = registry.gauge(
            "apus_frontend_most_buffered_bytes", help: "The most bytes that one client has not taken yet.")
        models = registry.gauge("apus_frontend_models_ready", help: "Models whose tokenizer is here.")
        routers = registry.gauge("apus_frontend_routers_usable", help: "Routers that can be asked for plans.")
        workerLinks = registry.gauge("apus_frontend_worker_links_open", help: "Workers that can be sent requests.")
        lateFrames = registry.counter("apus_frontend_late_frames_total", help: "Token frames of requests that were over.")
        unknownFields = registry.counter(
            "apus_frontend_unknown_fields_total", help: "Members of request bodies that are not known and were ignored.")
        outputTokens = registry.counter("apus_frontend_output_tokens_total", help: "Tokens given out to clients.")
        requests = registry.counterFamily(
            "apus_frontend_requests_total", help: "Requests that ended, by endpoint, model and HTTP status.",
            labels: ["endpoint", "model", "status"])
        attempts = registry.counterFamily(
            "apus_frontend_attempts_failed_total", help: "Attempts that did not end a request, by reason.", labels: ["reason"])
        refusals = registry.counterFamily(
            "apus_frontend_http_refused_total", help: "Requests and connections refused before they were read, by reason.",
            labels: ["reason"])
        departures = registry.counterFamily(
            "apus_frontend_clients_departed_total",
            help: "Clients that left before their answer had ended; of those, cut off for reading too slowly, or not at all.",
            labels: ["reason"])
        firstToken = registry.histogramFamily(
            "apus_frontend_first_token_seconds", help: "First byte of the request to the first token.", labels: ["model"],
            buckets: Self.seconds)
        duration = registry.histogramFamily(
            "apus_frontend_request_seconds", help: "First byte of the request to the end of its answer.", labels: ["model"],
            buckets: Self.seconds)
    }

    /// From a cached prompt on an idle engine to the longest answers.
    private static let seconds = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1_800]

    /// `model` is the name of a card, never a client's own text.
    func requestEnded(endpoint: String, model: String?, status: Int, after span: Duration) {
        requests.labels(endpoint, model ?? "unknown", "\(status)").increment()
        if let model { duration.labels(model).observe(span.seconds) }
    }

    func firstToken(model: String, after span: Duration) { firstToken.labels(model).observe(span.seconds) }
    func attemptFailed(_ reason: String) { attempts.labels(reason).increment() }

    /// The server counts by itself; its numbers are read now and then.
    func http(_ counters: HTTPCounters) {
        for kind in HTTPRefusalKind.allCases where counters.refusals(of: kind) > 0 {
            raise(refusals.labels(kind.rawValue), to: counters.refusals(of: kind))
        }
        for (reason, count) in [("gone", counters.departures), ("slow", counters.slowReaders), ("stalled", counters.stalls)] {
            raise(departures.labels(reason), to: count)
        }
    }

    private func raise(_ counter: Counter, to count: Int) {
        let difference = count - Int(counter.value)
        if difference > 0 { counter.increment(by: difference) }
    }
}

extension Duration {
    fileprivate var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
