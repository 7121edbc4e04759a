import ClusterModel
import EventLoop
import JSONText
import ProcessKit
import Scheduling
import Telemetry
import Testing
import Transport
import WireProtocol

@testable import RouterService

/// A router in virtual time, with scripted workers and frontends around it.
final class RouterWorld: @unchecked Sendable {
    // Safety: one test at a time drives the world, on its own thread.
    let world: VirtualWorld
    let fabric: SimulatedFabric
    private let sockets: VirtualSocketFabric
    private(set) var router: RouterService
    let routerLoop: VirtualLoop
    let routerHost: SimulatedHost
    let metrics = MetricsRegistry()
    private let pool = WorkPool(threads: 1)
    let log = Lines()

    static let routerName = "127.0.0.1"
    static let routerAddress = Address(host: routerName, port: 8100)

    /// In turn by default and nobody ever busy, so that a test can say who comes next.
    init(
        seed: UInt64 = 1, plan: FaultPlan = FaultPlan(), selection: SelectionSettings = .inTurn, peers: [Address]? = nil,
        config: RouterConfig = RouterConfig()
    ) {
        world = VirtualWorld(seed: seed)
        fabric = SimulatedFabric(world: world, plan: plan)
        sockets = VirtualSocketFabric(world)
        routerLoop = world.makeLoop("router")
        routerHost = fabric.host(Self.routerName, loop: routerLoop)
        var policy = LinkPolicy(
            identity: Identity(role: .router, id: 0xAA, generation: 0xA1, name: "router"), cluster: ClusterValues(clusterID: "test"))
        policy.heartbeat = .milliseconds(250)
        let context = ProcessContext(
            loop: routerLoop, network: routerHost, sockets: VirtualSockets("router", loop: routerLoop, on: sockets), pool: pool,
            log: Logger(level: .debug, style: .json, sink: log, metrics: metrics, wallClock: { 0 }), metrics: metrics, policy: policy,
            advertisedHost: nil)
        var config = config
        config.selection = selection
        config.busy = selection.thresholds
        if let peers { config.peers = peers }
        let service = routerLoop.perform { RouterService(config, context) }
        router = service
        task("the router's start") { try? await service.start() }
    }

    deinit { pool.close() }

    // MARK: Driving

    /// Runs until the condition holds, and says so where it does not.
    @discardableResult
    func until(
        _ what: String, within limit: Duration = .seconds(20), sourceLocation: SourceLocation = #_sourceLocation,
        _ condition: @escaping () -> Bool
    ) -> Bool {
        // In steps: looking into a process gives it a turn, and the world would never come to let time pass.
        let deadline = world.now + limit
        while world.now < deadline {
            if condition() { return true }
            world.run(for: .milliseconds(1))
        }
        if condition() { return true }
        Issue.record("did not happen in time: \(what)", sourceLocation: sourceLocation)
        return false
    }

    /// Until the router has had the time to hear of everybody.
    func acquaint() { world.run(for: RouterLimits.acquaintance) }

    func pass(_ span: Duration) { world.run(for: span) }

    /// Runs a task of the router's process to its end.
    func task(_ what: String, within limit: Duration = .seconds(20), _ body: @escaping @LoopActor @Sendable () async -> Void) {
        let done = Flag()
        routerLoop.spawn {
            await body()
            done.isUp = true
        }
        until(what, within: limit) { done.isUp }
    }

    /// Looks into the router, as part of a turn of its loop.
    func look<Result>(_ body: @LoopActor (RouterService) -> Result) -> Result { routerLoop.perform { body(router) } }

    var core: RouterCore? { look { $0.core } }
    var leases: Int { look { $0.leasesHeld } }

    func debugState() -> String {
        look { router in
            var json = JSONWriter()
            router.debugState(into: &json)
            return String(decoding: json.finish(), as: UTF8.self)
        }
    }

    var exposition: String {
        var text = TextExposition()
        text.append(metrics)
        return String(decoding: text.bytes, as: UTF8.self)
    }

    // MARK: Peers

