import ClusterModel
import EventLoop
import JSONText
import Scheduling
import Testing
import Transport
import WireProtocol

@testable import RouterService

@Suite("Plans of split requests")
struct SplitPlanTests {
    /// One that serves a leg, in a pool with workers of the other role; `build` names the kind of its state.
    private static func worker(
        _ id: UInt64, _ role: WorkerRole, in world: RouterWorld, build: String = "1",
        paths: Capabilities = [.concurrentHandOver, .sequentialHandOver], shape: Bool = true,
        _ change: (inout WorkerScript) -> Void = { _ in }
    ) -> ScriptedWorker {
        world.readyWorker(id) { script in
            script.role = role
            script.card.capabilities.formUnion(paths)
            script.registration = {
                $0.engineBuild = build
                if shape {
                    $0.kvShape = KVShape(
                        layers: 2, heads: 2, headDimension: 64, blockTokens: 16, blockBytes: 4_096, elementType: .float16, layout: "pages")
                }
            }
            change(&script)
        }
    }

    /// Two who prefill and two who decode.
    private static func pool(
        _ world: RouterWorld, paths: Capabilities = [.concurrentHandOver, .sequentialHandOver]
    ) -> (prefill: [ScriptedWorker], decode: [ScriptedWorker]) {
        let prefill = (1...2 as ClosedRange<UInt64>).map { worker($0, .prefill, in: world, paths: paths) }
        return (prefill, (3...4 as ClosedRange<UInt64>).map { worker($0, .decode, in: world, paths: paths) })
    }

    private static func key(_ plan: PlanEntry, _ world: RouterWorld, _ frontend: ScriptedFrontend) -> RequestKey {
        world.on(frontend) { $0.key(plan) }
    }

    private static func lease(_ leg: PlanLeg?, _ world: RouterWorld) -> Lease? {
        guard let leg else { return nil }
        return world.look { $0.core?.ledger.table[leg.lease] }
    }

    /// The decode leg of a request whose prefill leg was placed by this plan.
    private static func second(
        _ first: PlanEntry, _ world: RouterWorld, _ frontend: ScriptedFrontend, _ change: (inout RouteEntry) -> Void = { _ in }
    ) -> PlanEntry {
        world.plan(frontend) {
            $0.counter = first.counter
            $0.attempt = first.attempt
            $0.wish = .decode
            change(&$0)
        }
    }

    // MARK: At once

    @Test("both legs are in one plan, each with its lease: the prefill counts where it is computed, and the decode leg counts none")
    func concurrent() throws {
        let world = RouterWorld(), frontend = world.frontend()
        _ = Self.pool(world)
        let plan = world.plan(frontend)
        #expect(plan.outcome == .placed && plan.handOver == .concurrent && plan.legs.map(\.leg) == [.prefill, .decode])
        #expect(plan.legs[0].workerID <= 2 && plan.legs[1].workerID >= 3 && world.leases == 2)
        let prefill = try #require(Self.lease(plan.legs[0], world)), decode = try #require(Self.lease(plan.legs[1], world))
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
        _ = Self.pool(world)
        let plan = world.plan(frontend) {
            $0.options.trackPrefill = .on
            $0.options.assumeReuse = .on
        }
        let decode = Self.lease(plan.legs[1], world)
        #expect(decode?.countedTokens == 64 && decode?.sharesBlocks == true)
    }

