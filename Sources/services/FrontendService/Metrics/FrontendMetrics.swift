import ClusterModel
import EventLoop
import HTTPServing
import Telemetry
import TextProcessing
import WireProtocol

/// What a frontend counts: requests under the names that dashboards of NVIDIA Dynamo know, and its own state under `apus_frontend_`.
///
/// `deploy/guides/metrics.md` has the table of all of them.
@LoopActor
final class FrontendMetrics {
    let models: ModelMetrics
    let pools: PoolMetrics
    let workers: WorkerMetrics
    let stages: StageMetrics
    let splits: SplitMetrics
    private let cards: CardMetrics
    private let queue: QueueMetrics
    private let departedClients: Gauge

    let streams: Gauge
    let connections: Gauge
    let bufferedBytes: Gauge
    let mostBufferedBytes: Gauge
    let modelsReady: Gauge
    let routers: Gauge
    let workerLinks: Gauge
    let lateFrames: Counter
    let unknownFields: Counter
    /// Of prompts' text: tokens that were known, and tokens that were made.
    let reusedPromptBytes: Counter
    let encodedPromptBytes: Counter
    /// Rests of a request's time that came out negative, and were taken for nothing.
    let clampedRests: Counter
    /// Things said of a request twice, and differently: the first holds.
    let trackerConflicts: Counter
    private let attempts: CounterFamily
    private let refusals: CounterFamily
    private let departures: CounterFamily

    /// - Parameter cluster: the cluster's id.
    init(registry: MetricsRegistry, cluster: String) {
        models = ModelMetrics(registry: registry)
        pools = PoolMetrics(registry: registry, cluster: cluster)
        workers = WorkerMetrics(registry: registry)
        stages = StageMetrics(registry: registry)
        splits = SplitMetrics(registry: registry)
        cards = CardMetrics(registry: registry)
        queue = QueueMetrics(registry: registry)
        departedClients = registry.gauge(
            registry.name("frontend_disconnected_clients"), help: "Clients that left before their answer had ended, since the start.")
        streams = registry.gauge("apus_frontend_streams_open", help: "Answers that are being streamed.")
        connections = registry.gauge("apus_frontend_connections", help: "Open client connections.")
        bufferedBytes = registry.gauge("apus_frontend_buffered_bytes", help: "Bytes that clients have not taken yet.")
        mostBufferedBytes = registry.gauge(
            "apus_frontend_most_buffered_bytes", help: "The most bytes that one client has not taken yet.")
        modelsReady = registry.gauge("apus_frontend_models_ready", help: "Models whose tokenizer is here.")
        routers = registry.gauge("apus_frontend_routers_usable", help: "Routers that can be asked for plans.")
        workerLinks = registry.gauge("apus_frontend_worker_links_open", help: "Workers that can be sent requests.")
        lateFrames = registry.counter("apus_frontend_late_frames_total", help: "Token frames of requests that were over.")
        unknownFields = registry.counter(
            "apus_frontend_unknown_fields_total", help: "Members of request bodies that are not known and were ignored.")
        let promptBytes = registry.counterFamily(
            "apus_frontend_prompt_bytes_total", help: "Bytes of prompts: of which the tokens were known from an earlier prompt, or made.",
            labels: ["tokens"])
        reusedPromptBytes = promptBytes.labels("known")
        encodedPromptBytes = promptBytes.labels("made")
        clampedRests = registry.counter(
            "apus_frontend_clamped_rests_total", help: "Stages of requests whose times did not add up, and were cut to what was left.")
        trackerConflicts = registry.counter(
            "apus_frontend_tracker_conflicts_total", help: "Facts of requests that were told twice and differently; the first was kept.")
        attempts = registry.counterFamily(
            "apus_frontend_attempts_failed_total", help: "Attempts that did not end a request, by reason.", labels: ["reason"])
        refusals = registry.counterFamily(
            "apus_frontend_http_refused_total", help: "Requests and connections refused before they were read, by reason.",
            labels: ["reason"])
        departures = registry.counterFamily(
            "apus_frontend_clients_departed_total",
            help: "Clients that left before their answer had ended; of those, cut off for reading too slowly, or not at all.",
            labels: ["reason"])
    }

    // MARK: Requests

    /// A request whose model is known: `model` is the name of a card, never a client's own text.
    func request(
        _ endpoint: EndpointLabel, model: String, isStreamed: Bool, isQuestion: Bool, receivedAt: Instant
    ) -> RequestMeter {
        RequestMeter(
            self, model: model, endpoint: endpoint, type: RequestTypeLabel(isStreamed: isStreamed), isQuestion: isQuestion,
            receivedAt: receivedAt)
    }

    /// A request that was turned away before its model was found. What a body that was not read asked for is not known: it counts as unary.
    func refused(_ endpoint: EndpointLabel, status: Int) { models.refused(endpoint, .unary, RequestResult(status: status)) }

    /// What a memory of prompts spared a prompt of text, and what was left to do.
    func encoded(_ memory: PromptMemory.Outcome?) {
        guard let memory else { return }
        reusedPromptBytes.increment(by: memory.reused)
        encodedPromptBytes.increment(by: memory.total - memory.reused)
    }

    func attemptFailed(_ reason: String) { attempts.labels(reason).increment() }

    // MARK: The cluster

    /// Follows what routers say there is: series of models, pools, routers and workers come with them and go with them.
    func follow(_ cluster: ClusterView, migrations: Int, at now: Instant) {
        let cards = cluster.cards, workers = cluster.workers
        for card in cards { _ = models.series(of: card.name) }
        self.cards.follow(cluster.currentCards, workers, migrations: migrations)
        self.workers.follow(workers)
        pools.follow(cluster.askablePools, at: now)
    }

    /// Shows what routers last said of loads and queues.
    func show(_ cluster: ClusterView, at now: Instant) {
        pools.follow(cluster.askablePools, at: now)
        for load in cluster.loads {
            workers.show(
                WorkerMetrics.Key(worker: load.worker, rank: load.rank, type: load.type), activeBlocks: load.activeBlocks,
                prefillTokens: load.prefillTokens)
        }
        queue.show(cluster.queue)
    }

    // MARK: The HTTP server

    /// The server counts by itself; its numbers are read now and then.
    func http(_ counters: HTTPCounters) {
        for kind in HTTPRefusalKind.allCases where counters.refusals(of: kind) > 0 {
            raise(refusals.labels(kind.rawValue), to: counters.refusals(of: kind))
        }
        for (reason, count) in [("gone", counters.departures), ("slow", counters.slowReaders), ("stalled", counters.stalls)] {
            raise(departures.labels(reason), to: count)
        }
        departedClients.set(counters.departures)
    }

    private func raise(_ counter: Counter, to count: Int) {
        let difference = count - Int(counter.value)
        if difference > 0 { counter.increment(by: difference) }
    }
}
