import ClusterModel
import EventLoop
import JSONText
import Scheduling
import Testing
import Transport
import WireProtocol

@testable import RouterService

/// What a router believes of caches, and what makes it stop.
@Suite("Whether caches are what workers say")
struct TrustTests {
    private static func prompt(_ number: UInt64) -> [UInt64] { (1...4).map { number * 100 + $0 } }

    @Test("T20: a cache that was emptied without a word is noticed within 20 requests, and read anew")
    func silentClear() throws {
        let world = RouterWorld(), frontend = world.frontend(), worker = world.believedWorker(1)
        for number in 1...30 as ClosedRange<UInt64> { world.serve(frontend, on: worker, Self.prompt(number), cached: 0, stores: true) }
        for number in 1...30 as ClosedRange<UInt64> {
            #expect(world.serve(frontend, on: worker, Self.prompt(number), cached: 48).legs[0].deviceBlocks == 4)
        }
        #expect(world.events(1) == .exact && !world.exposition.contains(#"apus_router_cache_doubts_total{reason="missing"}"#))
        let before = world.on(worker) { $0.snapshots }
        // Its cache is empty now, and it says nothing. What it computes again it tells of.
        var requests: UInt64 = 0
        while requests < 20, !world.exposition.contains(#"apus_router_cache_doubts_total{reason="missing"} 1"#) {
            requests += 1
            world.serve(frontend, on: worker, Self.prompt(requests), cached: 0, stores: true)
        }
        #expect(requests <= 5)
        world.until("read anew and believed") {
            world.events(1) == .exact && world.isInStep(1) && world.on(worker) { $0.snapshots } > before
        }
        // The scripted snapshot has no blocks: nothing is promised any more, and nothing is held against the worker again.
        for number in 1...30 as ClosedRange<UInt64> {
            #expect(world.serve(frontend, on: worker, Self.prompt(number), cached: 0, stores: true).legs[0].deviceBlocks == 0)
        }
        #expect(world.exposition.contains(#"apus_router_cache_doubts_total{reason="missing"} 1"#))
        let notes = try #require(try JSONValue(parsing: Array(world.debugState().utf8))["workers"]?[0]?["notes"])
        #expect(notes["missing_doubts"]?.asInt == 1 && notes["last_doubt"]?["what"]?.asString?.contains("find less") == true)
    }

    @Test(
        "T20: requests that were placed before the cache was read anew are no new doubt; nor is a clear that was told of",
        arguments: [true, false])
    func oldPromises(isTold: Bool) {
        let world = RouterWorld(), frontend = world.frontend(), worker = world.believedWorker(1)
        world.on(worker) { $0.store([1, 2, 3, 4]) }
        world.until("stored") { world.look { $0.indexedCopies } == 4 }
        let plans = (0..<20).map { _ in world.plan(frontend) }, keys = plans.map { plan in world.on(frontend) { $0.key(plan) } }
        #expect(plans.allSatisfy { $0.legs[0].deviceBlocks == 4 })
        if isTold { world.on(worker) { $0.publish([.rankCleared(RankCleared(rank: 0))]) } }
        for (plan, key) in zip(plans, keys) {
            world.on(worker) { $0.serve(plan.legs[0], key, cached: 0) }
            world.pass(.milliseconds(20))
        }
        world.until("all served") { world.leases == 0 }
        let doubts = #"apus_router_cache_doubts_total{reason="missing"}"#
        #expect(isTold ? !world.exposition.contains(doubts) : world.exposition.contains(doubts + " 1"))
        world.until("believed") { world.events(1) == .exact && world.isInStep(1) }
    }

    @Test("T20: a worker that errs again at once is routed by load alone for half a minute, with the reason")
    func relapse() {
        let world = RouterWorld(), frontend = world.frontend(), worker = world.believedWorker(1)
        func lie() {
            world.on(worker) { $0.store([1, 2, 3, 4]) }
            world.until("stored") { world.look { $0.indexedCopies } == 4 }
            for _ in 0..<8 where world.events(1) == .exact { world.serve(frontend, on: worker, cached: 0) }
        }
        lie()
        world.until("believed again") { world.events(1) == .exact && world.isInStep(1) }
        lie()
        #expect(world.events(1) == .loadOnly)
        world.until("shown") { world.directory(frontend).workers[1]?.reason.contains("find less") == true }
        #expect(world.directory(frontend).workers[1]?.events == .loadOnly && world.plan(frontend).legs[0].deviceBlocks == 0)
        world.pass(.seconds(25))
        #expect(world.events(1) == .loadOnly)
        world.until("believed after its time", within: .seconds(10)) { world.events(1) == .exact }
    }

