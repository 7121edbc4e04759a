import ClusterModel
import Concurrency
import EventLoop
import ProcessKit
package import ServiceRuntime
package import Telemetry
import Transport
import WireProtocol
import WorkerService

/// One life of a process in a simulated cluster: the services of the real program on a virtual loop.
package final class VirtualProcess: @unchecked Sendable {
    // Safety: belongs to the one thread that runs its world.

    package let name: String
    private let version: ProgramVersion
    let loop: VirtualLoop
    let host: SimulatedHost
    /// Who it is on its links.
    private(set) var identity = Identity()
    private let sockets: VirtualSockets
    let log = LogCapture()
    private let metrics = MetricsRegistry()
    private let lifecycle: LoopHost
    private let logger: Logger
    private unowned let cluster: VirtualCluster
    private var parts: VirtualProgram.Parts?
    /// Set when all its services have ended by themselves.
    package private(set) var exitCode: ExitCode?
    private(set) var wasToldToEnd = false
    /// Set when it ends by itself: what still waits for its time then.
    private(set) var timersLeft = 0
    /// The same of the links that it dialled: afterwards all are closed with it, as a kernel does.
    private(set) var linksLeft = 0
    /// Told when an injected fault kills it, or its engine.
    var whenCrashed: (() -> Void)?

    /// What peers must prove to know: the hosts are not loopback to one another.
    package static let secret = Array("the secret of a cluster that does not exist".utf8)
    private static let startLimit = Duration.seconds(60)

    init(_ name: String, _ program: VirtualProgram, _ version: ProgramVersion, in cluster: VirtualCluster) {
        self.name = name
        self.version = version
        let loop = cluster.world.makeLoop(name)
        self.loop = loop
        self.cluster = cluster
        host = cluster.fabric.host(name, loop: loop)
        sockets = VirtualSockets(name, loop: loop, on: cluster.socketFabric)
        if let points = cluster.points { loop.watchFaultPoints(points) }
        logger = Logger(level: .debug, style: .json, sink: log, metrics: metrics, wallClock: { loop.wallClockMilliseconds })
        lifecycle = loop.perform { [logger] in LoopHost(on: loop, log: logger, systemd: SystemdNotify(environment: [:])) }
        let network = Self.network(over: host, of: name, version, on: loop, in: cluster), identity = cluster.identities[name]
        loop.perform { start(program, network, identity, metrics, cluster.pool) }
    }

    @LoopActor
    private func start(
        _ program: VirtualProgram, _ network: any Network, _ identity: Identity?, _ metrics: MetricsRegistry, _ pool: WorkPool
    ) {
        var policy = program.options.policy(program.resolved, id: program.id, on: loop)
        policy.secret = Self.secret
        policy.identity = identity ?? policy.identity
        version.apply(to: &policy)
        self.identity = policy.identity
        let context = ProcessContext(
            loop: loop, network: network, sockets: sockets, pool: pool, log: logger, metrics: metrics, policy: policy, advertisedHost: name)
        do {
            let parts = try program.parts(context)
            self.parts = parts
            parts.whenCrashed { [weak self] in self?.crash() }
            // A worker without its engine is of no use, and its process ends.
            parts.whenFailed { [weak self] reason in self?.failed(reason) }
            let limit = program.resolved[program.options.drainLimit]
            let errand = Errand(ServiceGroup([parts.service], startLimit: Self.startLimit, drainLimit: limit), lifecycle, self)
            loop.spawn { await errand.run() }
        } catch { preconditionFailure("\(name) could not be put together: \(error)") }
    }

    /// With whoever the cluster puts between a process and its peers, and what a later version says.
    private static func network(
        over host: SimulatedHost, of name: String, _ version: ProgramVersion, on loop: VirtualLoop, in cluster: VirtualCluster
    ) -> any Network {
        var network: any Network = host
        if let interposing = cluster.interposing {
            network = InterposedNetwork(network) { interposing(name, $0, loop) ?? Bystander() }
        }
        guard version != .today else { return network }
        let witness = cluster.witness
        return InterposedNetwork(network) { origin in
            switch origin {
            case .dialled, .accepted: LaterSpeaker(version, isLink: true, witness)
            case .published: LaterSpeaker(version, isLink: false, witness)
            case .subscribed: Bystander()
            }
        }
    }

    /// Changes nothing.
    private final class Bystander: Interposer {}

    fileprivate func ended(_ code: ExitCode) {
        exitCode = code
        // What the process's sockets said last is under way; a kernel would deliver it too.
        loop.world.schedule(after: .milliseconds(20)) { [self] in
            linksLeft = cluster.fabric.openConnections(dialledBy: name)
            // Whoever dialled it as it ended is being refused, and that has a limit too.
            if cluster.openLinks(of: name) == 0 { timersLeft = loop.perform { loop.timersWaiting } }
            kill(.reset)
        }
    }

    /// SIGTERM.
    func drain() {
        wasToldToEnd = true
        let lifecycle = lifecycle
        loop.perform { lifecycle.request(.requested(by: "the simulation")) }
    }

    /// What an operator's order to a worker does.
    func clearCache() {
        guard isAlive, let parts else { return }
        loop.perform { parts.clearCache() }
    }

    func kill(_ how: ProcessDeath) {
        host.kill(how)
        sockets.kill(how == .reset ? .reset : .silent)
    }

    @LoopActor
    private func failed(_ reason: String) {
        whenCrashed?()
        lifecycle.request(.failed(reason))
    }

    /// Behind the turn of its loop that asks for it.
    private func crash() {
        loop.world.schedule(after: .zero) { [self] in
            whenCrashed?()
            kill(.reset)
        }
    }

    var isServing: Bool { isAlive && loop.perform { lifecycle.isReady } }
    var isAlive: Bool { exitCode == nil && !host.isDead }

    /// What a process at rest holds that it should not.
    var held: [String] {
        guard isAlive, let parts else { return [] }
        return loop.perform { parts.held() }
    }

    /// What is above its limit now, in words.
    var beyondLimits: [String] {
        guard isAlive, let parts else { return [] }
        return loop.perform { parts.beyondLimits() }
    }

    /// Of a worker that lives.
    var truth: WorkerTruth? {
        guard isAlive, let parts else { return nil }
        return loop.perform { parts.truth() }
    }

    /// Of a worker: its legs, and those that have ended and that its engine has not let go of.
    var legs: (open: [OpenLeg], closing: [OpenLeg]) {
        guard isAlive, let parts else { return ([], []) }
        return loop.perform { parts.legs() }
    }

    /// Of a worker: rooms, and bytes of state that is handed over, between links and engine.
    var handOvers: (rooms: Int, bytes: Int) {
        guard isAlive, let parts else { return (0, 0) }
        return loop.perform { parts.handOvers() }
    }

    /// Of a frontend that lives.
    var asked: AskedLegs? {
        guard isAlive, let parts else { return nil }
        return loop.perform { parts.asked() }
    }

    /// Where a router is wrong about a worker.
    func errors(about worker: WorkerTruth) -> [String] {
        guard isAlive, let parts else { return [] }
        return loop.perform { parts.errors(worker) }
    }

    /// Where a router believes in more than a worker has.
    func phantoms(about worker: WorkerTruth) -> [String] {
        guard isAlive, let parts else { return [] }
        return loop.perform { parts.phantoms(worker) }
    }

    /// A sample of a metric, summed over its labels; nil if there is none of that name.
    package func metric(_ name: String) -> Double? { sums.sum(of: name) }

    /// Those of all its metrics.
    var sums: MetricSums {
        var text = TextExposition()
        loop.perform { text.append(metrics) }
        return MetricSums(text)
    }

    /// Every family of metrics that its services have made.
    package var metricCatalogue: [MetricCatalogueEntry] { metrics.catalogue }

    /// What it does not see of a cluster of that shape.
    func missing(of shape: ClusterShape) -> [String] {
        guard isAlive, let parts else { return ["it does not live"] }
        return loop.perform { parts.missing(shape) }
    }

    /// Requests, or at a router leases, that have not ended.
    package var openRequests: Int { isAlive ? parts.map { parts in loop.perform { parts.openRequests() } } ?? 0 : 0 }
    /// At a router: requests that wait for a place.
    var parked: Int { isAlive ? parts.map { parts in loop.perform { parts.parked() } } ?? 0 : 0 }
    /// Whether it could do its work now: a frontend has routers and a model.
    var canServe: Bool { isServing && parts.map { parts in loop.perform { parts.canServe() } } ?? false }

    /// A group's run is one task, and stays on the loop that it was made on.
    private final class Errand: @unchecked Sendable {
        // Safety: made and run on one virtual loop.
        private let group: ServiceGroup
        private let lifecycle: LoopHost
        private unowned let process: VirtualProcess

        init(_ group: ServiceGroup, _ lifecycle: LoopHost, _ process: VirtualProcess) {
            self.group = group
            self.lifecycle = lifecycle
            self.process = process
        }

        @LoopActor func run() async { process.ended(await group.run(on: lifecycle)) }
    }
}

/// The log of a virtual process, kept.
package final class LogCapture: LogSink {
    /// Of a long run the last lines tell why.
    private static let lineLimit = 4_000
    private static let moved = Array(#""msg":"attempt failed""#.utf8)

    private struct Captured: Sendable {
        var lines: [String] = []
        var moved = 0
    }

    private let captured = Lock(Captured())

    package var lines: [String] { captured.with { $0.lines } }
    /// Attempts of a frontend's that were followed by another one.
    package var attemptsMoved: Int { captured.with { $0.moved } }

    package func write(_ line: [UInt8]) -> Bool {
        let isMove = line.firstRange(of: Self.moved) != nil
        captured.with { captured in
            captured.lines.append(String(decoding: line.dropLast(), as: UTF8.self))
            if captured.lines.count > Self.lineLimit { captured.lines.removeFirst(Self.lineLimit / 2) }
            if isMove { captured.moved += 1 }
        }
        return true
    }
}
