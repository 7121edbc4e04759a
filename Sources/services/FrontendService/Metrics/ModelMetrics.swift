import EventLoop
import Telemetry

/// The families of requests by model, and the series of each model that is served.
///
/// A model's series begin with zeros when the model is first seen, and stay: counters that go and come back lose what they counted.
/// Names are those of cards, never of requests.
@LoopActor
final class ModelMetrics {
    private let families: ModelFamilies
    private var series: [String: ModelSeries] = [:]

    init(registry: MetricsRegistry) { families = ModelFamilies(registry) }

    /// More models than one frontend serves, even if their names change daily; all families have room for as many. Those beyond it share a name.
    nonisolated static let mostModels = 200

    /// The series of a model with a card.
    func series(of model: String) -> ModelSeries {
        if let known = series[model] { return known }
        if series.count >= Self.mostModels, model != MetricLabelValues.otherModels { return series(of: MetricLabelValues.otherModels) }
        let made = ModelSeries(model, families)
        series[model] = made
        return made
    }

    /// A request that ended before its model was found, or whose model there is not.
    func refused(_ endpoint: EndpointLabel, _ type: RequestTypeLabel, _ result: RequestResult) {
        let model = MetricLabelValues.unknownModel
        families.requests.labels(model, endpoint.rawValue, type.rawValue, result.status, result.errorType).increment()
        if result == .overload { families.rejections.labels(model, endpoint.rawValue).increment() }
    }
}

/// One label set of every family that has the label `model`.
struct ModelFamilies: Sendable {
    let requests: CounterFamily
    let inflight: GaugeFamily
    let queued: GaugeFamily
    let active: GaugeFamily
    let duration: HistogramFamily
    let inputTokens: HistogramFamily
    let outputTokens: HistogramFamily
    let cachedTokens: HistogramFamily
    let firstToken: HistogramFamily
    let interToken: HistogramFamily
    let outputTokensTotal: CounterFamily
    let migrations: CounterFamily
    let cancellations: CounterFamily
    let migrationsTooLong: CounterFamily
    let rejections: CounterFamily

    /// Of a counter by model and endpoint: each model's, those of all others and those of unknown ones.
    private static let endpointSeries = (ModelMetrics.mostModels + 2) * EndpointLabel.allCases.count
    private static let typeSeries = endpointSeries * RequestTypeLabel.allCases.count
    private static let requestSeries = typeSeries * RequestResult.allCases.count

    init(_ registry: MetricsRegistry) {
        func counter(_ name: String, _ help: String, _ labels: [String] = [], limit: Int = MetricsLimits.seriesPerFamily) -> CounterFamily {
            registry.counterFamily(registry.name("frontend_\(name)"), help: help, labels: ["model"] + labels, seriesLimit: limit)
        }
        func gauge(_ name: String, _ help: String) -> GaugeFamily {
            registry.gaugeFamily(registry.name("frontend_\(name)"), help: help, labels: ["model"])
        }
        func histogram(_ name: String, _ help: String, _ range: BucketRange) -> HistogramFamily {
            registry.histogramFamily(
                registry.name("frontend_\(name)"), help: help, labels: ["model"], buckets: Buckets.logarithmic(range))
        }
        requests = counter(
            "requests_total", "Requests that ended, by how they were delivered and what became of them.",
            ["endpoint", "request_type", "status", "error_type"], limit: Self.requestSeries)
        inflight = gauge("inflight_requests", "Requests that were read and have not ended.")
        queued = gauge("queued_requests", "Requests that were read and have no token yet.")
        active = gauge("active_requests", "Requests that have their first token and have not ended.")
        duration = histogram(
            "request_duration_seconds", "From the first byte of a request to the end of its answer.", .requestDurationSeconds)
        inputTokens = histogram("input_sequence_tokens", "Tokens of a prompt, of requests that were placed.", .inputTokens)
        outputTokens = histogram("output_sequence_tokens", "Tokens of an answer, all its choices, of requests that got any.", .outputTokens)
        cachedTokens = histogram("cached_tokens", "Tokens of a prompt that the worker had in its cache when it began.", .inputTokens)
        firstToken = histogram(
            "time_to_first_token_seconds", "From the first byte of a request to its first token.", .timeToFirstTokenSeconds)
        interToken = histogram(
            "inter_token_latency_seconds",
            "From one token to the next one of a choice; tokens that came together share the time since those before.",
            .interTokenLatencySeconds)
        outputTokensTotal = counter("output_tokens_total", "Tokens given out to clients, as they come.")
        migrations = counter(
            "model_migration_total", "Attempts that were lost at a worker and followed by another one, by whether tokens had been shown.",
            ["migration_type"])
        migrationsTooLong = counter(
            "model_migration_max_seq_len_exceeded_total",
            "Requests that could not go on at another worker, since prompt and answer so far are longer than a message.")
        cancellations = counter(
            "model_cancellation_total", "Requests whose client left before the end of the answer.", ["endpoint", "request_type"],
            limit: Self.typeSeries)
        rejections = counter(
            "model_rejection_total", "Requests turned away for want of room: answered with 429 or 503.", ["endpoint"],
            limit: Self.endpointSeries)
    }
}

