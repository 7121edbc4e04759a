import ClusterModel
import EventLoop
import ProcessKit
import Telemetry
import Transport
import WireProtocol

/// What the requests of one frontend share: the way to routers and workers, the models, the limits, and the count of what runs.
@LoopActor
final class Frontend {
    let context: ProcessContext
    let limits: FrontendLimits
    let dialect: DialectOptions
    let metrics: FrontendMetrics
    let cluster: ClusterView
    let workers: WorkerPool
    let models: ModelStore
    /// Of further attempts.
    let retries: RetryBudgets
    /// Who may use it.
    let tenants: Tenants
    private(set) lazy var sessions = FrontendSessions(self, sessionSettings, registry: context.metrics)
    private let sessionSettings: SessionSettings
    /// Why requests went where they went.
    private(set) lazy var decisions = RequestDecisions(self)
    /// Computes next turns ahead.
    private(set) lazy var warmer = PrefixWarmer(self, registry: context.metrics)
    /// Told of each request that ended.
    var publish: (@LoopActor (RequestSlice) -> Void)?
    /// Told of requests that wait for a place; nil while nobody wants to know.
    var planWait: (@LoopActor (PlanWait) -> Void)?
    private(set) var isDraining = false
    private(set) var running = 0
    /// Frames of decode legs that wait for a token of their prefill leg.
    var keptRuns = 0
    private(set) var streams = 0
    private(set) var requestsTotal: UInt64 = 0
    private(set) var tokensTotal: UInt64 = 0
    private var lastCounter: UInt64 = 0
    /// Names of members that nobody here knows, so that each is told once.
    private var unknownNames: Set<String> = []

    init(
        context: ProcessContext, limits: FrontendLimits, dialect: DialectOptions, metrics: FrontendMetrics, cluster: ClusterView,
        workers: WorkerPool,
        models: ModelStore, sessions: SessionSettings
    ) {
        self.context = context
        self.limits = limits
        self.dialect = dialect
        self.metrics = metrics
        self.cluster = cluster
        self.workers = workers
        self.models = models
        retries = RetryBudgets(context, limits.retries)
        tenants = Tenants(context: context) { [unowned cluster] in cluster.frontends }
        sessionSettings = sessions
    }

    /// Members of a body that mean nothing here are counted, and each name is told once.
    func noteUnknown(_ count: Int, _ names: [String]) {
        guard count > 0 else { return }
        metrics.unknownFields.increment(by: count)
        for name in names where unknownNames.count < FrontendLimits.unknownNames && unknownNames.insert(name).inserted {
            context.log.debug("unknown member of a request", ["name": .text(name)])
        }
    }

    /// Whether so many more may begin.
    func hasRoom(for requests: Int) -> Bool { running + requests <= self.limits.requests }

    /// A new request, where there is room; every one that began ends.
    func begin(isStreamed: Bool) -> RequestID {
        running += 1
        requestsTotal += 1
        if isStreamed { streams += 1 }
        metrics.streams.set(Double(streams))
        return drawID()
    }

    /// By the wall clock, as answers are dated.
    var unixSeconds: Int64 { context.loop.wallClockMilliseconds / 1_000 }

    func drawID() -> RequestID {
        lastCounter += 1
        return RequestID(origin: context.identity.generation, counter: lastCounter)
    }

    func end(isStreamed: Bool, tokens: Int) {
        running -= 1
        tokensTotal &+= UInt64(tokens)
        if isStreamed { streams -= 1 }
        metrics.streams.set(Double(streams))
    }

    func drain() {
        isDraining = true
        warmer.giveUp()
    }

    /// Something changed at a router: models are fetched, workers dialled, waiting requests look again.
    func clusterChanged() {
        cluster.refresh()
        metrics.follow(cluster, migrations: limits.attempts - 1, at: context.loop.now)
        workers.follow(cluster.workers)
        models.follow(cluster.cards)
        tenants.follow()
        cluster.wakeWaiting()
    }

    /// Whether a request could be served now: a router can be asked, and a worker that takes work can be reached, whose model is here.
    var isServing: Bool {
        guard cluster.hasUsableRouter, !isDraining else { return false }
        let served = Set(cluster.cards.map(\.digest).filter { models.model($0) != nil })
        return cluster.workers.contains { worker in
            (worker.state == .ready || worker.state == .degraded) && served.contains(worker.pool)
                && workers.client(worker.workerID, generation: worker.generation)?.isOpen == true
        }
    }
}
