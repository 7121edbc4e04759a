import ClusterModel
import EventLoop

/// A cluster on this machine whose roles reach each other only through proxies, one for each pair of roles.
///
/// Nobody in it knows: a router is told to the frontends at one loopback host and to the workers at another, and each worker and frontend
/// advertises a host that is not the one at which it listens.
@LoopActor
final class FaultyNetwork {
    /// What lies between two roles, in both directions of dialling.
    enum Path: String, CaseIterable, Sendable {
        case frontendRouter = "frontend and router"
        case routerWorker = "router and worker"
        case frontendWorker = "frontend and worker"
    }

    private struct Hosts {
        static let routerForFrontends = "127.0.0.2", frontend = "127.0.0.3"
        /// Each worker has a name for the router, and a name of its own.
        static func router(_ worker: Int) -> String { "127.0.1.\(worker + 1)" }
        static func worker(_ worker: Int) -> String { "127.0.2.\(worker + 1)" }
    }

    /// Each bears one path's conditions; `opposite` if the second role of the pair listens at the near end.
    private struct Part {
        let proxy: FaultProxy
        let path: Path
        /// Whose it is; nil: everybody's.
        let worker: Int?
        let isOpposite: Bool
    }

    private let cluster: ProcessCluster
    private var parts: [Part] = []

    init(_ cluster: ProcessCluster) { self.cluster = cluster }

    /// Puts workers and a frontend beside the router that runs.
    func start(workers: Int, workerOptions: [String], frontendOptions: [String]) async throws {
        guard let router = cluster.routers.first, let link = Self.port(router.addresses.links),
            let feed = Self.port(router.addresses.publish)
        else { throw Unmet("the router says where it listens") }
        let forFrontends = try add(Hosts.routerForFrontends, .frontendRouter)
        for port in [link, feed] { try await forFrontends.open(port: port, on: cluster.loop) }
        for number in 0..<workers {
            let forWorker = try add(Hosts.router(number), .routerWorker, of: number)
            for port in [link, feed] { try await forWorker.open(port: port, on: cluster.loop) }
            try await addWorker(number, workerOptions, router: "tcp://\(Hosts.router(number)):\(link)")
        }
        // What a router hears of a frontend, it hears on the frontend's feed.
        let toFrontend = try add(Hosts.frontend, .frontendRouter, isOpposite: true)
        let publish = try await toFrontend.open(on: cluster.loop)
        let frontend = try await cluster.addFrontend(
            frontendOptions + ["--advertise-host", Hosts.frontend], routers: "tcp://\(Hosts.routerForFrontends):\(link)",
            publish: "tcp://\(FaultProxy.target):\(publish)")
        try await cluster.ready(frontend)
    }

    private func addWorker(_ number: Int, _ options: [String], router: String) async throws {
        let host = Hosts.worker(number)
        // Frontends dial the first, routers the second; what routers ask on the first is rare, and may pass.
        let links = try add(host, .frontendWorker, of: number), feed = try add(host, .routerWorker, of: number, isOpposite: true)
        let port = try await links.open(on: cluster.loop), feedPort = try await feed.open(on: cluster.loop)
        try await cluster.addWorker(
            options + [
                "--listen", "tcp://\(FaultProxy.target):\(port)", "--publish", "tcp://\(FaultProxy.target):\(feedPort)",
                "--advertise-host", host,
            ], routers: router)
    }

    private func add(_ host: String, _ path: Path, of worker: Int? = nil, isOpposite: Bool = false) throws -> FaultProxy {
        let proxy = try FaultProxy(host: host)
        parts.append(Part(proxy: proxy, path: path, worker: worker, isOpposite: isOpposite))
        return proxy
    }

    private static func port(_ address: String?) -> UInt16? { address?.split(separator: ":").last.flatMap { UInt16($0) } }

    // MARK: Faults

    /// `there` is from the first role of the path to the second. `worker`: on its way alone, where there is one for each.
    func set(_ conditions: PathConditions, on path: Path, worker: Int? = nil) {
        for part in parts(path, worker) {
            part.proxy.set(part.isOpposite ? PathConditions(there: conditions.back, back: conditions.there) : conditions)
        }
    }

    func reset(_ path: Path, worker: Int? = nil) {
        for part in parts(path, worker) { part.proxy.reset() }
    }

    private func parts(_ path: Path, _ worker: Int?) -> [Part] {
        parts.filter { $0.path == path && (worker == nil || $0.worker == nil || $0.worker == worker) }
    }

    func close() {
        for part in parts { part.proxy.close() }
        parts = []
    }
}