    @Test("a query books nothing and names both, and a task that generates nothing is not split")
    func others() {
        let world = RouterWorld(), frontend = world.frontend()
        _ = Self.pool(world)
        let asked = world.plan(frontend) { $0.queryOnly = true }
        #expect(asked.outcome == .queryOnly && asked.legs.count == 2 && asked.handOver == .concurrent && world.leases == 0)
        _ = Self.worker(5, .decode, in: world, build: "2", paths: .sequentialHandOver)
        _ = Self.worker(6, .prefill, in: world, build: "2", paths: .sequentialHandOver)
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
        _ = Self.worker(1, .prefill, in: world)
        let decode = (3...4 as ClosedRange<UInt64>).map { id in
            Self.worker(id, .decode, in: world) { $0.card.capabilities.insert(.sessions) }
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

    // MARK: In sequence

    @Test("handed over in sequence the first plan has the prefill leg alone, and the same attempt asks for the decode leg later")
    func sequential() throws {
        let world = RouterWorld(), frontend = world.frontend(), (prefill, _) = Self.pool(world, paths: .sequentialHandOver)
        let first = world.plan(frontend)
        #expect(first.handOver == .sequential && first.legs.map(\.leg) == [.prefill] && world.leases == 1)
        let giver = prefill[Int(first.legs[0].workerID) - 1], key = Self.key(first, world, frontend)
        world.on(giver) { $0.serve(first.legs[0], key, cached: 0) }
        world.until("the prefill leg has ended") { world.leases == 0 }
        let second = Self.second(first, world, frontend)
        #expect(second.outcome == .placed && second.handOver == .none && second.legs.map(\.leg) == [.decode])
        #expect(second.legs[0].workerID >= 3 && world.leases == 1)
        #expect(try #require(Self.lease(second.legs[0], world)).prefillTokens == 0)
        // What was said already is a repeat, of either leg.
        #expect(Self.second(first, world, frontend).failure?.code == .duplicate)
        #expect(world.failure(frontend) { $0.counter = first.counter } == .duplicate)
        world.on(frontend) { $0.cancel(first.counter, 1) }
        world.until("given back") { world.leases == 0 }
        // Once the request is counted, and with its prompt.
        #expect(world.exposition.contains("apus_router_prompt_blocks_total 4"))
        #expect(world.exposition.contains("dynamo_router_overhead_total_ms_count{router_id=\"170\"} 1"))
    }

    @Test("state that was given in sequence is taken in sequence, whatever else its giver can do")
    func sequentialPaths() {
        let world = RouterWorld(), frontend = world.frontend()
        _ = Self.worker(1, .prefill, in: world)
        _ = Self.worker(3, .decode, in: world, paths: .sequentialHandOver)
        _ = Self.worker(4, .decode, in: world, paths: .concurrentHandOver)
        var paths: Set<HandOverPath> = []
        for _ in 0..<6 {
            let first = world.plan(frontend)
            paths.insert(first.handOver)
            if first.handOver == .sequential { #expect(Self.second(first, world, frontend).legs.map(\.workerID) == [3]) }
        }
        #expect(paths == [.concurrent, .sequential], "both are taken in turn")
    }

    @Test("the decision on a decode leg is told with that on its prefill leg")
    func sequentialExplained() throws {
        let world = RouterWorld(), frontend = world.frontend(), explainer = DecisionTests()
        _ = Self.pool(world, paths: .sequentialHandOver)
        let first = world.plan(frontend)
        let early = try #require(explainer.explain(world, frontend, Self.key(first, world, frontend)).record)
        #expect(early["hand_over"]?.asString == "sequential" && early["before"] == nil)
        let second = Self.second(first, world, frontend)
        let late = try #require(explainer.explain(world, frontend, Self.key(first, world, frontend)).record)
        #expect(late["shape"]?.asString == "decode" && late["before"] == early)
        #expect(late["choice"]?[0]?["worker"]?.asString == WorkerID(second.legs[0].workerID).description)
    }

    @Test("both legs of a sequence are held side by side while the first has not ended, and a later attempt ends both")
    func sequentialOverlap() {
        let world = RouterWorld(), frontend = world.frontend()
        _ = Self.pool(world, paths: .sequentialHandOver)
        let first = world.plan(frontend), second = Self.second(first, world, frontend)
        #expect(second.legs.map(\.leg) == [.decode] && world.leases == 2)
        let again = world.plan(frontend) {
            $0.counter = first.counter
            $0.attempt = 2
        }
        #expect(again.legs.map(\.leg) == [.prefill] && world.leases == 1)
        #expect(Self.second(first, world, frontend).failure?.code == .duplicate)
    }

    @Test("the decode leg goes to a worker that reads what the prefill worker wrote, also when that has left")
    func sequentialKinds() {
        let world = RouterWorld(), frontend = world.frontend()
        let givers = ["a", "b"].enumerated().map { Self.worker(UInt64($0.offset) + 1, .prefill, in: world, build: $0.element) }
        for (offset, build) in ["a", "b", "b"].enumerated() {
            _ = Self.worker(UInt64(offset) + 3, .decode, in: world, build: build, paths: .sequentialHandOver)
        }
        for round in 0..<7 {
            let first = world.plan(frontend), build = first.legs.first?.workerID ?? 0
            if round == 6 { for giver in givers { giver.host.kill(.reset) } }
            let taker = Self.second(first, world, frontend).legs.first?.workerID ?? 0
            #expect(build == 1 ? taker == 3 : taker >= 4, "\(build) \(taker)")
        }
    }

    @Test("a decode leg that waits for its worker is parked by what it needs, counts nothing to compute, and leaves by a cancel")
    func sequentialParked() {
        var selection = SelectionSettings.inTurn
        selection.thresholds = BusyThresholds()
        let world = RouterWorld(selection: selection), frontend = world.frontend(),
            (_, decode) = Self.pool(world, paths: .sequentialHandOver)
        let first = world.plan(frontend), other = world.plan(frontend)
        func load(_ waiting: UInt64) {
            for worker in decode {
                let id = world.on(worker) { $0.script.id }
                world.on(worker) { $0.load(waiting: waiting) }
                world.until("heard") { world.record(id)?.waitingTokens == waiting }
            }
        }
        load(5_000)
        for plan in [first, other] {
            let entry = world.on(frontend) { frontend in
                frontend.entry {
                    $0.counter = plan.counter
                    $0.wish = .decode
                }
            }
            world.on(frontend) { $0.ask([entry]) }
        }
        world.until("parked") { world.look { $0.requestsParked } == 2 }
        #expect(world.look { $0.core?.queue.all.first?.order.tokens } == 2 && world.look { $0.core?.queue.all.first?.order.lanes } == 1)
        world.on(frontend) { $0.cancel(other.counter, 1) }
        world.until("one left") { world.look { $0.requestsParked } == 1 }
        load(0)
        world.until("placed") { world.on(frontend) { $0.plans.count } == 3 }
        #expect(world.on(frontend) { $0.plans.last?.counter } == first.counter)
    }

    @Test("what is under way is parked where newcomers are refused, and placed before those that came earlier")
    func underWay() {
        var selection = SelectionSettings.inTurn, config = RouterConfig()
        selection.thresholds = BusyThresholds()
        config.queue.entries = 1
        let world = RouterWorld(selection: selection, config: config), frontend = world.frontend()
        let (prefill, decode) = Self.pool(world, paths: .sequentialHandOver), first = world.plan(frontend), other = world.plan(frontend)
        func load(_ waiting: UInt64) {
            for worker in prefill + decode {
                let id = world.on(worker) { $0.script.id }
                world.on(worker) { $0.load(waiting: waiting) }
                world.until("heard") { world.record(id)?.waitingTokens == waiting }
            }
        }
        load(5_000)
        func ask(_ parked: Int, _ change: (inout RouteEntry) -> Void) {
            var entry = world.on(frontend) { $0.entry() }
            change(&entry)
            let asked = entry
            world.on(frontend) { $0.ask([asked]) }
            world.until("\(parked) parked") { world.look { $0.requestsParked } == parked }
        }
        ask(1) { _ in }
        #expect(world.failure(frontend) { _ in } == .queueFull)
        ask(2) {
            $0.counter = first.counter
            $0.wish = .decode
        }
        ask(3) {
            $0.counter = other.counter
            $0.attempt = 2
        }
        #expect(world.failure(frontend) { _ in } == .queueFull)
        let before = world.on(frontend) { $0.plans.count }
        load(0)
        world.until("all placed") { world.on(frontend) { $0.plans.count } == before + 3 }
        let placed = world.on(frontend) { $0.plans.suffix(3) }
        #expect(placed.allSatisfy { $0.outcome == .placed })
        #expect(Set(placed.prefix(2).map(\.counter)) == [first.counter, other.counter])
    }

    @Test("whom a leg prefers makes no difference to what it waits for, but for a whole request")
    func preferredLanes() {
        var selection = SelectionSettings.inTurn
        selection.thresholds = BusyThresholds()
        let world = RouterWorld(selection: selection), frontend = world.frontend(), (prefill, decode) = Self.pool(world)
        for worker in prefill + decode {
            let id = world.on(worker) { $0.script.id }
            world.on(worker) { $0.load(waiting: 5_000) }
            world.until("heard") { world.record(id)?.waitingTokens == 5_000 }
        }
        func lanes(_ wish: LegWish, _ preferred: ClosedRange<UInt64>) -> Int? {
            let entries = world.on(frontend) { frontend in
                preferred.map { worker in
                    frontend.entry {
                        $0.wish = wish
                        $0.options.preferred = PlacementRef(workerID: worker, rank: 0)
                    }
                }
            }
            world.on(frontend) { $0.ask(entries) }
            world.until("parked") { world.look { $0.requestsParked } == entries.count }
            defer {
                for entry in entries { world.on(frontend) { $0.cancel(entry.counter, 1) } }
                world.until("gone") { world.look { $0.requestsParked } == 0 }
            }
            return world.look { $0.core?.queue.all.first?.order.lanes }
        }
        #expect(lanes(.decode, 3...4) == 1 && lanes(.any, 3...4) == 1)
        // A prefill worker serves one whole on this word alone.
        #expect(lanes(.aggregated, 1...2) == 2)
    }

    @Test("where only some can hand over at once, the path is that of the pair")
    func mixedPaths() {
        let world = RouterWorld(), frontend = world.frontend()
        _ = Self.worker(1, .prefill, in: world, build: "a", paths: [.concurrentHandOver, .sequentialHandOver])
        _ = Self.worker(2, .prefill, in: world, build: "b", paths: .sequentialHandOver)
        _ = Self.worker(3, .decode, in: world, build: "a")
        _ = Self.worker(4, .decode, in: world, build: "b")
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
        _ = Self.pool(world)
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
        #expect(try #require(Self.lease(second.legs[0], world)).prefillTokens == 0)
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
        #expect(try #require(Self.lease(plan.legs[0], world)).countedTokens == 0)
        var leg = plan.legs[0]
        leg.leg = .aggregated
        let whole = leg, key = Self.key(plan, world, frontend)
        world.on(worker) { $0.accept(whole, key, prefill: 64) }
        world.until("accepted") { Self.lease(whole, world)?.role == .aggregated }
        #expect(try #require(Self.lease(whole, world)).countedTokens == (tracks ? 64 : 0))
    }

    // MARK: Who fits

    @Test("a worker whose state fits nobody of the other role is told so, counted, and left out of pairs")
    func incompatible() {
        let world = RouterWorld(), frontend = world.frontend()
        let first = Self.worker(1, .prefill, in: world, build: "a")
        // Alone it has nothing to complain of.
        #expect(world.on(first) { $0.answer?.warnings.map(\.code) } == [])
        #expect(world.plan(frontend).failure?.code == .noWorker)
        let stranger = Self.worker(3, .decode, in: world, build: "b"), mute = Self.worker(4, .decode, in: world, build: "a", shape: false)
        #expect(world.on(stranger) { $0.answer?.warnings.map(\.code) } == [.incompatibleKV])
        #expect(world.on(mute) { $0.answer?.warnings.map(\.code) } == [.incompatibleKV])
        world.until("counted") { world.exposition.contains("apus_router_unpaired_workers 3") }
        #expect(world.log.all.count { $0.contains("fits nobody of the other role") } == 2)
        #expect(world.plan(frontend).legs.map(\.leg) == [.aggregated])
        let reader = Self.worker(5, .decode, in: world, build: "a")
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
        _ = Self.worker(3, .decode, in: world)
        #expect(world.failure(frontend) { _ in } == .noWorker)
        _ = Self.worker(1, .prefill, in: world)
        #expect(world.plan(frontend).legs.map(\.workerID) == [1, 3])
    }

    @Test("the queue of a split pool is bounded by what those compute who prefill")
    func tokenBound() {
        let world = RouterWorld()
        _ = Self.pool(world)
        let steps = world.look { $0.core?.workers.pools.all.first?.prefillStepTokens(assumed: 1) }
        #expect(steps == 2 * 2_048)
        let whole = RouterWorld()
        _ = whole.readyWorker(1)
        _ = Self.worker(2, .decode, in: whole)
        #expect(whole.look { $0.core?.workers.pools.all.first?.prefillStepTokens(assumed: 1) } == 2 * 2_048)
    }

    @Test("another router's decode leg counts a request and its blocks, and no prefill")
    func peers() {
        let world = RouterWorld(), peer = world.knownPeer(2)
        let (_, decode) = Self.pool(world)
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
