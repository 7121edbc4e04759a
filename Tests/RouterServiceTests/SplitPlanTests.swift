import ClusterModel
import EventLoop
import Scheduling
import Testing
import Transport
import WireProtocol

@testable import RouterService

@Suite("Plans of split requests")
struct SplitPlanTests {
    // MARK: At once

    @Test("both legs are in one plan, each with its lease: the prefill counts where it is computed, and the decode leg counts none")
    func concurrent() throws {
        let world = RouterWorld(), frontend = world.frontend()
        _ = SplitPool.pool(world)
        let plan = world.plan(frontend)
        #expect(plan.outcome == .placed && plan.handOver == .concurrent && plan.legs.map(\.leg) == [.prefill, .decode])
        #expect(plan.legs[0].workerID <= 2 && plan.legs[1].workerID >= 3 && world.leases == 2)
        let prefill = try #require(SplitPool.lease(plan.legs[0], world)), decode = try #require(SplitPool.lease(plan.legs[1], world))
        #expect(prefill.countedTokens == 64 && decode.prefillTokens == 0 && decode.promptBlocks == 4)
        #expect(!decode.sharesBlocks && prefill.sharesBlocks)
        // One end ends one lease; the other stays.
        world.on(frontend) { $0.give(back: plan.legs[1], .neverDispatched) }
        world.until("one lease") { world.leases == 1 }
        world.on(frontend) { $0.cancel(plan.counter, 1) }
        world.until("none") { world.leases == 0 }
    }

    @Test("a client that wants its prefill tracked has it counted on the decode leg too")
    func tracked() {
        let world = RouterWorld(), frontend = world.frontend()
        _ = SplitPool.pool(world)
        let plan = world.plan(frontend) {
            $0.options.trackPrefill = .on
            $0.options.assumeReuse = .on
        }
        let decode = SplitPool.lease(plan.legs[1], world)
        #expect(decode?.countedTokens == 64 && decode?.sharesBlocks == true)
    }

    @Test("a query books nothing and names both, and a task that generates nothing is not split")
    func others() {
        let world = RouterWorld(), frontend = world.frontend()
        _ = SplitPool.pool(world)
        let asked = world.plan(frontend) { $0.queryOnly = true }
        #expect(asked.outcome == .queryOnly && asked.legs.count == 2 && asked.handOver == .concurrent && world.leases == 0)
        _ = SplitPool.worker(5, .decode, in: world, build: "2", paths: .sequentialHandOver)
        _ = SplitPool.worker(6, .prefill, in: world, build: "2", paths: .sequentialHandOver)
        let late = world.plan(frontend) {
            $0.queryOnly = true
            $0.options.pins = [Pin(leg: .prefill, workerID: 6, rank: nil)]
        }
        #expect(late.handOver == .sequential && late.legs.map(\.workerID) == [6, 5] && late.legs.allSatisfy { $0.lease == 0 })
        #expect(world.leases == 0 && world.look { $0.core?.planner.handOvers.count } == 0)
        let embedding = world.plan(frontend) { $0.task = .embed }
        #expect(embedding.failure?.code == .noWorker)
        let whole = world.plan(frontend) { $0.wish = .aggregated }
        #expect(whole.legs.map(\.leg) == [.aggregated] && whole.legs[0].workerID >= 3 && whole.handOver == .none)
    }

    @Test("a session binds where it decodes, and asks nothing of who prefills")
    func session() {
        let world = RouterWorld(), frontend = world.frontend()
        _ = SplitPool.worker(1, .prefill, in: world)
        let decode = (3...4 as ClosedRange<UInt64>).map { id in
            SplitPool.worker(id, .decode, in: world) { $0.card.capabilities.insert(.sessions) }
        }
        world.on(decode[1]) { $0.bind("chat", counter: 1) }
        world.until("bound") { world.directory(frontend).sessions.count == 1 }
        for mode in [SessionMode.soft, .hard] {
            let plan = world.plan(frontend) {
                $0.session = RouteSession(key: SessionKey(tenant: "", id: "chat"), action: .use, mode: mode, ttlSeconds: 60, hint: nil)
            }
            #expect(plan.handOver == .concurrent && plan.legs.map(\.workerID) == [1, 4] && plan.session == .bound)
        }
        let opened = world.plan(frontend) {
            $0.session = RouteSession(key: SessionKey(tenant: "", id: "new"), action: .open, mode: .soft, ttlSeconds: 60, hint: nil)
        }
        #expect(opened.legs.map(\.leg) == [.prefill, .decode] && opened.session == .none)
    }