    /// Each on a host of its own.
    func worker(_ id: UInt64, generation: UInt64? = nil, host: String? = nil, _ change: (inout WorkerScript) -> Void = { _ in })
        -> ScriptedWorker
    {
        var script = WorkerScript(id: id, generation: generation ?? id << 8 | 1)
        change(&script)
        let name = host ?? "127.0.1.\(id)"
        let loop = world.makeLoop("worker \(id)"), network = fabric.host(name, loop: loop)
        let worker = loop.perform { ScriptedWorker(script, loop: loop, host: network) }
        loop.perform { worker.start() }
        return worker
    }

    /// One that the router gives plans for.
    func readyWorker(
        _ id: UInt64, generation: UInt64? = nil, sourceLocation: SourceLocation = #_sourceLocation,
        _ change: (inout WorkerScript) -> Void = { _ in }
    ) -> ScriptedWorker {
        let worker = worker(id, generation: generation, change)
        until("worker \(id) is ready", sourceLocation: sourceLocation) { [self] in takesWork(id) && isInStep(id) }
        return worker
    }

    func frontend(
        _ id: UInt64 = 1, nonce: UInt64? = nil, sourceLocation: SourceLocation = #_sourceLocation
    ) -> ScriptedFrontend {
        let name = "127.0.2.\(id)"
        let loop = world.makeLoop("frontend \(id)"), network = fabric.host(name, loop: loop)
        let identity = Identity(role: .frontend, id: id, generation: nonce ?? 0xF000 + id, name: "frontend-\(id)")
        let frontend = loop.perform { ScriptedFrontend(identity, loop: loop, host: network) }
        loop.perform { frontend.start() }
        until("frontend \(id) follows the router", sourceLocation: sourceLocation) { frontend.loop.perform { frontend.isInStep } }
        return frontend
    }

    /// Another router, on a host of its own; it dials unless it is to wait for a dial.
    func peer(_ id: UInt64, generation: UInt64? = nil, dials: Bool = true) -> ScriptedPeer {
        let name = Self.peerHost(id), loop = world.makeLoop("router \(id)"), network = fabric.host(name, loop: loop)
        let identity = Identity(role: .router, id: id, generation: generation ?? 0xB000 + id, name: "router-\(id)")
        let peer = loop.perform { ScriptedPeer(identity, loop: loop, host: network) }
        loop.perform { peer.start(dials: dials) }
        return peer
    }

    static func peerHost(_ id: UInt64) -> String { "127.0.3.\(id)" }

    /// One whose stream the router follows.
    func knownPeer(_ id: UInt64, generation: UInt64? = nil, sourceLocation: SourceLocation = #_sourceLocation) -> ScriptedPeer {
        let peer = peer(id, generation: generation)
        until("router \(id) is followed", sourceLocation: sourceLocation) { [self] in follows(id) }
        return peer
    }

    func follows(_ id: UInt64) -> Bool { look { $0.core?.peers[RouterID(id)]?.stream?.isInStep ?? false } }

    /// What the router has of a worker, to look at.
    struct Shown: Sendable {
        let generation: UInt64
        let isAttached: Bool
        let waitingTokens: UInt64
    }

    func record(_ id: UInt64) -> Shown? {
        look { router in
            router.core?.workers[WorkerID(id)].map {
                Shown(
                    generation: $0.life.generation.rawValue, isAttached: $0.isAttached,
                    waitingTokens: $0.ranks.first?.load.waitingTokens ?? 0)
            }
        }
    }
    func takesWork(_ id: UInt64) -> Bool { look { $0.core?.workers[WorkerID(id)]?.takesWork ?? false } }
    func isInStep(_ id: UInt64) -> Bool { look { $0.core?.workers[WorkerID(id)]?.isInStep ?? false } }

    final class Flag: @unchecked Sendable {
        // Safety: of the world's thread.
        var isUp = false
    }

    /// Log lines, for looking at.
    final class Lines: LogSink, @unchecked Sendable {
        // Safety: of the world's thread.
        private(set) var all: [String] = []
        func write(_ line: [UInt8]) -> Bool {
            all.append(String(decoding: line, as: UTF8.self))
            return true
        }
    }
}

extension SelectionSettings {
    static let inTurn: SelectionSettings = {
        var settings = SelectionSettings()
        settings.policy = .roundRobin
        settings.thresholds = .off
        return settings
    }()
}
