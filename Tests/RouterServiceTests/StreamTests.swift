import ClusterModel
import EventLoop
import Scheduling
import Testing
import Transport
import WireProtocol

@testable import RouterService

@Suite("Streams of workers")
struct StreamTests {
    private static func route(_ worker: ScriptedWorker) -> String { worker.host.name }

    private static func lose(_ world: RouterWorld, _ worker: ScriptedWorker, _ body: () -> Void) {
        var faults = LinkFaults()
        faults.feedLoss = 1
        world.fabric.plan[worker.host.name, RouterWorld.routerName] = faults
        body()
        world.pass(.milliseconds(1))
        world.fabric.plan[worker.host.name, RouterWorld.routerName] = LinkFaults()
    }

    @Test("T40: hashes that differ put a worker into load only, with a reason that names list and block; it serves on")
    func parity() {
        let world = RouterWorld(), frontend = world.frontend()
        _ = world.readyWorker(1) { $0.hashesWrongly = true }
        world.until("judged") { world.directory(frontend).workers[1]?.reason.contains("list 1, block hash of block 0") == true }
        #expect(world.directory(frontend).workers[1]?.events == .loadOnly)
        #expect(world.plan(frontend).outcome == .placed)
    }

    @Test("T40: a worker that does not hash what it is asked is routed by load alone from the first, and is told so after some tries")
    func silentParity() {
        let world = RouterWorld(), frontend = world.frontend(), worker = world.readyWorker(1) { $0.answersParity = false }
        #expect(world.directory(frontend).workers[1]?.events == .loadOnly)
        world.until("given up", within: .seconds(60)) { world.directory(frontend).workers[1]?.reason.contains("did not hash") == true }
        #expect(world.on(worker) { $0.probes } == 3)
    }

    @Test("a worker without usable events is not probed")
    func approximate() {
        let world = RouterWorld(), frontend = world.frontend(), worker = world.readyWorker(1) { $0.events = .approximate }
        world.until("seen") { world.directory(frontend).workers[1]?.events == .approximate }
        #expect(world.on(worker) { $0.probes } == 0)
        #expect(world.on(worker) { $0.answer?.warnings.map(\.code) } == [.approximate])
    }

    @Test("D.11: events that were lost are found missing, counted, and made up by a snapshot where no ring has them", arguments: 1...5)
    func gap(_ seed: Int) {
        let world = RouterWorld(seed: UInt64(seed)), frontend = world.frontend(), worker = world.readyWorker(1)
        let plans = (0..<4).map { _ in world.plan(frontend) }, keys = plans.map { plan in world.on(frontend) { $0.key(plan) } }
        world.on(worker) { for index in 0..<3 { $0.accept(plans[index].legs[0], keys[index]) } }
        world.until("accepted") { world.look { $0.core?.ledger.table.count(on: plans[0].legs[0].place).bookedRequests == 1 } }
        let before = world.on(worker) { $0.snapshots }
        Self.lose(world, worker) {
            world.on(worker) {
                $0.end(plans[0].legs[0], keys[0])
                $0.accept(plans[3].legs[0], keys[3])
                $0.load(waiting: 777)
            }
        }
        #expect(world.leases == 4)
        world.until("noticed") { world.exposition.contains("apus_router_stream_gaps_total 1") }
        world.until("in step again") { world.isInStep(1) && world.on(worker) { $0.snapshots } > before }
        #expect(world.leases == 3)
        #expect(world.look { $0.core?.ledger.table.count(on: plans[0].legs[0].place).bookedRequests } == 0)
        #expect(world.record(1)?.waitingTokens == 777)
        world.on(worker) { $0.end(plans[1].legs[0], keys[1]) }
        world.until("and follows") { world.leases == 2 }
    }