    @Test("where only some can hand over at once, the path is that of the pair")
    func mixedPaths() {
        let world = RouterWorld(), frontend = world.frontend()
        _ = SplitPool.worker(1, .prefill, in: world, build: "a", paths: [.concurrentHandOver, .sequentialHandOver])
        _ = SplitPool.worker(2, .prefill, in: world, build: "b", paths: .sequentialHandOver)
        _ = SplitPool.worker(3, .decode, in: world, build: "a")
        _ = SplitPool.worker(4, .decode, in: world, build: "b")
        var seen: Set<UInt64> = []
        for _ in 0..<4 {
            let plan = world.plan(frontend), giver = plan.legs[0].workerID
            seen.insert(giver)
            #expect(plan.handOver == (giver == 1 ? .concurrent : .sequential) && plan.legs.count == (giver == 1 ? 2 : 1))
            #expect(giver == 2 || plan.legs[1].workerID == 3)
        }
        #expect(seen == [1, 2])
    }

    // MARK: One recovery

    @Test("after the prefill leg failed the request prefers who decodes it, and after the room was full it is whole where it was computed")
    func recovery() {
        let world = RouterWorld(), frontend = world.frontend()
        _ = SplitPool.pool(world)
        let first = world.plan(frontend), giver = first.legs[0], taker = first.legs[1]
        let second = world.plan(frontend) {
            $0.counter = first.counter
            $0.attempt = 2
            $0.options.excludedWorkers = [giver.workerID]
            $0.options.preferred = PlacementRef(workerID: taker.workerID, rank: taker.rank)
        }
        #expect(second.legs.last?.workerID == taker.workerID && second.legs.first?.workerID != giver.workerID)
        let third = world.plan(frontend) {
            $0.counter = first.counter
            $0.attempt = 3
            $0.wish = .aggregated
            $0.options.preferred = PlacementRef(workerID: giver.workerID, rank: giver.rank)
        }
        #expect(third.legs.map(\.leg) == [.aggregated] && third.legs.map(\.workerID) == [giver.workerID] && third.handOver == .none)
        #expect(world.leases == 1)
    }

    @Test("a planned move asks for a decode leg elsewhere: it counts no prefill there")
    func move() throws {
        let world = RouterWorld(), frontend = world.frontend(), worker = world.readyWorker(1)
        _ = world.readyWorker(2)
        let first = world.plan(frontend) { $0.options.pins = [Pin(leg: .aggregated, workerID: 1, rank: nil)] }
        world.on(worker) { $0.accept(first.legs[0], RequestKey(origin: frontend.identity.generation, counter: first.counter, attempt: 1)) }
        let second = world.plan(frontend) {
            $0.counter = first.counter
            $0.attempt = 2
            $0.wish = .decode
            $0.options.excludedWorkers = [1]
        }
        #expect(second.legs.map(\.leg) == [.decode] && second.legs.map(\.workerID) == [2])
        #expect(try #require(SplitPool.lease(second.legs[0], world)).prefillTokens == 0)
    }

    @Test(
        "a move that is computed anew in the place of its decode leg counts its prefill, unless the client tracks none",
        arguments: [true, false])
    func moveComputedAnew(tracks: Bool) throws {
        let world = RouterWorld(), frontend = world.frontend(), worker = world.readyWorker(1)
        let plan = world.plan(frontend) {
            $0.wish = .decode
            if !tracks { $0.options.trackPrefill = .off }
        }
        #expect(try #require(SplitPool.lease(plan.legs[0], world)).countedTokens == 0)
        var leg = plan.legs[0]
        leg.leg = .aggregated
        let whole = leg, key = SplitPool.key(plan, world, frontend)
        world.on(worker) { $0.accept(whole, key, prefill: 64) }
        world.until("accepted") { SplitPool.lease(whole, world)?.role == .aggregated }
        #expect(try #require(SplitPool.lease(whole, world)).countedTokens == (tracks ? 64 : 0))
    }

    // MARK: Who fits

