import ClusterModel
import EventLoop

/// Workers come and go, faster than anybody would have it, while requests are asked.
enum ChurnDrill {
    static let churn = Drill("churn", proves: "T15", "workers are added and removed all the time, killed or drained, while requests come") {
        stage in
        // A profile of 248 added and 149 removed under 1,536 requests in 12 minutes, and a quarter of it, faster, by default.
        let isFull = stage.settings.size == .full, requests = stage.settings.requests(isFull ? 1_536 : 384)
        let adds = max(1, requests * 248 / 1_536), removes = max(1, requests * 149 / 1_536)
        let span = stage.settings.span(.seconds(isFull ? 720 : 60)), seed = stage.settings.seed
        var shape = ClusterShape()
        shape.workers = Array(repeating: .aggregated, count: first)
        shape.workerOptions = workerOptions
        try await stage.play("churn", "\(adds) added, \(removes) removed", shape) { cluster, row in
            let clients = DrillClients(cluster), churn = Churn(cluster, seed: seed, adds: adds, removes: removes)
            let began = cluster.loop.now
            cluster.loop.spawn { await churn.run(over: span) }
            for number in 0..<requests {
                await cluster.loop.sleep(for: cluster.loop.now.duration(to: began + span * Double(number) / Double(requests)))
                try clients.ask(.drill(number, tokens: 100, seed: seed))
            }
            try await cluster.loop.until("the churn ends", within: span + DrillClients.patience) { churn.isOver }
            try await clients.end()
            // An error of the agreed form is an end: a request may meet more deaths than it has attempts.
            clients.judge(into: &row, since: began, mayFail: true)
            row.moved = try await cluster.moved()
            row.note("killed", churn.killed.count)
            row.note("drained", churn.drained.count)
            row.failures += churn.failures
            try await cluster.settle(&row, clients, gone: churn.killed + churn.drained)
        }
    }

    private static let first = 4
    private static let workerOptions = ["--mock-decode-step", "20ms", "--mock-prefill-token", "2us", "--drain-limit", "1s"]

    @LoopActor
    private final class Churn {
        private let cluster: ProcessCluster
        private var random: SeededRandom
        private var adds: Int
        private var removes: Int
        private(set) var killed: [String] = []
        private(set) var drained: [String] = []
        private(set) var failures: [String] = []
        private var starting = 0
        private var leaving: [ClusterMember] = []

        init(_ cluster: ProcessCluster, seed: UInt64, adds: Int, removes: Int) {
            self.cluster = cluster
            random = SeededRandom(seed: seed)
            self.adds = adds
            self.removes = removes
        }

        var isOver: Bool { adds == 0 && removes == 0 && starting == 0 && leaving.allSatisfy { !$0.isRunning } }

        func run(over span: Duration) async {
            let pause = span * (1 / Double(adds + removes))
            while adds + removes > 0 {
                // One that has not said where it listens is still being started.
                let standing = cluster.workers.filter { worker in
                    worker.isRunning && worker.addresses.admin != nil && !leaving.contains { $0 === worker }
                }
                // Somebody has to be left who serves.
                let mayRemove = removes > 0 && standing.count > 2
                if mayRemove, adds == 0 || random.next() % UInt64(adds + removes) < UInt64(removes) {
                    remove(standing[Int(random.next() % UInt64(standing.count))])
                } else if adds > 0 {
                    add()
                } else if starting == 0 {
                    removes = 0
                }
                await cluster.loop.sleep(for: pause)
            }
        }

        private func add() {
            adds -= 1
            starting += 1
            cluster.loop.spawn { [self] in
                do { try await cluster.addWorker(workerOptions) } catch { failures.append("a worker does not start: \(error)") }
                starting -= 1
            }
        }

        private func remove(_ worker: ClusterMember) {
            removes -= 1
            leaving.append(worker)
            if random.next() % 2 == 0 {
                killed.append(worker.name)
                worker.process?.killNow()
            } else {
                drained.append(worker.name)
                worker.process?.terminate()
            }
        }
    }
}
