import ClusterModel
import EventLoop
import RequestTracking
import Telemetry
import WireProtocol

/// What one client's request adds to the metrics: each thing once, however many attempts it takes.
///
/// It is made when the request's model is known and told of its end exactly once; whatever comes after that is not counted. It looks nothing up
/// and allocates nothing while tokens come.
@LoopActor
final class RequestMeter {
    private let metrics: FrontendMetrics
    private let model: ModelSeries
    private let endpoint: EndpointLabel
    private let type: RequestTypeLabel
    private let receivedAt: Instant
    private let isQuestion: Bool
    private var inputTokens = 0
    /// Of the plan that was followed first.
    private var pool: PoolSeries?
    private var isPlaced = false
    private var isDispatched = false
    /// In the present attempt.
    private var isAccepted = false
    private var lastTokenAt: Instant?
    private var outputTokens = 0
    private var detokenizing = Duration.zero
    private var detokenized = 0
    private var isEnded = false

    /// - Parameter isQuestion: it asks only where it would run, and counts in no histogram of tokens.
    init(
        _ metrics: FrontendMetrics, model: String, endpoint: EndpointLabel, type: RequestTypeLabel, isQuestion: Bool, receivedAt: Instant
    ) {
        self.metrics = metrics
        self.model = metrics.models.series(of: model)
        self.endpoint = endpoint
        self.type = type
        self.isQuestion = isQuestion
        self.receivedAt = receivedAt
        self.model.inflight.increment()
        self.model.queued.increment()
    }

    // MARK: Its stages

    /// The prompt is tokens. `template` is nil where there was none to fill in.
    func prepared(inputTokens: Int, template: Duration?, tokenizing: Duration, at now: Instant) {
        self.inputTokens = inputTokens
        guard !isQuestion else { return }
        if let template { metrics.stages.template.observeSeconds(template) }
        metrics.stages.tokenize.observeSeconds(tokenizing)
        metrics.stages.tokenizeMilliseconds.observeMilliseconds(tokenizing)
        metrics.stages.observe(.preprocess, receivedAt.duration(to: now))
    }

    /// A plan is followed. What is asked again after an attempt was lost counts no second time.
    func placed(by plan: PlanEntry, overlapBlocks: UInt32, routing: Duration) {
        guard !isQuestion, !isPlaced, !isEnded else { return }
        isPlaced = true
        metrics.stages.observe(.route, routing)
        model.inputTokens.observe(Double(inputTokens))
        guard let series = metrics.pools.series(router: plan.routerID, pool: plan.pool) else { return }
        pool = series
        series.inputTokens.observe(Double(inputTokens))
        if plan.promptBlocks > 0 { series.hitRate.observe(Double(overlapBlocks) / Double(plan.promptBlocks)) }
    }

    /// Generate has left for the worker.
    func dispatched() { isDispatched = true }

    /// The worker has taken it on.
    func accepted() { isAccepted = true }

    /// An attempt has failed, and another one follows. One that no worker had taken on moves nothing.
    func migrates() {
        guard isAccepted, !isEnded else { return }
        isAccepted = false
        model.migrated(lastTokenAt == nil ? .newRequest : .ongoingRequest)
    }

    /// What was shown made it too long to go on elsewhere.
    func isTooLongToMigrate() { model.migrationsTooLong.increment() }

    /// Tokens of one arrival were given out; `choices` of them run side by side.
    ///
    /// The first ones set the time to the first token. Later ones share the gap since those before: it is observed once for each, so that the
    /// histogram's sum is the time from the first token to the last.
    func tokens(_ count: Int, choices: Int = 1, at now: Instant) {
        guard count > 0, !isEnded else { return }
        outputTokens += count
        model.outputTokensTotal.increment(by: count)
        guard let last = lastTokenAt else {
            lastTokenAt = now
            model.queued.decrement()
            model.active.increment()
            let span = receivedAt.duration(to: now)
            model.firstToken.observeSeconds(span)
            pool?.firstToken.observeSeconds(span)
            return
        }
        lastTokenAt = now
        let gap = Double(last.duration(to: now).inNanoseconds) * 1e-9
        let each = gap * Double(min(max(choices, 1), count)) / Double(count)
        model.interToken.observe(each, times: count)
        pool?.interToken.observe(each, times: count)
    }

    /// Text was made of that many tokens.
    func detokenized(_ count: Int, in span: Duration) {
        guard count > 0 else { return }
        detokenizing += span
        detokenized += count
        metrics.stages.detokenizedTokens.increment(by: count)
        metrics.stages.detokenizeMicroseconds.add(Double(max(0, span.inNanoseconds)) / 1_000)
    }

    // MARK: Its end

    /// How it ended, for what is counted at the end alone.
    struct End {
        /// What the client was told, or would have been.
        var status: Int
        /// Nil if no worker said what it found.
        var cachedTokens: Int?
        /// The tracker's estimate; nil where nothing was handed over.
        var cacheTransfer: Duration?
        /// Generate sent to first token; nil without one.
        var roundtrip: Duration?
        /// Making text and writing it; nil if there was none.
        var postprocessing: Duration?
        /// Of a tracker; nil where there was none.
        var stages: StageTimes?
        var at: Instant

        init(status: Int, at: Instant) {
            self.status = status
            self.at = at
        }
    }

    /// The request has ended. A second end is none.
    func ended(_ end: End) {
        guard !isEnded else { return }
        isEnded = true
        model.inflight.decrement()
        if lastTokenAt == nil { model.queued.decrement() } else { model.active.decrement() }
        model.ended(endpoint, type, RequestResult(status: end.status))
        model.duration.observeSeconds(receivedAt.duration(to: end.at))
        guard !isQuestion else { return }
        if let cached = end.cachedTokens { model.cachedTokens.observe(Double(cached)) }
        if let roundtrip = end.roundtrip { metrics.stages.observe(.transportRoundtrip, roundtrip) }
        if let postprocessing = end.postprocessing { metrics.stages.observe(.postprocess, postprocessing) }
        if let stages = end.stages {
            metrics.stages.observe(stages)
            metrics.clampedRests.increment(by: stages.clampedRests)
        }
        if detokenized > 0 {
            metrics.stages.detokenizeMilliseconds.observe(Double(detokenizing.inNanoseconds) / 1e6 / Double(detokenized))
        }
        // Answers without a token would spoil the averages.
        if outputTokens > 0 {
            model.outputTokens.observe(Double(outputTokens))
            pool?.outputTokens.observe(Double(outputTokens))
        }
        guard isDispatched else { return }
        pool?.requests.increment()
        if let transfer = end.cacheTransfer { pool?.cacheTransfer.observeSeconds(max(transfer, .zero)) }
    }

    // Whoever forgets to say how a request ended has not ended it: the gauges show that, and tests look at them.
}