    @Test("D.11: events that were lost are asked for again from the ring, and made up by no snapshot", arguments: 1...5)
    func replay(_ seed: Int) {
        let world = RouterWorld(seed: UInt64(seed)), frontend = world.frontend(), worker = world.readyWorker(1) { _ in }
        world.on(worker) { $0.ring = 1_000 }
        let plans = (0..<4).map { _ in world.plan(frontend) }, keys = plans.map { plan in world.on(frontend) { $0.key(plan) } }
        world.on(worker) { for index in 0..<3 { $0.accept(plans[index].legs[0], keys[index]) } }
        world.until("accepted") { world.look { $0.core?.ledger.table.count(on: plans[0].legs[0].place).bookedRequests == 1 } }
        let before = world.on(worker) { $0.snapshots }
        Self.lose(world, worker) {
            world.on(worker) {
                $0.end(plans[0].legs[0], keys[0])
                $0.accept(plans[3].legs[0], keys[3])
                $0.load(waiting: 777)
            }
        }
        world.until("noticed and in step again") {
            world.exposition.contains("apus_router_stream_gaps_total 1") && world.isInStep(1)
        }
        #expect(world.leases == 3 && world.record(1)?.waitingTokens == 777)
        #expect(world.on(worker) { $0.snapshots } == before && world.on(worker) { $0.replays } == 1)
        #expect(world.exposition.contains(#"apus_router_stream_recoveries_total{outcome="replay"} 1"#))
    }

    @Test("D.11: events that come while a snapshot is read wait, and are applied after it, once")
    func eventsMeanwhile() {
        let world = RouterWorld(), frontend = world.frontend(), worker = world.readyWorker(1)
        let plans = (0..<8).map { _ in world.plan(frontend) }, keys = plans.map { plan in world.on(frontend) { $0.key(plan) } }
        var slow = LinkFaults()
        slow.delay = .milliseconds(40)
        world.fabric.plan.set(between: worker.host.name, and: RouterWorld.routerName, slow)
        world.on(worker) { $0.pageEntries = 2 }
        Self.lose(world, worker) { world.on(worker) { $0.accept(plans[0].legs[0], keys[0]) } }
        world.fabric.plan.set(between: worker.host.name, and: RouterWorld.routerName, slow)
        var index = 1
        world.until("out of step") {
            if index < 8 {
                world.on(worker) { $0.accept(plans[index].legs[0], keys[index]) }
                index += 1
            }
            world.pass(.milliseconds(15))
            return index == 8 && world.isInStep(1)
        }
        #expect(world.look { $0.core?.ledger.table.count(on: plans[0].legs[0].place).bookedRequests } == 0)
        for (plan, key) in zip(plans, keys) { world.on(worker) { $0.end(plan.legs[0], key) } }
        world.until("all ended") { world.leases == 0 }
    }

    @Test("a worker whose feed is silent gets no plans though its control link lives, and is back when it is heard")
    func silentFeed() {
        let world = RouterWorld(), frontend = world.frontend(), worker = world.readyWorker(1)
        var silent = LinkFaults()
        silent.feedLoss = 1
        world.fabric.plan[worker.host.name, RouterWorld.routerName] = silent
        world.until("noticed", within: .seconds(3)) { !world.takesWork(1) }
        world.until("shown") { world.directory(frontend).workers[1]?.state == .degraded }
        #expect(world.failure(frontend) { _ in } == .noWorker && world.on(worker) { $0.end } == nil)
        world.fabric.plan[worker.host.name, RouterWorld.routerName] = LinkFaults()
        world.until("back") { world.takesWork(1) }
    }

    @Test("a publisher whose numbers run backwards in one life is joined anew, not left unheard")
    func backwards() {
        let world = RouterWorld(), worker = world.readyWorker(1)
        world.on(worker) { worker in for waiting in 1...50 as ClosedRange<UInt64> { worker.load(waiting: waiting) } }
        world.until("heard") { world.record(1)?.waitingTokens == 50 }
        // Its stream begins anew, and it does not say so.
        world.on(worker) { $0.restartFeed() }
        world.until("joined anew") { world.isInStep(1) && world.exposition.contains("apus_router_stream_gaps_total 1") }
        world.on(worker) { $0.load(waiting: 7) }
        world.until("heard again") { world.record(1)?.waitingTokens == 7 }
    }

