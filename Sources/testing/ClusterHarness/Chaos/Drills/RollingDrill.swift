import ClusterModel
import EventLoop

/// Every process of a cluster is replaced, one after another, round after round, as an upgrade or a new configuration would have it.
enum RollingDrill {
    static let rolling = Drill(
        "rolling", proves: "T14", "routers, workers and frontends are drained and started anew in turn, at 80 % load: no request fails"
    ) { stage in
        let least = stage.settings.requests(leastRequests)
        let rounds = max(1, least * fullRounds / leastRequests), seed = stage.settings.seed
        try await stage.play("rolling", rounds == 1 ? "a round" : "\(rounds) rounds", shape) { cluster, row in
            let balancer = ReadyFrontends(cluster), clients = DrillClients(cluster)
            balancer.start()
            defer { balancer.stop() }
            try await cluster.reach("everybody is linked") { try await cluster.isWhole() }
            // Small runs are also runs of slow builds.
            let pace = Pace(perSecond: min(fullRate, max(slowestRate, Double(least) / 10)), seed: seed)
            cluster.loop.spawn { await pace.ask(clients, balancer, cluster) }
            let began = cluster.loop.now
            var done = 0
            while done < rounds || clients.count < least {
                try await round(cluster, balancer)
                done += 1
            }
            let span = began.duration(to: cluster.loop.now)
            try await pace.stop(cluster)
            try await clients.end()
            clients.judge(into: &row, since: began)
            row.moved = try await cluster.moved()
            row.note("rounds", done)
            row.note("a round took", "\((span / done).inMilliseconds) ms")
            let rate = Double(row.requests) / span.inSeconds
            row.note("requests a second", "\(Int(rate)), \(Int(rate / capacity * 100)) % of what the workers can do")
            row.require(pace.unplaced == 0, "\(pace.unplaced) requests found no frontend that was ready")
            try await cluster.settle(&row, clients)
        }
    }

    private static let leastRequests = 20_000, fullRounds = 10
    private static let workers = 3, sequences = 32, tokens = 20
    private static let step = Duration.milliseconds(20)
    private static let load = 0.8
    /// Of all workers together, in requests a second.
    private static let capacity = Double(workers * sequences) / (Double(tokens) * step.inSeconds)
    private static let fullRate = load * capacity
    private static let slowestRate = 10.0
    /// A frontend serves on while balancers take notice: several of their probes.
    private static let grace = ReadyFrontends.interval * 5

    private static let shape: ClusterShape = {
        var shape = ClusterShape()
        shape.routers = 2
        shape.frontends = 2
        shape.workers = Array(repeating: .aggregated, count: workers)
        shape.workerOptions = [
            "--mock-decode-step", "\(step.inMilliseconds)ms", "--mock-prefill-token", "2us", "--max-sequences", "\(sequences)",
        ]
        shape.frontendOptions = ["--drain-grace", "\(grace.inMilliseconds)ms"]
        return shape
    }()

    @LoopActor
    private static func round(_ cluster: ProcessCluster, _ balancer: ReadyFrontends) async throws {
        for member in cluster.members {
            let ending = try await member.drain(within: DrillClients.patience)
            guard ending == .exited(0) else { throw Unmet("\(member.name), asked to drain, ends with 0, and not so: \(ending)") }
            try await member.start()
            for frontend in cluster.frontends { try await cluster.ready(frontend) }
            try await cluster.reach("everybody is linked again") {
                guard try await cluster.isWhole() else { return false }
                return cluster.frontends.allSatisfy(balancer.isReady)
            }
        }
    }

    /// Requests at a steady rate, whatever becomes of those before: a service's users do not wait for one another.
    @LoopActor
    private final class Pace {
        private static let atOnce = 8

        private let interval: Duration
        private let seed: UInt64
        private var isStopping = false
        private var isOver = false
        private(set) var unplaced = 0

        init(perSecond rate: Double, seed: UInt64) {
            interval = .seconds(1) / rate
            self.seed = seed
        }

        func ask(_ clients: DrillClients, _ balancer: ReadyFrontends, _ cluster: ProcessCluster) async {
            var due = cluster.loop.now
            while !isStopping {
                // A loop that comes late makes up for it, by a little at a time.
                for _ in 0..<Self.atOnce where due <= cluster.loop.now {
                    let request = ChatRequest.drill(clients.count, tokens: tokens, seed: seed), frontend = balancer.next()
                    if frontend == nil || (try? clients.ask(request, at: frontend)) == nil { unplaced += 1 }
                    due = due + interval
                }
                await cluster.loop.sleep(for: max(cluster.loop.now.duration(to: due), .milliseconds(1)))
            }
            isOver = true
        }

        func stop(_ cluster: ProcessCluster) async throws {
            isStopping = true
            try await cluster.loop.until("nobody asks any more", within: DrillClients.patience) { self.isOver }
        }
    }
}
