import ClusterModel
import Scheduling
import Testing
import WireProtocol

@testable import RouterService

@Suite("What is told of placements")
struct PlacementReportTests {
    private func slices(_ world: RouterWorld, _ frontend: ScriptedFrontend) -> [RouteSlice] {
        world.on(frontend) { frontend in
            frontend.changes.compactMap { if case .routeSlice(let slice) = $0 { slice } else { nil } }
        }
    }

    private func total(_ name: String, _ world: RouterWorld) -> Int? {
        world.exposition.split(separator: "\n").first { $0.hasPrefix("\(name) ") }.flatMap { Int($0.split(separator: " ")[1]) }
    }

    @Test("each placement is told on the stream, with its legs, its times and what caches could have had; questions and failures are not")
    func slice() {
        let world = RouterWorld(), frontend = world.frontend()
        _ = world.readyWorker(1)
        let first = world.plan(frontend), second = world.plan(frontend) { $0.sequenceHashes = [1, 2, 9, 10] }
        _ = world.plan(frontend) { $0.queryOnly = true }
        _ = world.plan(frontend) { $0.model = "nobody's" }
        world.until("both told") { self.slices(world, frontend).count == 2 }
        world.pass(.milliseconds(50))
        let slices = slices(world, frontend)
        #expect(slices.map(\.request) == [first, second].map { plan in world.on(frontend) { $0.key(plan) } })
        #expect(slices.map(\.legs) == [first.legs, second.legs])
        #expect(slices.map(\.reachableBlocks) == [0, 2] && slices.allSatisfy { $0.promptBlocks == 4 && $0.outcome == .placed })
        #expect(slices.map(\.queueDepth) == [first, second].map(\.queueDepth))
        #expect(slices.map(\.queueMicroseconds) == [0, 0])
        #expect(slices.map(\.decisionNanoseconds) == [first, second].map(\.decisionNanoseconds))
    }

    @Test("hits and what could have been hit are counted once a request, also one that is placed again")
    func rates() {
        let world = RouterWorld(), frontend = world.frontend(), worker = world.believedWorker(1)
        world.on(worker) { $0.store([1, 2, 3]) }
        world.until("stored") { world.look { $0.indexedCopies } == 3 }
        let plan = world.plan(frontend)
        #expect(plan.legs[0].deviceBlocks == 3)
        _ = world.plan(frontend) {
            $0.counter = plan.counter
            $0.attempt = 2
        }
        #expect(total("apus_router_prompt_blocks_total", world) == 4)
        #expect(total("apus_router_hit_blocks_total", world) == 3)
        // Nothing was placed here before, but a worker has them.
        #expect(total("apus_router_reachable_blocks_total", world) == 3)
        _ = world.plan(frontend)
        #expect(total("apus_router_prompt_blocks_total", world) == 8)
        #expect(total("apus_router_reachable_blocks_total", world) == 7)
    }

    @Test(
        "a burst of placements leaves in messages that a feed can carry, nothing of it is lost, and another router is not disturbed by it")
    func bounded() {
        let world = RouterWorld(), frontend = world.frontend()
        _ = world.readyWorker(1)
        _ = world.knownPeer(5)
        let entries = world.on(frontend) { frontend in (0..<2_000).map { _ in frontend.entry() } }
        #expect(world.plans(frontend, entries).count == 2_000)
        world.until("all told") { self.slices(world, frontend).count == 2_000 }
        #expect(world.on(frontend) { $0.gaps } == 0)
        #expect(world.follows(5))
    }
}
