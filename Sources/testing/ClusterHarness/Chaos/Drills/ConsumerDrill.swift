import ClusterModel
import EventLoop

/// Who listens to workers stops listening, and they must not care.
enum ConsumerDrill {
    static let consumer = Drill(
        "consumer", proves: "T21", "SIGSTOP the only router while streams run and caches change: workers keep their pace and their memory"
    ) { stage in
        try await play(stage, "missed events are replayed", over: .seconds(30), [])
        // What a second of these streams says is more than this holds.
        try await play(stage, "missed events are forgotten", over: .seconds(10), ["--ring-events", "256"])
    }

    private static let streams = 64
    private static let calm = Duration.seconds(10)
    private static let step = Duration.milliseconds(20)
    /// Streams outlast what is done to them by so much.
    private static let slack = 1.5
    /// Small blocks: each stream has a new one every four tokens, and each is an event.
    private static let blockTokens = 4
    /// What a worker's memory may grow by while nobody listens: its ring, and what its own streams take.
    private static let growth = 64 << 20

    @LoopActor
    private static func play(_ stage: DrillStage, _ name: String, over frozen: Duration, _ options: [String]) async throws {
        let streams = stage.settings.requests(streams), seed = stage.settings.seed
        let before = stage.settings.span(calm), during = stage.settings.span(frozen)
        let tokens = Int(((before + during).inSeconds * slack + 2) / step.inSeconds)
        var shape = ClusterShape()
        shape.workerOptions =
            [
                "--mock-decode-step", "\(step.inMilliseconds)ms", "--mock-prefill-token", "2us", "--block-size", "\(blockTokens)",
                "--blocks", "200000", "--max-sequences", "512",
            ] + options
        try await stage.play("consumer", name, shape) { cluster, row in
            let clients = DrillClients(cluster), router = cluster.routers[0], loop = cluster.loop
            for number in 0..<streams { try clients.ask(.drill(number, tokens: tokens, seed: seed)) }
            try await cluster.running(streams)
            let calm = try await pace(cluster, over: before), resident = cluster.workers.map { $0.usage?.residentBytes ?? 0 }
            router.process?.freeze()
            let deaf = try await pace(cluster, over: during)
            let grown = zip(cluster.workers, resident).map { ($0.usage?.residentBytes ?? 0) - $1 }
            router.process?.thaw()
            let thawed = loop.now
            try await cluster.reach("the router is in step again") { try await cluster.isWhole() }
            row.healed = thawed.duration(to: loop.now)
            try await clients.end()
            clients.judge(into: &row)
            for place in cluster.workers.indices {
                row.note("\(cluster.workers[place].name)'s pace, deaf to calm", ratio(deaf[place], calm[place]))
                row.note("its memory grew by", "\(grown[place] >> 10) KiB")
                row.require(grown[place] <= growth, "\(cluster.workers[place].name) grew by \(grown[place]) bytes while nobody listened")
            }
            let recoveries = try await cluster.counts("apus_router_stream_recoveries_total", by: "outcome", of: cluster.routers)
            row.note("recoveries", recoveries.isEmpty ? "none" : recoveries)
            try await cluster.reach("the router believes of every worker what it has") { try await cluster.agrees(router) }
            try await cluster.settle(&row, clients)
        }
    }

    /// Tokens a second, of each worker.
    @LoopActor
    private static func pace(_ cluster: ProcessCluster, over span: Duration) async throws -> [Double] {
        let first = try await tokens(cluster)
        await cluster.loop.sleep(for: span)
        let last = try await tokens(cluster)
        return zip(first, last).map { ($1.count - $0.count) / $0.at.duration(to: $1.at).inSeconds }
    }

    @LoopActor
    private static func tokens(_ cluster: ProcessCluster) async throws -> [(count: Double, at: Instant)] {
        var all: [(count: Double, at: Instant)] = []
        for worker in cluster.workers {
            let count = try await cluster.metric("apus_worker_output_tokens_total", of: worker) ?? 0
            all.append((count, cluster.loop.now))
        }
        return all
    }

    private static func ratio(_ one: Double, _ other: Double) -> String {
        guard other > 0 else { return "-" }
        let thousandths = Int((one / other * 1_000).rounded())
        return "\(thousandths / 1_000).\(String(1_000 + thousandths % 1_000).dropFirst())"
    }
}
