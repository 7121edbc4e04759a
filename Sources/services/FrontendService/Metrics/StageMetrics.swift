import RequestTracking
import Telemetry

/// Where the time of requests goes.
final class StageMetrics: Sendable {
    /// The stages as dashboards know them.
    enum Stage: Int, CaseIterable {
        /// Read to ready to be placed: template, tokens, hashes.
        case preprocess
        /// A plan asked for to the plan got, with the time parked at the router.
        case route
        /// The request sent to its worker to the first token come back.
        case transportRoundtrip
        /// Tokens made text, and text given to the client, over the whole answer.
        case postprocess

        fileprivate var label: String {
            switch self {
            case .preprocess: "preprocess"
            case .route: "route"
            case .transportRoundtrip: "transport_roundtrip"
            case .postprocess: "postprocess"
            }
        }
    }

    let tokenize: Histogram
    let template: Histogram
    let tokenizeMilliseconds: Histogram
    let detokenizeMilliseconds: Histogram
    let detokenizeMicroseconds: Counter
    let detokenizedTokens: Counter
    private let stages: [Histogram]
    /// In the tracker's order.
    private let tracked: [Histogram]

    init(registry: MetricsRegistry) {
        func histogram(_ name: String, _ help: String) -> Histogram {
            registry.histogram(registry.name("frontend_\(name)"), help: help, buckets: Buckets.queueSeconds)
        }
        let stage = registry.histogramFamily(
            registry.name("frontend_stage_duration_seconds"), help: "What the stages of a request took, each once a request.",
            labels: ["stage"], buckets: Buckets.stageSeconds)
        stages = Stage.allCases.map { stage.labels($0.label) }
        tokenize = histogram("tokenize_seconds", "What it took to make tokens of a prompt.")
        template = histogram("template_seconds", "What it took to make a prompt of a conversation.")
        let tokenizer = registry.histogramFamily(
            registry.name("frontend_tokenizer_latency_ms"),
            help: "What the tokenizer took: to make tokens of a prompt, and on average to make text of a token of its answer.",
            labels: ["operation"], buckets: Buckets.tokenizerMilliseconds)
        tokenizeMilliseconds = tokenizer.labels("tokenize")
        detokenizeMilliseconds = tokenizer.labels("detokenize")
        detokenizeMicroseconds = registry.counter(
            registry.name("frontend_detokenize_total_us"), help: "Microseconds spent making text of tokens.")
        detokenizedTokens = registry.counter(
            registry.name("frontend_detokenize_token_count"), help: "Tokens that text was made of.")
        let times = registry.histogramFamily(
            "apus_frontend_stage_seconds",
            help: "What each stage of a request took, as its answer tells it on request: stages do not overlap.", labels: ["stage"],
            buckets: Buckets.stageSeconds)
        tracked = StageTimes().all.map { times.labels($0.name) }
    }

    func observe(_ stage: Stage, _ span: Duration) { stages[stage.rawValue].observeSeconds(span) }

    /// Once a request; what did not happen is not observed.
    func observe(_ times: StageTimes) {
        var place = 0
        times.forEach { _, span in
            if let span { tracked[place].observeSeconds(span) }
            place += 1
        }
    }
}