    @Test("while a worker is out of step its leases do not expire, and it is counted as resyncing")
    func noExpiry() {
        let world = RouterWorld(), frontend = world.frontend(), worker = world.readyWorker(1)
        world.on(worker) { $0.corrupt = { $0.generation = 5 } }
        _ = world.plan(frontend)
        Self.lose(world, worker) { world.on(worker) { $0.load(waiting: 1) } }
        world.until("out of step") { !world.isInStep(1) }
        world.pass(.seconds(20))
        #expect(world.leases == 1)
        #expect(world.directory(frontend).workers[1]?.resyncing == true && world.directory(frontend).health.resyncing == 1)
        #expect(world.exposition.contains("apus_router_resyncing_workers 1"))
        // It is routed by load alone meanwhile.
        #expect(world.plan(frontend).outcome == .placed)
        world.on(worker) { $0.corrupt = nil }
        world.until("in step", within: .seconds(30)) { world.isInStep(1) }
        world.until("expired", within: .seconds(6)) { world.leases == 0 }
        world.until("shown") { world.directory(frontend).workers[1]?.resyncing == false }
    }

    static let liars: [(String, @Sendable (inout SnapshotPage) -> Void)] = [
        ("another generation", { $0.generation &+= 1 }), ("another section", { $0.section = 1 }),
        ("the last number there is", { $0.sequence = .max }),
        ("a next page that does not ascend", { $0.next = SnapshotCursor(section: 0, fromHash: $0.fromHash) }),
        (
            "pages of several moments",
            {
                $0.sequence += $0.fromHash; $0.next = $0.fromHash < 5 ? .init(section: 0, fromHash: $0.fromHash + 1) : nil
            }
        ),
    ]

    @Test("a snapshot against the rules is not believed, and is asked for again with growing pauses", arguments: liars.indices)
    func lies(_ index: Int) {
        let world = RouterWorld(), (_, lie) = Self.liars[index]
        let worker = world.worker(1)
        world.on(worker) { $0.corrupt = lie }
        world.until("heard") { world.takesWork(1) }
        world.pass(.seconds(10))
        #expect(!world.isInStep(1))
        // 0.25, 0.5, 1, 2, 4 seconds and half as much again: a handful.
        #expect((3...8).contains(world.on(worker) { $0.snapshots } / (index == 4 ? 2 : 1)))
        world.on(worker) { $0.corrupt = nil }
        world.until("in step", within: .seconds(30)) { world.isInStep(1) }
    }

    @Test("D.11: repeated, late and foreign events change nothing; unknown ones are passed over")
    func strangeEvents() {
        let world = RouterWorld(), frontend = world.frontend(), worker = world.readyWorker(1), other = world.readyWorker(2)
        let plan = world.plan(frontend) { $0.options.pins = [Pin(leg: .aggregated, workerID: 1, rank: nil)] }
        let key = world.on(frontend) { $0.key(plan) }, leg = plan.legs[0]
        world.on(other) {
            var ended = RequestEnded()
            ended.lease = leg.lease
            $0.publish([.requestEnded(ended), .unknown(tag: 200, bytes: [1, 2, 3])])
        }
        world.on(worker) {
            $0.accept(leg, key)
            $0.accept(leg, key)
            var load = RankLoad()
            load.rank = 9
            $0.publish([.rankLoad(load)])
        }
        world.pass(.seconds(1))
        #expect(world.leases == 1 && world.isInStep(1) && world.isInStep(2))
        #expect(world.exposition.contains("apus_router_stream_strange_total 3"))
        world.on(worker) {
            $0.end(leg, key)
            $0.end(leg, key)
        }
        world.until("ended") { world.leases == 0 }
    }

