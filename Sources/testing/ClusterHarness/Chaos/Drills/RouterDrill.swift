import ClusterModel
import EventLoop

/// A router dies among live streams and full caches, and begins anew, knowing nothing.
enum RouterDrill {
    static let router = Drill(
        "router", proves: "T13",
        "SIGKILL a router with live streams: these end well, new requests wait for its next life, its index fills again"
    ) { stage in
        try await strike(stage, Scene(name: "the only router"))
        try await strike(stage, Scene(name: "one of two", routers: 2))
        try await strike(stage, Scene(name: "the only router and a worker", killsWorker: true))
        let blocks = stage.settings.size == .short ? mostBlocks / 20 : mostBlocks
        try await strike(stage, Scene(name: "the only router, \(blocks) blocks", blocks: blocks))
    }

    private struct Scene: Sendable {
        let name: String
        var routers = 1
        /// A router that begins waits for nobody who is not there.
        var killsWorker = false
        /// In the workers' caches beforehand.
        var blocks = 0
    }

    private static let mostBlocks = 1_000_000
    /// Small blocks: a million of them are four megabytes of prompts.
    private static let blockTokens = 4
    private static let promptTokens = 128 << 10
    private static let fullWorkers = 4
    /// Clients at once while caches are filled, and while there is no router.
    private static let fillers = 4, newcomers = 8
    /// Of the blocks that there are, so many must be known before an index counts as back.
    private static let share = 0.99
    private static let indexLimit = Duration.seconds(60)
    private static let afterwards = Duration.seconds(1)

    private static func shape(_ scene: Scene) -> ClusterShape {
        var shape = ClusterShape()
        shape.routers = scene.routers
        // Streams last for some six seconds, whatever their number.
        shape.workerOptions = ["--mock-decode-step", "40ms", "--mock-prefill-token", "1us", "--max-sequences", "1024"]
        guard scene.blocks > 0 else { return shape }
        shape.workers = Array(repeating: .aggregated, count: fullWorkers)
        shape.workerOptions += [
            "--block-size", "\(blockTokens)", "--blocks", "\(scene.blocks)", "--context-length", "\(promptTokens + 10_000)",
        ]
        // So that all caches fill alike.
        shape.routerOptions = ["--policy", "round-robin", "--queue-batches", "10000"]
        return shape
    }

    @LoopActor
    private static func strike(_ stage: DrillStage, _ scene: Scene) async throws {
        let streams = stage.settings.requests(200), seed = stage.settings.seed
        try await stage.play("router", scene.name, shape(scene)) { cluster, row in
            if scene.blocks > 0 { try await fill(cluster, scene.blocks, seed, &row) }
            let established = DrillClients(cluster), waiting = DrillClients(cluster)
            for number in 0..<streams { try established.ask(.drill(number, tokens: 160, seed: seed)) }
            try await cluster.running(streams)
            let router = cluster.routers[0], fault = cluster.loop.now
            router.process?.killNow()
            if scene.killsWorker { cluster.workers[0].process?.killNow() }
            try waiting.keepAsking(newcomers, pause: .milliseconds(50)) { .drill(100_000 + $0, tokens: 10, seed: seed) }
            _ = try await router.process?.ended(within: ProcessCluster.stopLimit)
            try await router.start()
            row.note("the router stands after", "\(fault.duration(to: cluster.loop.now).inMilliseconds) ms")
            let known = try await refill(cluster, router)
            row.note("\(Int(share * 100)) % of its index is back after", "\(fault.duration(to: cluster.loop.now).inMilliseconds) ms")
            row.note("blocks", known)
            if let usage = router.usage { row.note("processor time of that", "\(Int(usage.cpuSeconds * 1_000)) ms") }
            await cluster.loop.sleep(for: afterwards)
            try await waiting.end()
            try await established.end()
            established.judge(into: &row, since: fault)
            waiting.judge(into: &row)
            if let longest = waiting.firstEvents.first { row.note("new requests waited at most", "\(longest.inMilliseconds) ms") }
            row.moved = try await cluster.moved()
            if scene.killsWorker { try await cluster.workers[0].start() }
            try await cluster.reach("every link is back") { try await cluster.isWhole() }
            try await cluster.settle(&row, established)
            let index = try await cluster.agrees(router)
            row.require(index, "at rest the router does not believe of every worker what it has")
        }
    }

    /// Asks until the caches hold so many blocks.
    @LoopActor
    private static func fill(_ cluster: ProcessCluster, _ blocks: Int, _ seed: UInt64, _ row: inout DrillRow) async throws {
        let clients = DrillClients(cluster), prompts = blocks * blockTokens / promptTokens + 1
        for number in 0..<prompts {
            try await cluster.loop.until("a client is free", within: DrillClients.patience) { clients.open < fillers }
            try clients.ask(.drill(500_000 + number, tokens: 2, prompt: promptTokens, seed: seed))
        }
        try await clients.end()
        clients.judge(into: &row)
        let cached = try await cluster.cachedBlocks()
        row.require(cached >= blocks * 9 / 10, "the caches hold \(cached) blocks, where \(blocks) were to be")
    }

    /// Waits until a router that has just begun knows almost all that the workers have.
    @LoopActor
    private static func refill(_ cluster: ProcessCluster, _ router: ClusterMember) async throws -> String {
        var known = 0, there = 0
        try await cluster.reach("the router knows \(Int(share * 100)) % of what the workers have", within: indexLimit) {
            there = try await cluster.cachedBlocks()
            known = try await cluster.indexedBlocks(of: router)
            return there > 0 && Double(known) >= share * Double(there)
        }
        return "\(known) of \(there)"
    }
}
