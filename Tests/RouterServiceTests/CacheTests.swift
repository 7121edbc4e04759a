import ClusterModel
import EventLoop
import Scheduling
import Testing
import Transport
import WireProtocol

@testable import RouterService

@Suite("What a router believes of caches")
struct CacheTests {
    private static let prompt: [UInt64] = [1, 2, 3, 4]

    /// How much of the prompt is found on that rank of the first worker, which is no booking.
    private static func found(_ world: RouterWorld, _ frontend: ScriptedFrontend, _ rank: UInt32 = 0) -> UInt32 {
        let plan = world.plan(frontend) {
            $0.options.pins = [Pin(leg: .aggregated, workerID: 1, rank: rank)]
            $0.queryOnly = true
        }
        return plan.legs.first?.deviceBlocks ?? .max
    }

    private static func store(_ rank: UInt32 = 0) -> WorkerEvent {
        .blocksStored(BlocksStored(rank: rank, tier: .device, parent: nil, hashes: prompt))
    }

    private static func exact(_ world: RouterWorld, _ frontend: ScriptedFrontend) {
        world.until("believed") { world.directory(frontend).workers[1]?.events == .exact }
    }

    @Test("D.8, L7: a rank that is cleared loses its blocks and no other one's, and may store again at once")
    func clearsOneRank() {
        let world = RouterWorld(), frontend = world.frontend(), worker = world.readyWorker(1) { $0.ranks = [0, 3] }
        Self.exact(world, frontend)
        world.on(worker) { $0.publish([Self.store(0), Self.store(3)]) }
        world.until("stored") { world.look { $0.indexedCopies } == 8 }
        #expect(Self.found(world, frontend, 0) == 4 && Self.found(world, frontend, 3) == 4)
        world.on(worker) { $0.publish([.rankCleared(RankCleared(rank: 0))]) }
        world.until("cleared") { Self.found(world, frontend, 0) == 0 }
        #expect(Self.found(world, frontend, 3) == 4)
        world.on(worker) { $0.publish([.rankCleared(RankCleared(rank: 0)), Self.store(0), .rankCleared(RankCleared(rank: 3))]) }
        world.until("stored again, and the other one cleared") { Self.found(world, frontend, 3) == 0 }
        #expect(Self.found(world, frontend, 0) == 4)
    }

    @Test("D.8: a worker that is gone has nothing, and its next life only what it tells")
    func nextLife() {
        let world = RouterWorld(), frontend = world.frontend(), worker = world.readyWorker(1)
        Self.exact(world, frontend)
        world.on(worker) { $0.publish([Self.store()]) }
        world.until("stored") { Self.found(world, frontend) == 4 }
        world.on(worker) { $0.link?.goodbye(.leaving) }
        world.until("gone") { world.record(1) == nil }
        world.until("swept") { world.look { $0.indexedCopies } == 0 }
        let next = world.worker(1, generation: 0x202, host: "127.0.1.77")
        world.until("back") { world.takesWork(1) && world.isInStep(1) }
        Self.exact(world, frontend)
        #expect(Self.found(world, frontend) == 0)
        world.on(next) { $0.publish([.blocksStored(BlocksStored(rank: 0, tier: .device, parent: nil, hashes: [1, 2]))]) }
        world.until("what it tells") { Self.found(world, frontend) == 2 }
    }

    @Test("D.10, L18: of a worker without events nothing is believed before it accepts, and then for two minutes")
    func approximate() {
        let world = RouterWorld(), frontend = world.frontend(), worker = world.readyWorker(1) { $0.events = .approximate }
        let refused = world.plan(frontend)
        world.on(frontend) { $0.give(back: refused.legs[0], .refused) }
        world.until("given back") { world.leases == 0 }
        #expect(Self.found(world, frontend) == 0 && world.look { $0.indexedCopies } == 0)
        let plan = world.plan(frontend), key = world.on(frontend) { $0.key(plan) }
        #expect(world.look { $0.indexedCopies } == 0, "booked, and no more")
        world.on(worker) { $0.accept(plan.legs[0], key) }
        world.until("accepted") { world.look { $0.indexedCopies } == 4 }
        world.until("told") { world.directory(frontend).loads[1 << 8]?.indexedBlocks == 4 }
        world.on(worker) { $0.end(plan.legs[0], key) }
        world.until("ended") { world.leases == 0 }
        #expect(Self.found(world, frontend) == 4)
        world.pass(.seconds(118))
        #expect(Self.found(world, frontend) == 4)
        world.until("forgotten", within: .seconds(3)) { Self.found(world, frontend) == 0 }
        #expect(world.look { $0.indexedCopies } == 0)
        world.until("told") { world.directory(frontend).loads[1 << 8]?.indexedBlocks == 0 }
    }

