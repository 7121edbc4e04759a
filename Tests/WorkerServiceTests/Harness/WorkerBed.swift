import ClusterModel
import Concurrency
import Engines
import EventLoop
import JSONText
import ProcessKit
import Telemetry
import Transport
import WireProtocol
import WorkerService

/// Lines that a worker wrote.
final class LogLines: LogSink {
    private let lines = Lock<[String]>([])
    var all: [String] { lines.with { $0 } }
    func write(_ line: [UInt8]) -> Bool {
        lines.with { $0.append(String(decoding: line, as: UTF8.self)) }
        return true
    }
    func contains(_ text: String) -> Bool { all.contains { $0.contains(text) } }
}

/// A worker has no HTTP of its own.
final class NoSockets: SocketSystem {
    func listen(
        host: String, port: UInt16, options: ListenOptions, _ accept: @escaping @LoopActor (any ByteSocket) -> Void
    ) throws(SystemError) -> any SocketListener { throw SystemError("listen", code: 1) }
    func connect(
        host: String, port: UInt16, timeout: Duration, _ done: @escaping @LoopActor (Result<any ByteSocket, SystemError>) -> Void
    ) { done(.failure(SystemError("connect", code: 1))) }
}

enum Policies {
    static func policy(_ role: PeerRole, id: UInt64, generation: UInt64) -> LinkPolicy {
        var policy = LinkPolicy(
            identity: Identity(role: role, id: id, generation: generation, name: "\(role)-\(id)"),
            cluster: ClusterValues(clusterID: "test"))
        policy.secret = Array("of the cluster".utf8)
        return policy
    }

    static func context(loop: Loop, network: any Network, log: LogLines, policy: LinkPolicy) -> ProcessContext {
        let metrics = MetricsRegistry()
        return ProcessContext(
            loop: loop, network: network, sockets: NoSockets(), pool: WorkPool(threads: 0),
            log: Logger(level: .debug, style: .json, sink: log, metrics: metrics, wallClock: { loop.wallClockMilliseconds }),
            metrics: metrics, policy: policy, advertisedHost: nil)
    }
}

/// One worker in virtual time, with a scripted router, and frontends that the test makes.
final class WorkerBed: @unchecked Sendable {
    // Safety: one test at a time drives the world.
    let world: VirtualWorld
    let fabric: SimulatedFabric
    let loop: VirtualLoop
    let host: SimulatedHost
    let log = LogLines()
    let service: WorkerService
    let metrics: MetricsRegistry
    private(set) var router: ScriptedRouter
    static let routerAddress = Address(host: "router", port: 8_100)

    init(seed: UInt64 = 1, engine: MockConfiguration = .worker(), _ change: (inout WorkerConfig) -> Void = { _ in }) throws {
        world = VirtualWorld(seed: seed)
        fabric = SimulatedFabric(world: world)
        loop = world.makeLoop("worker")
        host = fabric.host("worker", loop: loop)
        router = try ScriptedRouter(world, fabric, generation: 0x51)
        var config = WorkerConfig()
        config.routers = [Self.routerAddress]
        config.listen = Address(host: "worker", port: 0)
        config.publish = Address(host: "worker", port: 0)
        config.engine = .mock(engine)
        change(&config)
        let context = Policies.context(
            loop: loop, network: host, log: log, policy: Policies.policy(.worker, id: 0x3033, generation: 0x77))
        metrics = context.metrics
        service = loop.perform { [config, loop] in
            _ = loop
            return WorkerService(config, context)
        }
        try run { [service] in try await service.start() }
    }

    /// A task on the worker's loop, to its end.
    func run<Success: Sendable>(
        within limit: Duration = .seconds(300), _ body: @escaping @LoopActor @Sendable () async throws -> Success
    ) throws -> Success { try world.run(on: loop, within: limit, body) }

    /// Something on the worker's loop, now.
    func on<Result>(_ body: @LoopActor (WorkerService) -> Result) -> Result { loop.perform { body(service) } }

    func pass(_ span: Duration) { world.run(for: span) }

    /// Lets time pass until the condition holds.
    func until(_ what: String, within limit: Duration = .seconds(120), _ condition: () -> Bool) throws {
        // In steps: a condition that looks into a process gives it a turn, and time would stand still.
        let deadline = world.now + limit
        while !condition() {
            guard world.now < deadline else { throw NotInTime(what) }
            world.run(for: .milliseconds(1))
        }
    }

    func registered() throws { try until("registered") { on { $0.registeredRouters } == 1 } }

    /// The router's process ends, and another one takes its place.
    func restartRouter() throws {
        router.host.kill(.reset)
        router = try ScriptedRouter(world, fabric, generation: 0x52)
    }

    func frontend(_ name: String = "front", id: UInt64 = 0xF1, generation: UInt64 = 0xAB, role: PeerRole = .frontend) throws
        -> ScriptedFrontend
    {
        try ScriptedFrontend(name, self, Policies.policy(role, id: id, generation: generation))
    }

    var card: ModelCard { router.registrations.last?.card ?? ModelCard() }

    /// Nothing of any request is left.
    var isAtRest: Bool { on { $0.isIdle && $0.openRequests == 0 } }

    func count(_ metric: String) -> String {
        var text = TextExposition()
        text.append(metrics)
        let lines = String(decoding: text.bytes, as: UTF8.self).split(separator: "\n")
        return lines.first { $0.hasPrefix(metric) }.map { String($0.split(separator: " ").last ?? "") } ?? ""
    }
}

struct NotInTime: Error, CustomStringConvertible {
    let description: String
    init(_ what: String) { description = "did not happen in time: \(what)" }
}

extension VirtualWorld {
    private final class Box<Value>: @unchecked Sendable {
        // Safety: written in a turn of the world, read between turns.
        var value: Value?
    }

    func run<Success: Sendable>(
        on loop: VirtualLoop, within limit: Duration, _ body: @escaping @LoopActor @Sendable () async throws -> Success
    ) throws -> Success {
        let box = Box<Result<Success, any Error>>()
        loop.spawn {
            do { box.value = .success(try await body()) } catch { box.value = .failure(error) }
        }
        run(for: limit) { box.value != nil }
        guard let result = box.value else { throw NotInTime("a step of the test") }
        return try result.get()
    }
}

extension MockConfiguration {
    /// Small enough that a test can fill it, with steps of 10 ms.
    static func worker(
        sequences: UInt32 = 4, batched: UInt32 = 256, waiting: UInt32 = 8, blocks: UInt32 = 512, ranks: Int = 1,
        step: Duration = .milliseconds(10)
    ) -> MockConfiguration {
        MockConfiguration(
            blockSize: 16, contextLength: 4_096, ranks: ranks,
            room: EngineRank(totalBlocks: blocks, maxSequences: sequences, maxBatchedTokens: batched, maxWaiting: waiting),
            latency: LatencyModel(form: .fixed(prefillPerToken: .microseconds(100), decodeStep: step)))
    }
}
