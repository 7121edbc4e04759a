import ClusterModel
import EventLoop

/// Where a load balancer would send the next request: it asks every frontend for its readiness, again and again, and goes round those that are
/// ready. It never tries a request twice.
@LoopActor
final class ReadyFrontends {
    /// Those of a usual balancer are seconds; frontends that drain must give it the time.
    nonisolated static let interval = Duration.milliseconds(100)
    private static let probeLimit = Duration.seconds(1)

    private let cluster: ProcessCluster
    private var ready: [Bool]
    private var turn = 0
    private var isOver = false

    init(_ cluster: ProcessCluster) {
        self.cluster = cluster
        ready = cluster.frontends.map { _ in true }
    }

    func start() {
        for place in cluster.frontends.indices { cluster.loop.spawn { [self] in await probe(place) } }
    }

    func stop() { isOver = true }

    /// Nil when none is ready.
    func next() -> ClusterMember? {
        for _ in ready.indices {
            turn = (turn + 1) % ready.count
            if ready[turn] { return cluster.frontends[turn] }
        }
        return nil
    }

    func isReady(_ frontend: ClusterMember) -> Bool {
        cluster.frontends.firstIndex { $0 === frontend }.map { ready[$0] } ?? false
    }

    private func probe(_ place: Int) async {
        var conduct = ClientConduct()
        conduct.patience = Self.probeLimit
        while !isOver {
            let admin = try? cluster.admin(of: cluster.frontends[place])
            ready[place] = await admin?.get("/readyz", conduct).status == 200
            await cluster.loop.sleep(for: Self.interval)
        }
    }
}