    @Test("a batch that does not decode is counted, applied in no part, and made up by a snapshot")
    func malformed() {
        let world = RouterWorld(), worker = world.readyWorker(1)
        var good: [UInt8] = []
        var load = RankLoad()
        load.waitingTokens = 99
        Codec.append(WorkerEvents(events: [.rankLoad(load), .rankLoad(load)]), to: &good)
        let body = Array(good.dropFirst(MessageHeader.byteCount))
        world.on(worker) {
            $0.publishRaw(count: 2, Array(body.dropLast(3)))
            $0.publishRaw(count: 1, [0xFF, 0xFF, 0xFF, 0xFF])
            $0.publishRaw(count: 1, [])
        }
        world.pass(.milliseconds(100))
        #expect(world.record(1)?.waitingTokens == 0)
        #expect(world.exposition.contains("apus_router_stream_malformed_total 3"))
        world.until("recovered") { world.isInStep(1) && world.exposition.contains("apus_router_stream_gaps_total 1") }
        world.on(worker) { $0.load(waiting: 5) }
        world.until("and follows") { world.record(1)?.waitingTokens == 5 }
    }

    @Test("requests that a worker runs for other routers are known from its stream and its snapshot")
    func othersRequests() {
        let world = RouterWorld()
        let worker = world.worker(1)
        @Sendable func leg(_ lease: UInt64) -> PlanLeg {
            var leg = PlanLeg()
            leg.lease = lease
            return leg
        }
        let key = RequestKey(origin: 5, counter: 5, attempt: 1)
        world.on(worker) { $0.accept(leg(0x7_0000_0001), key) }
        world.until("from the snapshot") { world.leases == 1 }
        world.on(worker) { $0.accept(leg(0x7_0000_0002), RequestKey(origin: 5, counter: 6, attempt: 1)) }
        world.until("from the stream") { world.leases == 2 }
        // A lease of 0 is nobody's.
        world.on(worker) { $0.accept(leg(0), key) }
        world.pass(.milliseconds(100))
        #expect(world.leases == 2)
        world.on(worker) {
            $0.end(leg(0x7_0000_0001), key)
            $0.end(leg(0x7_0000_0002), RequestKey(origin: 5, counter: 6, attempt: 1))
        }
        world.until("ended") { world.leases == 0 && world.look { $0.isIdle } }
    }

    @Test("a feed with losses, repeats and disorder leads to the same leases in the end", arguments: 1...12)
    func lossyFeed(_ seed: Int) {
        let world = RouterWorld(seed: UInt64(seed)), frontend = world.frontend(), worker = world.readyWorker(1)
        var faults = LinkFaults()
        faults.feedLoss = 0.15
        faults.feedDuplication = 0.1
        faults.feedReordering = 0.1
        world.fabric.plan[worker.host.name, RouterWorld.routerName] = faults
        var random = SeededRandom(seed: UInt64(seed)), running: [(PlanLeg, RequestKey)] = []
        for _ in 0..<60 {
            if random.next() % 2 == 0 || running.isEmpty {
                let plan = world.plan(frontend), key = world.on(frontend) { $0.key(plan) }
                guard let leg = plan.legs.first else { continue }
                world.on(worker) { $0.accept(leg, key) }
                running.append((leg, key))
            } else {
                let (leg, key) = running.remove(at: Int(random.next() % UInt64(running.count)))
                world.on(worker) { $0.end(leg, key) }
            }
            world.pass(.milliseconds(Int64(random.next() % 200)))
        }
        world.fabric.plan[worker.host.name, RouterWorld.routerName] = LinkFaults()
        world.until("in step, with exactly what runs", within: .seconds(60)) {
            world.isInStep(1) && world.leases == running.count
        }
        for (leg, key) in running { world.on(worker) { $0.end(leg, key) } }
        world.until("at rest", within: .seconds(60)) { world.look { $0.isIdle } }
    }
}
