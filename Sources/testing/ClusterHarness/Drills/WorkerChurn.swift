import ClusterModel
import EventLoop
import Transport

/// Workers come and go, faster than anybody would have it, while requests are asked.
enum WorkerChurn {
    static let drill = VirtualDrill(
        "churn", proves: "T15", "248 workers are added and 149 removed in 12 minutes, killed or drained, under 1,536 requests",
        [longest, released]
    ) { stage in try play(stage) }

    /// What the frontends are told: whatever a request meets, it has ended by then.
    private static let deadline = Duration.seconds(30)
    /// From asking to the end of the answer or the error: the deadline, and the way of the last byte.
    private static let longest = DrillFigure("longest", atMost: deadline + .milliseconds(10))
    /// A leg that its frontend has given up is gone from its worker, unless that falls silent itself: then after its two seconds.
    private static let released = DrillFigure("released", atMost: .milliseconds(2_300))

    private struct Extent {
        let adds: Int
        let removes: Int
        let requests: Int
        let span: Duration

        init(_ size: DrillSize) {
            // The same pace for half a minute.
            (adds, removes, requests, span) = size == .whole ? (248, 149, 1_536, .seconds(720)) : (9, 6, 60, .seconds(28))
        }
    }

    private static let first = 4
    private static let tokens = 60
    private static let workerOptions = [
        "--mock-decode-step", "20ms", "--mock-prefill-token", "2us", "--drain-limit", "1s", "--blocks", "1024",
    ]

    private static func play(_ stage: VirtualStage) throws {
        let extent = Extent(stage.size)
        var shape = ClusterShape()
        shape.routers = stage.random.within(1...2)
        shape.frontends = 2
        shape.workers = Array(repeating: .aggregated, count: first)
        shape.workerOptions = workerOptions
        shape.frontendOptions = ["--total-limit", "\(deadline.inMilliseconds)ms", "--first-token-limit", "20s"]
        let cluster = try stage.open(shape, watchedEach: .milliseconds(20)), churn = Churn(cluster, stage.random.split())
        for number in 0..<extent.requests {
            stage.ask(.drill(number, tokens: tokens, seed: stage.seed), after: stage.random.span(.zero, to: extent.span))
        }
        for _ in 0..<extent.adds { churn.add(after: stage.random.span(.zero, to: extent.span)) }
        for _ in 0..<extent.removes { churn.remove(after: stage.random.span(.zero, to: extent.span)) }
        cluster.pass(extent.span)
        try stage.untilAnswered(within: deadline + .seconds(5))
        stage.describe("\(extent.adds) added, \(churn.killed) killed, \(churn.drained) drained")
        stage.measure(longest, stage.asked.compactMap { $0.reply?.http.took }.max() ?? .zero)
        stage.judge(mayFail: true)
        try stage.until("everybody who was told to leave has left", within: .seconds(10)) { churn.sweep() }
        try stage.settle()
        stage.measure(released, stage.longestUnwanted)
    }

    private final class Churn {
        private let cluster: VirtualCluster
        private var random: SeededRandom
        private var leaving: [VirtualMember] = []
        private(set) var killed = 0
        private(set) var drained = 0

        init(_ cluster: VirtualCluster, _ random: SeededRandom) {
            self.cluster = cluster
            self.random = random
        }

        func add(after span: Duration) {
            cluster.world.schedule(after: span) { [cluster] in
                do { try cluster.addWorker(.aggregated, WorkerChurn.workerOptions) } catch {
                    preconditionFailure("workers started with these options before: \(error)")
                }
            }
        }

        func remove(after span: Duration) {
            cluster.world.schedule(after: span) { [self] in removeNow() }
        }

        private func removeNow() {
            _ = sweep()
            let standing = cluster.members(.worker).filter { worker in worker.canServe && !leaving.contains { $0 === worker } }
            // Somebody has to be left who serves.
            guard standing.count > 2 else { return }
            let worker = random.one(of: standing)
            leaving.append(worker)
            if random.flip() {
                drained += 1
                worker.drain()
            } else {
                killed += 1
                worker.kill(random.below(4) == 0 ? .silent : .reset)
            }
        }

        /// Those who have gone are no part of the cluster any more; true if nobody is still about to go.
        func sweep() -> Bool {
            let gone = leaving.filter { !$0.isAlive }
            leaving.removeAll { !$0.isAlive }
            for worker in gone { cluster.remove(worker) }
            return leaving.isEmpty
        }
    }
}
