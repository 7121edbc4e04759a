import ClusterModel
import EventLoop
import JSONText

/// One leg of split requests fails in every way that it can, in all phases at once: many requests are under way, each somewhere else.
enum LegDrill {
    static let legs = Drill(
        "legs", proves: "T17", "a prefill or a decode worker dies, stops or fails under split requests, or what lies between them does"
    ) { stage in
        for path in SplitCluster.Path.allCases {
            for leg in [ClusterShape.WorkerPart.prefill, .decode] {
                try await strike(stage, path, "\(leg.rawValue) killed", at: [leg]) { cluster, victims in
                    for victim in victims { try await victim.killNow() }
                } afterwards: { victims in
                    for victim in victims { try await victim.start() }
                }
                try await strike(stage, path, "\(leg.rawValue) stopped", at: [leg]) { cluster, victims in
                    for victim in victims { victim.process?.freeze() }
                    await cluster.loop.sleep(for: stage.settings.span(.seconds(8)))
                } afterwards: { victims in
                    for victim in victims { victim.process?.thaw() }
                }
                try await strike(stage, path, "\(leg.rawValue) drained", at: [leg], faults: ["--drain-limit", "1s"]) { cluster, victims in
                    for victim in victims { victim.process?.terminate() }
                } afterwards: { victims in
                    for victim in victims {
                        let ending = try await victim.process?.ended(within: DrillClients.patience)
                        // A second may not be enough for all goodbyes; 1 says that.
                        guard ending == .exited(0) || ending == .exited(1) else {
                            throw Unmet("\(victim.name) ends with 0, not \(ending.map { "\($0)" } ?? "-")")
                        }
                    }
                }
                let token = leg == .prefill ? "40" : "1500"
                try await strike(stage, path, "\(leg.rawValue) engine fails", at: [leg], faults: ["--fault-fail-at-token", token])
                // Of all requests half as many; a tenth of them may be tried again.
                try await strike(stage, path, "\(leg.rawValue) refuses", at: [leg], faults: ["--fault-refuse", "0.1"])
            }
            try await strike(stage, path, "both killed", at: [.prefill, .decode]) { cluster, victims in
                for victim in victims { try await victim.killNow() }
            } afterwards: { victims in
                for victim in victims { try await victim.start() }
            }
        }
        for chunk in ["1", "7", "40"] {
            try await strike(
                stage, .concurrent, "link breaks at chunk \(chunk)", at: [.prefill], faults: ["--fault-drop-kv-link-at-chunk", chunk])
        }
    }

    private static let users = 24
    private static let heldUp = Duration.seconds(1)
    /// Requests run in all phases by then.
    private static let warmUp = Duration.seconds(1)
    private static let span = Duration.seconds(4)

    private typealias Act = @LoopActor @Sendable (ProcessCluster, [ClusterMember]) async throws -> Void

    /// A healthy worker of each role, and of each of `legs` one that is struck.
    private static func strike(
        _ stage: DrillStage, _ path: SplitCluster.Path, _ name: String, at legs: [ClusterShape.WorkerPart], faults: [String] = [],
        _ act: @escaping Act = { _, _ in }, afterwards: @escaping @LoopActor @Sendable ([ClusterMember]) async throws -> Void = { _ in }
    ) async throws {
        let users = stage.settings.requests(users), seed = stage.settings.seed
        let shape = SplitCluster.shape(path, prefill: 1, decode: 1)
        try await stage.play("legs", "\(path.rawValue), \(name)", shape, isMinor: !name.hasSuffix("killed")) { cluster, row in
            var victims: [ClusterMember] = []
            for leg in legs { victims.append(try await cluster.addWorker(["--role", leg.rawValue] + shape.workerOptions + faults)) }
            try await cluster.reach("everybody is linked") { try await cluster.isWhole() }
            let clients = DrillClients(cluster)
            // A busy worker takes a while to hand over between two tokens.
            clients.heldUp = heldUp
            try clients.keepAsking(users) { number in
                .drill(number, tokens: 60, prompt: 500 + number * 7_919 % 3_500, seed: seed)
            }
            await cluster.loop.sleep(for: warmUp)
            for victim in victims {
                let requests = try await cluster.state(of: victim)?["state"]?["requests"]?.asInt ?? 0
                row.note("on \(victim.name)", requests)
            }
            let fault = cluster.loop.now
            try await act(cluster, victims)
            await cluster.loop.sleep(for: stage.settings.span(span))
            try await afterwards(victims)
            await cluster.loop.sleep(for: warmUp)
            try await clients.end()
            clients.judge(into: &row, since: fault)
            row.moved = try await cluster.moved()
            // An engine that fails takes its process along.
            try await cluster.settle(&row, clients, gone: faults.isEmpty ? [] : victims.filter { !$0.isRunning }.map(\.name))
        }
    }
}
