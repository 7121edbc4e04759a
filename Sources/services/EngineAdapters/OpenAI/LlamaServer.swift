import Engines

/// What a llama-server says of itself at `/props`.
struct LlamaServer: Hashable {
    /// Of one slot.
    var contextLength: Int
    /// Requests that run at once.
    var slots: Int
    var build: String
    /// Where the weights are.
    var path: String
    /// Whether it tells figures of its load; nil: not asked yet.
    var hasMetrics: Bool?

    /// Nil where it is another server that has such a path.
    init?(properties: [UInt8]) throws(ServerProblem) {
        let answer = try AnswerValue(parsing: properties)
        guard let context = try answer["default_generation_settings"]["n_ctx"].count(atMost: AnswerLimits.tokens), context > 0,
            let slots = try answer["total_slots"].count(atMost: 65_536), slots > 0
        else { return nil }
        contextLength = context
        self.slots = slots
        build = try answer["build_info"].text() ?? "unknown"
        path = try answer["model_path"].text(atMost: AnswerLimits.pathBytes) ?? ""
    }

    private static let processing = "llamacpp:requests_processing", deferred = "llamacpp:requests_deferred"
    /// Of releases before 2025; the present ones do not tell it.
    private static let usage = "llamacpp:kv_cache_usage_ratio"

    static func figures(in text: [UInt8]) -> RankFigures? {
        let metrics = MetricsText(text, names: [processing, deferred, usage])
        guard !metrics.samples.isEmpty else { return nil }
        var figures = RankFigures()
        for sample in metrics.samples where sample.value.isFinite && sample.value >= 0 {
            switch sample.name {
            case processing: figures.runningRequests = UInt32(min(sample.value, 1e9))
            case deferred: figures.waitingRequests = UInt32(min(sample.value, 1e9))
            default: figures.blocksInUse = min(sample.value, 1)
            }
        }
        return figures
    }
}
