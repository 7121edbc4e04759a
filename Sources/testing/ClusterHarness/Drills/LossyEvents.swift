import ClusterModel
import EventLoop
import Transport
import WireProtocol

/// Events get lost, come twice and in disorder, and their publisher begins anew, while requests are routed by them.
enum LossyEvents {
    static let drill = VirtualDrill(
        "events", proves: "T19",
        "1 % of events lost, 5 % doubled, 5 % in disorder, a worker begins anew; routers believe what is so, and send nobody in vain",
        [truth]
    ) { stage in try play(stage) }

    /// From the last answer until every router believes of every worker what that has; events still get lost meanwhile.
    private static let truth = DrillFigure("index true", atMost: .seconds(2))
    /// Decisions for a block that was gone, of all.
    private static let mostStale = 0.001

    /// How the worker that begins anew numbers its lives.
    private enum Restart: String, CaseIterable { case drawn = "drawn", higher = "higher", lower = "lower" }

    private static let blocks = 1_200, families = 12, tokens = 6, longestAnswer = Duration.seconds(60)

    private static func play(_ stage: VirtualStage) throws {
        var shape = ClusterShape()
        shape.routers = stage.random.within(1...2)
        shape.frontends = 2
        shape.workers = [.aggregated, .aggregated, .aggregated]
        shape.workerOptions = ["--blocks", "\(blocks)", "--mock-decode-step", "5ms", "--mock-prefill-token", "10us"]
        let ears = GapEars(), cluster = try stage.open(shape, watchedEach: .milliseconds(20)) { $0.interposing = ears.interposer }
        spoil(cluster)
        let requests = stage.size == .whole ? 3_000 : 400, span = Duration.milliseconds(10) * requests
        for number in 0..<requests {
            let request = EventDrills.request(number, families: families, tokens: tokens, seed: stage.seed)
            stage.ask(request, after: stage.random.span(.zero, to: span))
        }
        cluster.pass(span / 2)
        let victim = stage.random.one(of: cluster.members(.worker)), how = stage.random.one(of: Restart.allCases)
        restart(victim, how, cluster)
        cluster.pass(span / 2)
        try stage.untilAnswered(within: longestAnswer)
        judge(stage, how, requests, ears)
        stage.judge(mayFail: true)
        cluster.fabric.plan = FaultPlan(LinkFaults())
        try stage.settle()
    }

    private static func spoil(_ cluster: VirtualCluster) {
        var faults = cluster.fabric.plan.standard
        (faults.feedLoss, faults.feedDuplication, faults.feedReordering) = (0.01, 0.05, 0.05)
        for worker in cluster.members(.worker) {
            for router in cluster.members(.router) { cluster.fabric.plan[worker.name, router.name] = faults }
        }
    }

    private static func restart(_ worker: VirtualMember, _ how: Restart, _ cluster: VirtualCluster) {
        var identity = worker.process.identity
        switch how {
        case .drawn: cluster.identities[worker.name] = nil
        case .higher, .lower:
            identity.generation = how == .higher ? identity.generation / 2 + .max / 2 : identity.generation / 2
            cluster.identities[worker.name] = identity
        }
        worker.kill()
        cluster.world.schedule(after: .milliseconds(300)) { worker.restart() }
    }

    private static func judge(_ stage: VirtualStage, _ how: Restart, _ requests: Int, _ ears: GapEars) {
        let cluster = stage.cluster
        if let span = EventDrills.untilTrue(stage, within: .seconds(2)) {
            stage.measure(truth, span)
        } else {
            for error in EventDrills.errors(cluster) { stage.violated("two quiet seconds later \(error)") }
        }
        let decisions = EventDrills.sum("apus_router_plans_total", .router, cluster)
        let stale = EventDrills.sum("apus_router_stale_hits_total", .router, cluster)
        let gaps = EventDrills.sum("apus_router_stream_gaps_total", .router, cluster)
        let snapshots = EventDrills.sum("apus_router_stream_recoveries_total", .router, cluster)
        stage.describe("\(decisions) decisions, \(stale) in vain; \(gaps) gaps counted of \(ears.gaps) heard; generation \(how.rawValue)")
        stage.require(Double(stale) <= mostStale * Double(decisions), "\(stale) of \(decisions) decisions were for blocks that were gone")
        // A snapshot that is newer than what was heard hides a gap, and the first message of a life begins its count.
        let slack = snapshots / 4 + 3 * cluster.members(.router).count
        stage.require(gaps > 0 && abs(gaps - ears.gaps) <= slack, "\(gaps) gaps were counted, \(ears.gaps) heard")
        stage.require(decisions >= requests, "\(decisions) decisions for \(requests) requests")
    }
}

/// Counts what routers must have heard with numbers missing before it, from what their subscriptions deliver and nothing else.
private final class GapEars {
    private var oracles: [GapOracle] = []

    var gaps: Int { oracles.reduce(0) { $0 + $1.gaps } }

    func interposer(_ process: String, _ origin: ConnectionOrigin, _ loop: VirtualLoop) -> (any Interposer)? {
        guard process.hasPrefix("router"), case .subscribed(let feed) = origin, feed.host.hasPrefix("worker") else { return nil }
        let ear = Ear()
        ear.ears = self
        return ear
    }

    private final class Ear: Interposer {
        weak var ears: GapEars?
        private var lives: [UInt64: GapOracle] = [:]

        func arriving(_ message: [UInt8]) {
            guard let header = try? MessageHeader(reading: message.span.bytes), let kind = header.kind else { return }
            guard kind == .workerEvents || kind == .beat else { return }
            let oracle = lives[header.origin] ?? GapOracle(generation: header.origin)
            if lives.updateValue(oracle, forKey: header.origin) == nil { ears?.oracles.append(oracle) }
            message.withUnsafeBytes { oracle.delivered($0) }
        }
    }
}
