package import ClusterModel
package import Engines
package import EventLoop
import ProcessKit
package import Telemetry
package import Transport
package import WireProtocol
package import WorkerService

/// One life of a real worker in virtual time, with a simulated engine that can be looked into.
package final class StreamWorker: @unchecked Sendable {
    // Safety: belongs to the one thread that runs its world.

    package static let id: UInt64 = 0x3033
    package static let name = "worker"
    package static let links = Address(host: name, port: 8_200), feed = Address(host: name, port: 8_201)
    package static let control = Address(host: "frontend", port: 8_100)

    package let generation: UInt64
    package let loop: VirtualLoop
    package let host: SimulatedHost
    package let engine: WatchedEngine
    private let service: WorkerService
    private let pool = WorkPool(threads: 0)
    package let metrics = MetricsRegistry()

    package init(
        generation: UInt64, _ mock: MockConfiguration, in world: VirtualWorld, _ fabric: SimulatedFabric,
        _ change: (inout WorkerConfig) -> Void = { _ in }
    ) {
        self.generation = generation
        let loop = world.makeLoop(Self.name), host = fabric.host(Self.name, loop: loop), engine = WatchedEngine(mock)
        self.loop = loop
        self.host = host
        self.engine = engine
        var config = WorkerConfig()
        config.routers = [Self.control]
        config.listen = Self.links
        config.publish = Self.feed
        config.engine = .made { engine }
        change(&config)
        let context = ProcessContext(
            loop: loop, network: host, sockets: VirtualSockets(Self.name, loop: loop, on: VirtualSocketFabric(world)), pool: pool,
            log: Logger(level: .error, style: .json, sink: LogCapture(), metrics: metrics, wallClock: { 0 }), metrics: metrics,
            policy: Self.policy(.worker, id: Self.id, generation: generation), advertisedHost: nil)
        let service = loop.perform { [config] in WorkerService(config, context) }
        self.service = service
        loop.spawn { do { try await service.start() } catch { preconditionFailure("the worker did not start: \(error)") } }
    }

    package static func policy(_ role: PeerRole, id: UInt64, generation: UInt64) -> LinkPolicy {
        var policy = LinkPolicy(
            identity: Identity(role: role, id: id, generation: generation, name: "\(role)"),
            cluster: ClusterValues(clusterID: "streams"))
        policy.secret = VirtualProcess.secret
        return policy
    }

    /// Nothing runs, and nothing waits to be said.
    package var isIdle: Bool { loop.perform { service.isIdle && service.openRequests == 0 } }

    /// What the engine itself says that its caches hold: all of it on the device.
    package var blocks: [WorkerPicture.Place: [UInt64: UInt64]] {
        var all: [WorkerPicture.Place: [UInt64: UInt64]] = [:]
        for rank in engine.profile.ranks.indices {
            let cached = engine.cached(Rank(UInt32(rank)))
            guard !cached.isEmpty else { continue }
            all[.init(rank: UInt32(rank), tier: .device)] = Dictionary(
                cached.map { ($0.hash.rawValue, $0.parent?.rawValue ?? 0) }, uniquingKeysWith: { first, _ in first })
        }
        return all
    }

    package func kill(_ how: ProcessDeath) { if !host.isDead { host.kill(how) } }
}

/// The simulated engine, with its steps remembered, and a hand on its cache.
package final class WatchedEngine: InferenceEngine, @unchecked Sendable {
    // Safety: belongs to the one thread that runs its world.

    private let engine: MockEngine
    /// When each step began.
    package private(set) var steps: [Instant] = []
    private var clears: [Rank] = []

    init(_ configuration: MockConfiguration) { engine = MockEngine(configuration) }

    /// Before the next step, whenever that is.
    package func clearSoon(_ rank: Rank) { clears.append(rank) }
    package func cached(_ rank: Rank) -> [CachedBlock] { engine.cachedBlocks(ofRank: rank) }
    package var problems: [String] { engine.checkInvariants() }

    package var profile: EngineProfile { engine.profile }
    package var hasWork: Bool { engine.hasWork || !clears.isEmpty }
    package func admit(_ request: EngineRequest) { engine.admit(request) }
    package func cancel(_ key: EngineRequestKey, choice: UInt8?) { engine.cancel(key, choice: choice) }
    package func session(_ command: SessionCommand) { engine.session(command) }
    package func clearCache(of rank: Rank) { engine.clearCache(of: rank) }

    package func step(at now: Instant, into output: inout StepOutput) throws(EngineFailure) -> Duration {
        steps.append(now)
        for rank in clears { engine.clearCache(of: rank) }
        clears = []
        return try engine.step(at: now, into: &output)
    }
}