/// The handles of one model: found once a request, and used without a look-up.
final class ModelSeries: Sendable {
    let inflight: Gauge
    let queued: Gauge
    let active: Gauge
    let duration: Histogram
    let inputTokens: Histogram
    let outputTokens: Histogram
    let cachedTokens: Histogram
    let firstToken: Histogram
    let interToken: Histogram
    let outputTokensTotal: Counter
    let migrationsTooLong: Counter
    private let model: String
    private let families: ModelFamilies
    private let migrations: [MigrationLabel: Counter]
    private let requests: [Ended: Counter]

    private struct Ended: Hashable {
        let endpoint: EndpointLabel
        let type: RequestTypeLabel
        let result: RequestResult
    }

    init(_ model: String, _ families: ModelFamilies) {
        self.model = model
        self.families = families
        inflight = families.inflight.labels(model)
        queued = families.queued.labels(model)
        active = families.active.labels(model)
        duration = families.duration.labels(model)
        inputTokens = families.inputTokens.labels(model)
        outputTokens = families.outputTokens.labels(model)
        cachedTokens = families.cachedTokens.labels(model)
        firstToken = families.firstToken.labels(model)
        interToken = families.interToken.labels(model)
        outputTokensTotal = families.outputTokensTotal.labels(model)
        migrationsTooLong = families.migrationsTooLong.labels(model)
        migrations = Dictionary(
            uniqueKeysWithValues: MigrationLabel.allCases.map { ($0, families.migrations.labels(model, $0.rawValue)) })
        var requests: [Ended: Counter] = [:]
        for endpoint in EndpointLabel.allCases {
            _ = families.rejections.labels(model, endpoint.rawValue)
            for type in RequestTypeLabel.allCases {
                _ = families.cancellations.labels(model, endpoint.rawValue, type.rawValue)
                for result in RequestResult.allCases {
                    requests[Ended(endpoint: endpoint, type: type, result: result)] = families.requests.labels(
                        model, endpoint.rawValue, type.rawValue, result.status, result.errorType)
                }
            }
        }
        self.requests = requests
    }

    /// Once a request.
    func ended(_ endpoint: EndpointLabel, _ type: RequestTypeLabel, _ result: RequestResult) {
        requests[Ended(endpoint: endpoint, type: type, result: result)]?.increment()
        switch result {
        case .cancelled: families.cancellations.labels(model, endpoint.rawValue, type.rawValue).increment()
        case .overload: families.rejections.labels(model, endpoint.rawValue).increment()
        default: break
        }
    }

    func migrated(_ kind: MigrationLabel) { migrations[kind]?.increment() }
}
