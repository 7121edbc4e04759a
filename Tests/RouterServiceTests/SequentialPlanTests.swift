import ClusterModel
import EventLoop
import JSONText
import Scheduling
import Testing
import Transport
import WireProtocol

@testable import RouterService

@Suite("Plans of requests that are handed over in sequence")
struct SequentialPlanTests {
    @Test("handed over in sequence the first plan has the prefill leg alone, and the same attempt asks for the decode leg later")
    func sequential() throws {
        let world = RouterWorld(), frontend = world.frontend(), (prefill, _) = SplitPool.pool(world, paths: .sequentialHandOver)
        let first = world.plan(frontend)
        #expect(first.handOver == .sequential && first.legs.map(\.leg) == [.prefill] && world.leases == 1)
        let giver = prefill[Int(first.legs[0].workerID) - 1], key = SplitPool.key(first, world, frontend)
        world.on(giver) { $0.serve(first.legs[0], key, cached: 0) }
        world.until("the prefill leg has ended") { world.leases == 0 }
        let second = SplitPool.second(first, world, frontend)
        #expect(second.outcome == .placed && second.handOver == .none && second.legs.map(\.leg) == [.decode])
        #expect(second.legs[0].workerID >= 3 && world.leases == 1)
        #expect(try #require(SplitPool.lease(second.legs[0], world)).prefillTokens == 0)
        // What was said already is a repeat, of either leg.
        #expect(SplitPool.second(first, world, frontend).failure?.code == .duplicate)
        #expect(world.failure(frontend) { $0.counter = first.counter } == .duplicate)
        world.on(frontend) { $0.cancel(first.counter, 1) }
        world.until("given back") { world.leases == 0 }
        // Once the request is counted, and with its prompt.
        #expect(world.exposition.contains("apus_router_prompt_blocks_total 4"))
        #expect(world.exposition.contains("dynamo_router_overhead_total_ms_count{router_id=\"170\"} 1"))
    }

    @Test("state that was given in sequence is taken in sequence, whatever else its giver can do")
    func paths() {
        let world = RouterWorld(), frontend = world.frontend()
        _ = SplitPool.worker(1, .prefill, in: world)
        _ = SplitPool.worker(3, .decode, in: world, paths: .sequentialHandOver)
        _ = SplitPool.worker(4, .decode, in: world, paths: .concurrentHandOver)
        var paths: Set<HandOverPath> = []
        for _ in 0..<6 {
            let first = world.plan(frontend)
            paths.insert(first.handOver)
            guard first.handOver == .sequential else { continue }
            let elsewhere = SplitPool.second(first, world, frontend) { $0.options.pins = [Pin(leg: .decode, workerID: 4, rank: nil)] }
            #expect(elsewhere.outcome == .failed)
            #expect(SplitPool.second(first, world, frontend).legs.map(\.workerID) == [3])
        }
        #expect(paths == [.concurrent, .sequential], "both are taken in turn")
    }

    @Test("the decision on a decode leg is told with that on its prefill leg")
    func explained() throws {
        let world = RouterWorld(), frontend = world.frontend(), explainer = DecisionTests()
        _ = SplitPool.pool(world, paths: .sequentialHandOver)
        let first = world.plan(frontend)
        let early = try #require(explainer.explain(world, frontend, SplitPool.key(first, world, frontend)).record)
        #expect(early["hand_over"]?.asString == "sequential" && early["before"] == nil)
        let second = SplitPool.second(first, world, frontend)
        let late = try #require(explainer.explain(world, frontend, SplitPool.key(first, world, frontend)).record)
        #expect(late["shape"]?.asString == "decode" && late["before"] == early)
        #expect(late["choice"]?[0]?["worker"]?.asString == WorkerID(second.legs[0].workerID).description)
    }

    @Test("both legs of a sequence are held side by side while the first has not ended, and a later attempt ends both")
    func overlap() {
        let world = RouterWorld(), frontend = world.frontend()
        _ = SplitPool.pool(world, paths: .sequentialHandOver)
        let first = world.plan(frontend), second = SplitPool.second(first, world, frontend)
        #expect(second.legs.map(\.leg) == [.decode] && world.leases == 2)
        let again = world.plan(frontend) {
            $0.counter = first.counter
            $0.attempt = 2
        }
        #expect(again.legs.map(\.leg) == [.prefill] && world.leases == 1)
        #expect(SplitPool.second(first, world, frontend).failure?.code == .duplicate)
    }

    @Test("the decode leg goes to a worker that reads what the prefill worker wrote, also when that has left")
    func kinds() {
        let world = RouterWorld(), frontend = world.frontend()
        let givers = ["a", "b"].enumerated().map { SplitPool.worker(UInt64($0.offset) + 1, .prefill, in: world, build: $0.element) }
        for (offset, build) in ["a", "b", "b"].enumerated() {
            _ = SplitPool.worker(UInt64(offset) + 3, .decode, in: world, build: build, paths: .sequentialHandOver)
        }
        for round in 0..<7 {
            let first = world.plan(frontend), build = first.legs.first?.workerID ?? 0
            if round == 6 { for giver in givers { giver.host.kill(.reset) } }
            let taker = SplitPool.second(first, world, frontend).legs.first?.workerID ?? 0
            #expect(build == 1 ? taker == 3 : taker >= 4, "\(build) \(taker)")
        }
    }

    @Test("a decode leg that waits for its worker is parked by what it needs, counts nothing to compute, and leaves by a cancel")
    func parked() {
        var selection = SelectionSettings.inTurn
        selection.thresholds = BusyThresholds()
        let world = RouterWorld(selection: selection), frontend = world.frontend(),
            (_, decode) = SplitPool.pool(world, paths: .sequentialHandOver)
        let first = world.plan(frontend), other = world.plan(frontend)
        SplitPool.load(decode, 5_000, world)
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
        SplitPool.load(decode, 0, world)
        world.until("placed") { world.on(frontend) { $0.plans.count } == 3 }
        #expect(world.on(frontend) { $0.plans.last?.counter } == first.counter)
    }

    @Test("what is under way is parked where newcomers are refused, and placed before those that came earlier")
    func underWay() {
        var selection = SelectionSettings.inTurn, config = RouterConfig()
        selection.thresholds = BusyThresholds()
        config.queue.entries = 1
        let world = RouterWorld(selection: selection, config: config), frontend = world.frontend()
        let (prefill, decode) = SplitPool.pool(world, paths: .sequentialHandOver), first = world.plan(frontend),
            other = world.plan(frontend)
        SplitPool.load(prefill + decode, 5_000, world)
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
        SplitPool.load(prefill + decode, 0, world)
        world.until("all placed") { world.on(frontend) { $0.plans.count } == before + 3 }
        let placed = world.on(frontend) { $0.plans.suffix(3) }
        #expect(placed.allSatisfy { $0.outcome == .placed })
        #expect(Set(placed.prefix(2).map(\.counter)) == [first.counter, other.counter])
    }

    @Test("whom a leg prefers makes no difference to what it waits for, but for a whole request")
    func preferredLanes() {
        var selection = SelectionSettings.inTurn
        selection.thresholds = BusyThresholds()
        let world = RouterWorld(selection: selection), frontend = world.frontend(), (prefill, decode) = SplitPool.pool(world)
        SplitPool.load(prefill + decode, 5_000, world)
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
}