    @Test("a worker whose state fits nobody of the other role is told so, counted, and left out of pairs")
    func incompatible() {
        let world = RouterWorld(), frontend = world.frontend()
        let first = SplitPool.worker(1, .prefill, in: world, build: "a")
        // Alone it has nothing to complain of.
        #expect(world.on(first) { $0.answer?.warnings.map(\.code) } == [])
        #expect(world.plan(frontend).failure?.code == .noWorker)
        let stranger = SplitPool.worker(3, .decode, in: world, build: "b"),
            mute = SplitPool.worker(4, .decode, in: world, build: "a", shape: false)
        #expect(world.on(stranger) { $0.answer?.warnings.map(\.code) } == [.incompatibleKV])
        #expect(world.on(mute) { $0.answer?.warnings.map(\.code) } == [.incompatibleKV])
        world.until("counted") { world.exposition.contains("apus_router_unpaired_workers 3") }
        let told = world.log.all.filter { $0.contains("fits nobody of the other role") }
        #expect(told.count == 2 && told[0].contains("engineBuild") && told[1].contains("shape"))
        #expect(world.on(stranger) { $0.answer?.warnings.first?.detail.hasSuffix("differs in: engineBuild") } == true)
        #expect(world.plan(frontend).legs.map(\.leg) == [.aggregated])
        let reader = SplitPool.worker(5, .decode, in: world, build: "a")
        #expect(world.on(reader) { $0.answer?.warnings.map(\.code) } == [])
        world.until("counted") { world.exposition.contains("apus_router_unpaired_workers 2") }
        #expect(world.plan(frontend).legs.map(\.workerID) == [1, 5])
        let whole = world.readyWorker(6)
        #expect(world.on(whole) { $0.answer?.warnings.map(\.code) } == [])
    }

    @Test("kinds of state have small numbers, used again when the last of a kind has left")
    func kinds() throws {
        func kind(_ build: String) -> KVKind? {
            var registration = RegisterWorker()
            registration.kvShape = KVShape()
            registration.engineBuild = build
            return KVKind(registration)
        }
        var kinds = KVKinds()
        #expect(kinds.enter(nil) == 0 && kinds.enter(kind("a")) == 1 && kinds.enter(kind("b")) == 2 && kinds.enter(kind("a")) == 1)
        kinds.leave(1)
        let first = try #require(kind("a"))
        #expect(kinds[1] == first && kinds.number(of: first) == 1)
        kinds.leave(1)
        #expect(kinds[1] == nil && kinds.enter(kind("c")) == 1 && kinds.number(of: first) == nil)
        kinds.leave(0)
        for build in 0..<100 { _ = kinds.enter(kind("\(build)")) }
        #expect(kinds.enter(kind("one more")) == 0 && kinds[200] == nil)
    }

    @Test("decode workers that are to serve nothing whole answer no worker while nobody prefills for them")
    func enforced() {
        var selection = SelectionSettings.inTurn
        selection.enforcesSplit = true
        let world = RouterWorld(selection: selection), frontend = world.frontend()
        _ = SplitPool.worker(3, .decode, in: world)
        #expect(world.failure(frontend) { _ in } == .noWorker)
        _ = SplitPool.worker(1, .prefill, in: world)
        #expect(world.plan(frontend).legs.map(\.workerID) == [1, 3])
    }

    @Test("the queue of a split pool is bounded by what those compute who prefill")
    func tokenBound() {
        let world = RouterWorld()
        _ = SplitPool.pool(world)
        let steps = world.look { $0.core?.workers.pools.all.first?.prefillStepTokens(assumed: 1) }
        #expect(steps == 4_096)
        let whole = RouterWorld()
        _ = whole.readyWorker(1)
        _ = SplitPool.worker(2, .decode, in: whole)
        #expect(whole.look { $0.core?.workers.pools.all.first?.prefillStepTokens(assumed: 1) } == 4_096)
    }

    @Test("another router's decode leg counts a request and its blocks, and no prefill")
    func peers() {
        let world = RouterWorld(), peer = world.knownPeer(2)
        let (_, decode) = SplitPool.pool(world)
        var lease = world.lease(1 << 40, on: decode[0])
        lease.leg = .decode
        lease.prefillTokens = 0
        let made = lease
        world.on(peer) { $0.made(made) }
        func count() -> LeaseCount? { world.look { $0.core?.ledger.table.count(on: Placement(worker: WorkerID(3), rank: Rank(0))) } }
        world.until("booked") { count()?.requests == 1 }
        #expect(count()?.prefillTokens == 0 && count()?.bookedTokens == 0)
        var leg = PlanLeg()
        leg.lease = made.lease
        leg.leg = .decode
        let accepted = leg
        world.on(decode[0]) {
            $0.accept(accepted, made.request, prefill: 0)
            $0.start(accepted, cached: 0)
        }
        world.until("accepted") { count()?.bookedRequests == 0 }
        world.pass(.milliseconds(50))
        // What is not in its cache is brought to it.
        #expect(count()?.prefillTokens == 0 && count()?.requests == 1)
    }
}
