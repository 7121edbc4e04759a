import ClusterModel
import EventLoop
import Scheduling
import Testing
import WireProtocol

@testable import RouterService

@Suite("How fast workers are")
struct LatencyTests {
    /// What a worker needs, and what it says of it.
    struct Pace: Sendable {
        var prefill = Duration.milliseconds(100)
        var step = Duration.milliseconds(5)
        /// Microseconds that it reports of so long.
        var says: @Sendable (Duration) -> UInt64 = { UInt64($0.inMicroseconds) }
    }

    private static func pace(_ prefill: Duration, isTold: Bool) -> Pace {
        var pace = Pace(prefill: prefill)
        if !isTold { pace.says = { _ in 0 } }
        return pace
    }

    private static func world() -> RouterWorld {
        var settings = SelectionSettings()
        settings.policy = .latency
        settings.thresholds = .off
        return RouterWorld(selection: settings)
    }

    /// One request after the other, each with a prompt of its own; how many each worker got.
    private static func serve(
        _ count: Int, _ world: RouterWorld, _ frontend: ScriptedFrontend, _ workers: [UInt64: (ScriptedWorker, Pace)]
    ) -> [UInt64: Int] {
        var served: [UInt64: Int] = [:]
        for _ in 0..<count {
            let plan = world.plan(frontend) { entry in
                entry.sequenceHashes = (1...4).map { entry.counter * 1_000 + $0 }
                entry.maxTokens = 11
            }
            let key = world.on(frontend) { $0.key(plan) }
            guard let leg = plan.legs.first, let (worker, pace) = workers[leg.workerID] else { continue }
            served[leg.workerID, default: 0] += 1
            world.on(worker) {
                $0.accept(leg, key)
                $0.start(leg, cached: 0)
            }
            world.pass(pace.prefill)
            world.on(worker) { $0.prefilled(leg, microseconds: pace.says(pace.prefill)) }
            world.pass(pace.step * 10)
            world.on(worker) { $0.end(leg, key, output: 11, decodeMicroseconds: pace.says(pace.step * 10)) }
            world.until("ended") { world.look { $0.core?.ledger.table[leg.lease] == nil } }
        }
        return served
    }

    private static func estimate(_ world: RouterWorld, _ id: UInt64) -> LatencyEstimate? {
        world.look { router in
            router.core?.workers.pools.all.first.flatMap { pool in pool.candidates.first { $0.placement.worker == WorkerID(id) }?.latency }
        }
    }

    @Test("the policy latency finds out who is faster, by what workers say or, where they say nothing, by its own clock", arguments: [true, false])
    func learns(workersMeasure: Bool) throws {
        let world = Self.world(), frontend = world.frontend()
        let slow = (world.readyWorker(1), Self.pace(.milliseconds(400), isTold: workersMeasure))
        let fast = (world.readyWorker(2), Self.pace(.milliseconds(100), isTold: workersMeasure))
        #expect(Self.estimate(world, 1) == nil)
        let served = Self.serve(20, world, frontend, [1: slow, 2: fast])
        #expect((served[2] ?? 0) >= 15 && (served[1] ?? 0) >= 1, "\(served)")
        let known = try #require(Self.estimate(world, 2))
        #expect(abs(known.prefillToken * 64 + known.prefillFixed - 100) < 20 && abs(known.step - 5) < 3, "\(known)")
        #expect(world.exposition.contains(#"apus_router_durations_total{verdict="taken"} 40"#))
    }

    @Test("a worker that praises itself, or says nonsense, is measured by the router's clock and gains nothing", arguments: [1, UInt64.max])
    func liar(microseconds: UInt64) throws {
        let world = Self.world(), frontend = world.frontend()
        let liar = (world.readyWorker(1), Pace(prefill: .milliseconds(800), step: .milliseconds(50), says: { _ in microseconds }))
        let honest = (world.readyWorker(2), Pace(prefill: .milliseconds(100)))
        let served = Self.serve(20, world, frontend, [1: liar, 2: honest])
        #expect((served[2] ?? 0) >= 15, "\(served)")
        let known = try #require(Self.estimate(world, 1))
        #expect(known.prefillToken * 64 + known.prefillFixed > 700)
        #expect(world.exposition.contains(#"verdict="corrected"} \#(2 * (served[1] ?? 0))"#))
    }

    @Test("what was measured two minutes ago is forgotten: an idle pool has no favourites, and a slow start is forgiven")
    func forgets() {
        let world = Self.world(), frontend = world.frontend()
        let slow = (world.readyWorker(1), Pace(prefill: .milliseconds(400))), fast = (world.readyWorker(2), Pace())
        _ = Self.serve(6, world, frontend, [1: slow, 2: fast])
        #expect(Self.estimate(world, 1) != nil && Self.estimate(world, 2) != nil)
        world.pass(.seconds(121))
        #expect(Self.estimate(world, 1) == nil && Self.estimate(world, 2) == nil)
        // The machine has warmed up.
        var given: [UInt64: Int] = [:]
        for _ in 0..<3 {
            for (id, count) in Self.serve(6, world, frontend, [1: (slow.0, Pace()), 2: fast]) { given[id, default: 0] += count }
        }
        #expect((given[1] ?? 0) >= 4, "\(given)")
    }

    @Test("what a worker does for others is not measured; a worker with another model is measured anew")
    func whose() {
        let world = Self.world(), frontend = world.frontend(), worker = world.readyWorker(1)
        var leg = PlanLeg()
        leg.lease = 0x7_0000_0001
        let key = RequestKey(origin: 5, counter: 5, attempt: 1), foreign = leg
        world.on(worker) {
            $0.accept(foreign, key)
            $0.start(foreign, cached: 0)
            $0.prefilled(foreign, microseconds: 1)
            $0.end(foreign, key, output: 1_000, decodeMicroseconds: 1)
        }
        world.pass(.milliseconds(100))
        #expect(Self.estimate(world, 1) == nil)
        _ = Self.serve(1, world, frontend, [1: (worker, Pace())])
        #expect(Self.estimate(world, 1) != nil)
        world.on(worker) { $0.register() }
        world.pass(.milliseconds(500))
        #expect(Self.estimate(world, 1) != nil)
        world.on(worker) {
            $0.script.card = WorkerScript.card("another")
            $0.register()
        }
        world.until("in its new pool") { world.directory(frontend).workers[1]?.model == "another" }
        world.pass(.milliseconds(500))
        #expect(world.look { $0.core?.workers[WorkerID(1)]?.ranks[0].meter.count } == 0)
    }
}