    @Test("D.8: lives that end leave their places in the index to those that come, without end")
    func manyLives() {
        var config = RouterConfig()
        config.index.slots = 4
        let world = RouterWorld(config: config), frontend = world.frontend()
        for life in 1...12 as ClosedRange<UInt64> {
            let worker = world.worker(1, generation: 0x100 + life, host: "127.0.1.\(life)")
            world.until("ready") { world.takesWork(1) && world.isInStep(1) }
            Self.exact(world, frontend)
            world.on(worker) { $0.publish([Self.store()]) }
            world.until("found in life \(life)") { Self.found(world, frontend) == 4 }
            world.on(worker) { $0.link?.goodbye(.leaving) }
            world.until("gone") { world.record(1) == nil }
        }
        world.until("swept") { world.look { $0.core?.cache.counts.retiredSlots == 0 && $0.indexedCopies == 0 } }
    }

    @Test("a worker whose requests find less than it told is routed by load alone, read anew, and believed again; then for longer")
    func missing() {
        let world = RouterWorld(), frontend = world.frontend(), worker = world.readyWorker(1)
        Self.exact(world, frontend)
        world.on(worker) { $0.publish([Self.store()]) }
        func started(_ cached: UInt32) {
            let plan = world.plan(frontend), key = world.on(frontend) { $0.key(plan) }, lease = plan.legs[0].lease
            world.on(worker) {
                $0.accept(plan.legs[0], key)
                $0.publish([.requestStarted(RequestStarted(lease: lease, rank: 0, cachedTokens: cached, waitedMicroseconds: 0))])
                $0.end(plan.legs[0], key)
            }
            world.until("ended") { world.leases == 0 }
        }
        world.until("stored") { Self.found(world, frontend) == 4 }
        for _ in 0..<20 { started(48) }
        #expect(!world.exposition.contains("apus_router_cache_doubts_total{reason=\"missing\"} 1"))
        let before = world.on(worker) { $0.snapshots }
        for _ in 0..<5 { started(0) }
        world.until("doubted") { world.exposition.contains("apus_router_cache_doubts_total{reason=\"missing\"} 1") }
        world.until("read anew and believed") {
            world.on(worker) { $0.snapshots } > before && world.directory(frontend).workers[1]?.events == .exact
        }
        #expect(Self.found(world, frontend) == 0, "its snapshot names nothing")
        world.on(worker) { $0.publish([Self.store()]) }
        world.until("stored") { Self.found(world, frontend) == 4 }
        for _ in 0..<5 { started(0) }
        world.until("told") { world.directory(frontend).workers[1]?.events == .loadOnly }
        #expect(world.directory(frontend).workers[1]?.reason.contains("find less") == true)
        #expect(Self.found(world, frontend) == 0 && world.plan(frontend).outcome == .placed, "by load alone")
        world.pass(.seconds(28))
        #expect(world.directory(frontend).workers[1]?.events == .loadOnly)
        world.until("believed again", within: .seconds(5)) { world.directory(frontend).workers[1]?.events == .exact }
    }

    @Test("a worker that computes and tells of no block is routed by what was decided, until it tells of one")
    func silent() {
        let world = RouterWorld(), frontend = world.frontend(), worker = world.readyWorker(1)
        Self.exact(world, frontend)
        for turn in 0..<17 as Range<UInt64> {
            let plan = world.plan(frontend) { $0.sequenceHashes = (1...4).map { turn * 1_000 + $0 } }
            let key = world.on(frontend) { $0.key(plan) }
            world.on(worker) {
                $0.accept(plan.legs[0], key)
                $0.publish([.prefillDone(PrefillDone(lease: plan.legs[0].lease, rank: 0, prefillMicroseconds: 1))])
                $0.end(plan.legs[0], key)
            }
            world.pass(.seconds(1))
        }
        world.until("told") { world.directory(frontend).workers[1]?.events == .approximate }
        #expect(world.exposition.contains("apus_router_cache_doubts_total{reason=\"silent\"} 1"))
        let plan = world.plan(frontend), key = world.on(frontend) { $0.key(plan) }
        world.on(worker) {
            $0.accept(plan.legs[0], key)
            $0.end(plan.legs[0], key)
        }
        world.until("ended") { world.leases == 0 }
        #expect(Self.found(world, frontend) == 4)
        world.on(worker) { $0.publish([.blocksStored(BlocksStored(rank: 0, tier: .device, parent: nil, hashes: [77]))]) }
        world.until("believed again") { world.directory(frontend).workers[1]?.events == .exact }
    }
}
