import ClusterModel
import EventLoop

/// A worker among others is lost, leaves, or stops with its sockets open, while streams run on it.
enum WorkerDrills {
    static let kill = Drill("kill", proves: "T10", "SIGKILL a worker with live streams: each goes on at another, token by token") { stage in
        try await strike(stage, "kill", "SIGKILL") { cluster, victim, row in
            try await victim.killNow()
        } afterwards: { cluster, victim, row in
            try await victim.start()
        }
    }

    static let drain = Drill("drain", proves: "T11", "SIGTERM a worker with live streams: they end there or go on elsewhere, none is cut") {
        stage in
        // One that waits for its streams, and one that has to give them back.
        for (name, limit) in [("SIGTERM, time to end", "60s"), ("SIGTERM, no time", "1s")] {
            try await strike(stage, "drain", name, workerOptions: ["--drain-limit", limit]) { cluster, victim, row in
                victim.process?.terminate()
            } afterwards: { cluster, victim, row in
                let ending = try await victim.process?.ended(within: DrillClients.patience)
                let name = ending.map { "\($0)" } ?? "nothing"
                // On a slow machine a second is not enough for all goodbyes; 1 says that, and costs nobody an answer.
                let mayBeLate = limit == "1s" && ending == .exited(1)
                row.require(ending == .exited(0) || mayBeLate, "the worker ended with \(name), not with 0")
                row.note("it ended with", name)
            }
        }
    }

    static let freeze = Drill(
        "freeze", proves: "T12", "SIGSTOP a worker with live streams, its sockets open: it is noticed, and used again"
    ) { stage in
        let span = stage.settings.span(.seconds(5))
        try await strike(stage, "freeze", "SIGSTOP") { cluster, victim, row in
            victim.process?.freeze()
            cluster.loop.schedule(after: span) { victim.process?.thaw() }
        } afterwards: { cluster, victim, row in
            victim.process?.thaw()
        }
    }

    private typealias Act = @LoopActor @Sendable (ProcessCluster, ClusterMember, inout DrillRow) async throws -> Void

    /// Streams on two workers, one of which is struck while all of them run.
    private static func strike(
        _ stage: DrillStage, _ drill: String, _ name: String, workerOptions: [String] = [], _ act: @escaping Act,
        afterwards: @escaping Act
    ) async throws {
        let streams = stage.settings.requests(200), seed = stage.settings.seed
        var shape = ClusterShape()
        // Streams last for some six seconds, whatever their number, and all of them fit on the one that is left.
        shape.workerOptions = ["--mock-decode-step", "40ms", "--mock-prefill-token", "2us", "--max-sequences", "2048"] + workerOptions
        try await stage.play(drill, name, shape) { cluster, row in
            let clients = DrillClients(cluster)
            for number in 0..<2 * streams { try clients.ask(.drill(number, tokens: 160, seed: seed)) }
            try await cluster.running(2 * streams)
            let (victim, load) = try await cluster.busiestWorker()
            row.note("on it", load)
            let id = try await cluster.workerID(victim), fault = cluster.loop.now
            try await act(cluster, victim, &row)
            row.detected = try await cluster.abandons(id, since: fault)
            try await clients.end()
            clients.judge(into: &row, since: fault)
            row.moved = try await cluster.moved()
            try await afterwards(cluster, victim, &row)
            try await cluster.settle(&row, clients, gone: victim.isRunning ? [] : [victim.name])
        }
    }
}