    @Test("L8: a worker that computes and tells of no block is routed by prediction, and exactly again when its events flow")
    func silent() {
        let world = RouterWorld(), frontend = world.frontend(), worker = world.believedWorker(1)
        world.until("counted") { world.exposition.contains(#"apus_router_workers_by_events{mode="exact"} 1"#) }
        for number in 1...20 as ClosedRange<UInt64> {
            #expect(world.events(1) == .exact || number > 15)
            world.serve(frontend, on: worker, Self.prompt(number), cached: 0)
            world.pass(.milliseconds(700))
        }
        #expect(world.events(1) == .approximate)
        world.until("shown") { world.directory(frontend).workers[1]?.reason.contains("tell of none") == true }
        #expect(world.exposition.contains(#"apus_router_workers_by_events{mode="approximate"} 1"#))
        #expect(world.exposition.contains(#"apus_router_cache_doubts_total{reason="silent"} 1"#))
        // What it accepts now is expected to be there.
        world.serve(frontend, on: worker, Self.prompt(50), cached: 0)
        #expect(world.serve(frontend, on: worker, Self.prompt(50), cached: 48).legs[0].deviceBlocks == 4)
        let before = world.on(worker) { $0.snapshots }
        world.on(worker) { $0.store([7, 8]) }
        world.until("exact again, by all that it has") {
            world.events(1) == .exact && world.isInStep(1) && world.on(worker) { $0.snapshots } > before
        }
        #expect(world.serve(frontend, on: worker, Self.prompt(50), cached: 48).legs[0].deviceBlocks == 0, "that was a guess")
        world.pass(.milliseconds(300))
        #expect(world.exposition.contains(#"apus_router_workers_by_events{mode="exact"} 1"#))
    }

    @Test("L18: where no events tell, a prompt counts from its acceptance: what was refused or never sent leaves nothing")
    func acceptedOnly() {
        let world = RouterWorld(), frontend = world.frontend(), worker = world.readyWorker(1) { $0.events = .approximate }
        let refused = world.plan(frontend)
        world.on(frontend) { $0.give(back: refused.legs[0], .refused) }
        world.until("given back") { world.leases == 0 }
        _ = world.plan(frontend)
        world.until("never sent", within: .seconds(7)) { world.leases == 0 }
        #expect(world.look { $0.indexedCopies } == 0)
        #expect(world.serve(frontend, on: worker, cached: 0).legs[0].deviceBlocks == 0)
        #expect(world.look { $0.indexedCopies } == 4)
        #expect(world.serve(frontend, on: worker, cached: 48).legs[0].deviceBlocks == 4)
    }

    @Test("L18: an adapter's prompt and a salted one are others, though their tokens are the same")
    func salted() {
        let world = RouterWorld(), frontend = world.frontend(), worker = world.readyWorker(1) { $0.events = .approximate }
        func hashes(_ adapter: String, _ salt: [UInt8]) -> [UInt64] {
            var hashes: [SequenceHash] = []
            let hasher = BlockHasher(blockSize: 16, adapter: adapter, salt: CacheSalt(bytes: salt)), tokens = Array(UInt32(0)..<64)
            hasher.appendSequenceHashes(of: tokens.span, after: nil, media: [], to: &hashes)
            return hashes.map(\.rawValue)
        }
        let prompts = [hashes("", []), hashes("poet", []), hashes("", Array(0..<16)), hashes("poet", Array(0..<16))]
        for prompt in prompts { #expect(world.serve(frontend, on: worker, prompt, cached: 0).legs[0].deviceBlocks == 0) }
        for prompt in prompts { #expect(world.serve(frontend, on: worker, prompt, cached: 48).legs[0].deviceBlocks == 4) }
    }

    @Test(
        "D.10: what was accepted is believed for 120 s after its last use, over gaps of the stream too, and the rest of the state with it")
    func timeToLive() {
        let world = RouterWorld(), frontend = world.frontend(), worker = world.readyWorker(1) { $0.events = .approximate }
        world.serve(frontend, on: worker, cached: 0)
        world.losing(worker) { world.on(worker) { $0.load(waiting: 5) } }
        world.until("in step again") { world.record(1)?.waitingTokens == 5 && world.isInStep(1) }
        world.pass(.seconds(115))
        #expect(world.look { $0.indexedCopies } == 4 && world.directory(frontend).loads[1 << 8]?.indexedBlocks == 4)
        world.pass(.seconds(6))
        #expect(world.look { $0.indexedCopies } == 0 && world.look { $0.core?.cache.counts.blocks } == 0)
        world.pass(.milliseconds(300))
        #expect(world.directory(frontend).loads[1 << 8]?.indexedBlocks == 0)
    }

    @Test("D.10: a router that begins knows what runs on a worker without events")
    func heldRequests() {
        let world = RouterWorld(), frontend = world.frontend()
        let worker = world.worker(1) { $0.events = .approximate }
        world.on(worker) {
            var held = HeldRequest()
            held.lease = 0x7_0000_0001
            held.request = RequestKey(origin: 5, counter: 5, attempt: 1)
            held.promptTokens = 64
            held.hashes = [1, 2, 3, 4]
            $0.held = [held]
        }
        world.until("followed") { world.takesWork(1) && world.isInStep(1) }
        #expect(world.plan(frontend).legs[0].deviceBlocks == 4)
    }

    @Test("D.11: of a worker that is lost nothing is left in the index within a second, and the router is as quiet as before")
    func swept() {
        let world = RouterWorld(), worker = world.believedWorker(1)
        world.pass(.seconds(5))
        let quiet = turns(of: world)
        world.on(worker) { worker in
            for start in stride(from: UInt64(1), to: 200_000, by: 4_000) { worker.store(Array(start..<(start + 4_000))) }
        }
        world.until("stored") { world.look { $0.indexedCopies } == 200_000 }
        world.on(worker) { $0.link?.goodbye(.leaving) }
        world.until("gone") { world.record(1) == nil }
        world.until("swept", within: .seconds(1)) { world.look { $0.indexedCopies } == 0 }
        world.until("its number is free", within: .seconds(1)) { world.look { $0.core?.cache.counts.retiredSlots } == 0 }
        #expect(world.look { $0.core?.cache.counts.blocks } == 0)
        world.pass(.seconds(5))
        #expect(turns(of: world) <= quiet)
    }

    private func turns(of world: RouterWorld) -> Int {
        let before = world.world.turns
        world.world.run(for: .seconds(10))
        return world.world.turns - before
    }

    @Test(
        "L7: a clear is of one rank; a worker that clears without end costs a snapshot and is followed again, and the other rank is left alone"
    )
    func clearsWithoutEnd() {
        let world = RouterWorld(), worker = world.believedWorker(1) { $0.ranks = [0, 1] }
        world.on(worker) {
            $0.store([1, 2, 3, 4])
            $0.store([1, 2, 3], rank: 1)
            $0.publish([.rankCleared(RankCleared(rank: 0))])
        }
        world.until("one rank is empty") { world.look { $0.indexedCopies } == 3 }
        let before = world.on(worker) { $0.snapshots }
        world.on(worker) { worker in
            for round in 0..<300 as Range<UInt64> {
                worker.publish([
                    .blocksStored(BlocksStored(rank: 0, tier: .device, parent: nil, hashes: [round + 10])),
                    .rankCleared(RankCleared(rank: 0)),
                ])
            }
            worker.blocks = [HeldBlocks(rank: 1, tier: .device, hashes: [1, 2, 3], parents: [0, 1, 2])]
        }
        world.until("read anew") { world.on(worker) { $0.snapshots } == before + 2 && world.isInStep(1) }
        world.until("as it is") { world.look { $0.indexedCopies } == 3 && world.look { $0.core?.cache.counts.retiredSlots } == 0 }
        world.on(worker) { $0.store([9]) }
        world.until("and follows") { world.look { $0.indexedCopies } == 4 && world.look { $0.core?.cache.counts.slots } == 2 }
        world.pass(.seconds(1))
        #expect(world.on(worker) { $0.snapshots } == before + 2)
    }

    @Test("D.11: a rank that is gone takes its blocks with it, and the last one its worker")
    func ranksGone() {
        let world = RouterWorld(), worker = world.believedWorker(1) { $0.ranks = [0, 1] }
        world.on(worker) {
            $0.store([1, 2, 3, 4])
            $0.store([1, 2, 3], rank: 1)
        }
        world.until("stored") { world.look { $0.indexedCopies } == 7 }
        world.on(worker) {
            $0.script.ranks = [0]
            $0.register()
        }
        world.until("one rank") { world.look { $0.indexedCopies } == 4 }
        world.on(worker) { $0.link?.goodbye(.leaving) }
        world.until("none") { world.record(1) == nil && world.look { $0.indexedCopies } == 0 }
        #expect(world.look { $0.core?.cache.counts.slots } == 0)
    }

    @Test("D.11: a clear is a barrier: pages that were read before it and come after it leave nothing", arguments: 0...3)
    func barrier(_ seed: Int) {
        let world = RouterWorld(seed: UInt64(seed + 1)), worker = world.believedWorker(1)
        world.on(worker) { $0.blocks = [HeldBlocks(rank: 0, tier: .device, hashes: [1, 2, 3, 4], parents: [0, 1, 2, 3])] }
        var slow = LinkFaults()
        slow.delay = .milliseconds(40)
        slow.jitter = .milliseconds(20)
        world.losing(worker) { world.on(worker) { $0.load(waiting: 1) } }
        world.fabric.plan.set(between: worker.host.name, and: RouterWorld.routerName, slow)
        let before = world.on(worker) { $0.snapshots }
        world.until("the page of blocks is on its way") { world.on(worker) { $0.snapshots } >= before + 2 }
        world.on(worker) {
            $0.publish([.rankCleared(RankCleared(rank: 0))])
            $0.blocks = []
        }
        world.until("in step") { world.isInStep(1) && world.look { $0.core?.workers[WorkerID(1)]?.intake?.position } == 2 }
        #expect(world.look { $0.core?.cache.match([1, 2, 3, 4]).longest } == 0)
        world.on(worker) { $0.store([9]) }
        world.until("and follows, with nothing else") { world.look { $0.indexedCopies } == 1 }
    }
}
