import ClusterModel
import EventLoop

/// Clients send more than a frontend's memory holds: it takes what it can, and lives.
enum MemoryCase {
    /// What the kernel lets the frontend have, all in all.
    private static let allowed = 256 << 20
    private static let bodyBytes = 8 << 20
    /// Together more than what is allowed.
    private static let senders = 48

    @LoopActor
    static func play(_ stage: DrillStage) async throws {
        var shape = ClusterShape()
        shape.frontends = 0
        shape.workerOptions = ScarcityDrill.workerOptions
        let seed = stage.settings.seed, streams = stage.settings.requests(ScarcityDrill.streams)
        try await stage.play("scarcity", "bodies beyond a frontend's memory", shape) { cluster, row in
            let group = try MemoryGroup("apus", bytes: allowed)
            defer { group.close() }
            let frontend = try await cluster.addFrontend(through: .inside(group))
            try await cluster.ready(frontend)
            let running = DrillClients(cluster), large = DrillClients(cluster), after = DrillClients(cluster)
            for number in 0..<streams { try running.ask(.drill(number, tokens: ScarcityDrill.tokens(8), seed: seed)) }
            try await cluster.running(streams)
            // The same for all: it is long, and of no interest.
            let request = ChatRequest.drill(1_000, tokens: 8, prompt: bodyBytes, seed: seed), body = request.body
            for _ in 0..<senders { try large.ask(request, body: body) }
            try await large.end()
            try await ScarcityDrill.watch(frontend, stage, &row)
            large.judge(into: &row, mayFail: true)
            row.note("of \(senders) bodies of \(bodyBytes >> 20) MiB turned away", large.unavailable)
            row.require(large.unavailable > 0, "none of \(senders) large bodies was turned away with 503 and Retry-After")
            for number in 0..<ScarcityDrill.newcomers { try after.ask(.drill(2_000 + number, tokens: 8, seed: seed)) }
            try await after.end()
            try await running.end()
            for clients in [after, running] { clients.judge(into: &row) }
            if let late = try await cluster.lateness(of: frontend) { row.note("its loop was late by less than", "\(late) s") }
            if let peak = group.peak { row.note("most that it had, of \(allowed >> 20) MiB", "\(peak >> 20) MiB") }
            try await cluster.settle(&row, running)
            // The group can go when nobody is in it.
            _ = try await frontend.drain()
        }
    }
}
