import ClusterModel
import EventLoop
import Scheduling
import Testing
import Transport
import WireProtocol

@testable import RouterService

@Suite("What a router's leases hold")
struct LeaseTests {
    /// Blocks of live and of predicted leases in the index.
    private static func held(_ world: RouterWorld) -> [Int] {
        world.look { router in
            guard let counts = router.core?.cache.counts else { return [] }
            return [counts.activeBlocks, counts.predictedBlocks]
        }
    }

    /// Of the first placement, as a decision sees it.
    private static func load(_ world: RouterWorld) -> CandidateLoad {
        world.look { $0.core?.workers.pools.all.first?.candidates.first?.load ?? CandidateLoad() }
    }

    private static func key(_ world: RouterWorld, _ frontend: ScriptedFrontend, _ plan: PlanEntry) -> RequestKey {
        world.on(frontend) { $0.key(plan) }
    }

    /// Events that are sent meanwhile do not arrive.
    private static func losing(_ world: RouterWorld, _ worker: ScriptedWorker, _ body: @LoopActor (ScriptedWorker) -> Void) {
        var faults = LinkFaults()
        faults.feedLoss = 1
        world.fabric.plan[worker.host.name, RouterWorld.routerName] = faults
        world.on(worker, body)
        world.pass(.milliseconds(1))
        world.fabric.plan[worker.host.name, RouterWorld.routerName] = LinkFaults()
    }

    /// A lease holds in the index what the table keeps of it: each block of all of them once.
    private static func agrees(_ world: RouterWorld) -> Bool {
        world.look { router in
            guard let core = router.core else { return false }
            let leases = core.ledger.table.all, counts = core.cache.counts
            return counts.activeBlocks == Set(leases.flatMap(\.hashes)).count
                && counts.predictedBlocks == Set(leases.filter(\.isPredicted).flatMap(\.hashes)).count
        }
    }

    // MARK: Sums

    @Test("D.4: of three requests, one with both others' prompts, four blocks and sixteen tokens count: in decisions and on the stream")
    func workedCheck() {
        let world = RouterWorld(), frontend = world.frontend()
        let worker = world.readyWorker(1) { $0.card = WorkerScript.card("model") { $0.blockSize = 4 } }
        world.until("routed by blocks") { world.directory(frontend).workers[1]?.events == .exact }
        func plan(_ hashes: [UInt64]) -> PlanEntry {
            world.plan(frontend) {
                $0.blockSize = 4
                $0.tokenCount = UInt32(hashes.count) * 4
                $0.sequenceHashes = hashes
            }
        }
        let plans = [plan([1, 2, 3]), plan([4]), plan([1, 2, 3, 4])]
        #expect(plans.map { $0.legs[0].deviceBlocks } == [0, 0, 4] && plans.map { $0.legs[0].waitingTokens } == [0, 12, 16])
        #expect(Self.load(world).ledgerBlocks == 4 && Self.load(world).ledgerTokens == 16 && Self.load(world).ledgerRequests == 3)
        func told() -> [UInt64] {
            guard let load = world.directory(frontend).loads[1 << 8] else { return [] }
            return [UInt64(load.activeBlocks), load.prefillTokens, UInt64(load.requests)]
        }
        world.until("told") { told() == [4, 16, 3] }
        world.on(worker) { worker in
            for plan in plans { worker.accept(plan.legs[0], RequestKey(origin: 0xF001, counter: plan.counter, attempt: 1), prefill: 4) }
            worker.publish([.prefillDone(PrefillDone(lease: plans[0].legs[0].lease, rank: 0, prefillMicroseconds: 1))])
        }
        world.until("what the worker says replaces what was booked") { told() == [4, 8, 3] }
        world.on(worker) { $0.end(plans[0].legs[0], RequestKey(origin: 0xF001, counter: plans[0].counter, attempt: 1)) }
        world.until("the third holds them too") { told() == [4, 8, 2] }
        world.on(worker) { $0.end(plans[2].legs[0], RequestKey(origin: 0xF001, counter: plans[2].counter, attempt: 1)) }
        world.until("the second is left") { told() == [1, 4, 1] }
    }

    @Test("D.4, L19: output counts by the worker's word, all its boundaries at once, and less near its expected end")
    func output() {
        let world = RouterWorld(), frontend = world.frontend(), worker = world.readyWorker(1)
        let plan = world.plan(frontend) { $0.sequenceHashes = [1, 2, 3] }, lease = plan.legs[0].lease
        func grown(_ blocks: UInt32, _ tokens: UInt32) {
            world.on(worker) {
                $0.publish([.blocksGrown(BlocksGrown(lease: lease, rank: 0, outputBlocks: blocks, outputTokens: tokens))])
            }
        }
        #expect(Self.load(world).ledgerBlocks == 4, "three full ones and one that is not")
        world.on(worker) { $0.accept(plan.legs[0], Self.key(world, frontend, plan)) }
        grown(6, 96)
        world.until("six more") { Self.load(world).ledgerBlocks == 10 }
        grown(6, 100)
        world.pass(.milliseconds(50))
        #expect(Self.load(world).ledgerBlocks == 10)
        // Another one, whose answer is expected to have 64 tokens, and has the half of them.
        world.on(worker) { $0.end(plan.legs[0], Self.key(world, frontend, plan)) }
        world.until("ended") { world.leases == 0 }
        var accepted = RequestAccepted()
        accepted.lease = 0x7_0000_0001
        accepted.promptTokens = 64
        accepted.expectedOutputTokens = 64
        let event = accepted
        world.on(worker) {
            $0.publish([
                .requestAccepted(event), .requestBlocks(RequestBlocks(lease: event.lease, rank: 0, firstBlock: 0, hashes: [1, 2, 3, 4])),
                .blocksGrown(BlocksGrown(lease: event.lease, rank: 0, outputBlocks: 2, outputTokens: 32)),
            ])
        }
        world.until("half of six") { Self.load(world).ledgerBlocks == 3 }
    }

    @Test("D.4: blocks that a worker names of a request nobody told of count from that word on")
    func namedLater() {
        let world = RouterWorld(), worker = world.readyWorker(1)
        var leg = PlanLeg()
        leg.lease = 0x7_0000_0001
        let made = leg
        world.on(worker) { $0.accept(made, RequestKey(origin: 5, counter: 5, attempt: 1)) }
        world.until("made") { world.leases == 1 }
        world.on(worker) {
            $0.publish([.requestBlocks(RequestBlocks(lease: made.lease, rank: 0, firstBlock: 0, hashes: [1, 2, 3, 4]))])
        }
        world.until("held") { Self.held(world) == [4, 4] }
        #expect(Self.load(world).ledgerBlocks == 4 && Self.load(world).ledgerRequests == 1)
    }

    // MARK: Ends

    enum Way: CaseIterable, Sendable { case refused, givenBack, neverDispatched, cancelled, ended, endedAfterPrefill, lost, expired }

    @Test("C.5, D.4: whichever way a lease ends, its blocks leave the index with it, held and predicted", arguments: Way.allCases)
    func leavesIndex(_ way: Way) {
        let world = RouterWorld(), frontend = world.frontend(), worker = world.readyWorker(1)
        _ = world.readyWorker(2)
        world.until("routed by blocks") { world.directory(frontend).workers[1]?.events == .exact }
        func asked(_ change: (inout RouteEntry) -> Void = { _ in }) -> PlanEntry {
            world.plan(frontend) {
                $0.options.preferred = PlacementRef(workerID: 1, rank: nil)
                change(&$0)
            }
        }
        let plan = asked(), leg = plan.legs[0], key = Self.key(world, frontend, plan)
        #expect(leg.workerID == 1 && Self.held(world) == [4, 4])
        switch way {
        case .refused:
            let report = OverbookedReport(
                workerID: 1, generation: leg.generation, rank: 0, lease: leg.lease, waitingTokens: 1, streamNumber: 1_000)
            #expect(
                world.plan(frontend) {
                    $0.overbooked = [report]; $0.queryOnly = true
                }.outcome == .queryOnly)
        case .givenBack: world.on(frontend) { $0.give(back: leg, .workerLost) }
        case .neverDispatched: world.on(frontend) { $0.give(back: leg, .neverDispatched) }
        case .cancelled: world.on(frontend) { $0.cancel(plan.counter, 1) }
        case .ended, .endedAfterPrefill:
            world.on(worker) { $0.accept(leg, key) }
            if way == .endedAfterPrefill {
                world.on(worker) { $0.publish([.prefillDone(PrefillDone(lease: leg.lease, rank: 0, prefillMicroseconds: 1))]) }
                world.until("predicted no more, and held on") { Self.held(world) == [4, 0] }
            }
            world.on(worker) { $0.end(leg, key) }
        case .lost: world.on(worker) { $0.link?.goodbye(.leaving) }
        case .expired: world.pass(.seconds(5))
        }
        world.until("given back") { world.leases == 0 }
        #expect(Self.held(world) == [0, 0])
        // Nothing of it is found, and the next one has all to compute.
        let next = asked()
        #expect(next.legs[0].deviceBlocks == 0 && Self.held(world) == [4, 4])
        #expect(world.look { $0.core?.ledger.table[next.legs[0].lease]?.prefillTokens } == 64)
    }

    @Test("C.5: an attempt that takes another's place finds nothing of it, and holds its blocks once")
    func superseded() {
        let world = RouterWorld(), frontend = world.frontend()
        _ = world.readyWorker(1)
        world.until("routed by blocks") { world.directory(frontend).workers[1]?.events == .exact }
        let first = world.plan(frontend)
        let second = world.plan(frontend) {
            $0.counter = first.counter
            $0.attempt = 2
        }
        #expect(second.legs[0].deviceBlocks == 0 && second.legs[0].waitingTokens == 0)
        #expect(world.leases == 1 && Self.held(world) == [4, 4])
    }

    @Test("L6: a generation of an hour stays in the books; an end that was not heard leaves them within two seconds")
    func longAndLost() {
        let world = RouterWorld(), frontend = world.frontend(), worker = world.readyWorker(1)
        let plan = world.plan(frontend), leg = plan.legs[0], key = Self.key(world, frontend, plan)
        world.on(worker) {
            $0.accept(leg, key)
            $0.publish([.prefillDone(PrefillDone(lease: leg.lease, rank: 0, prefillMicroseconds: 1))])
        }
        for step in 1...6 as ClosedRange<UInt32> {
            world.pass(.seconds(600))
            world.on(worker) {
                $0.publish([.blocksGrown(BlocksGrown(lease: leg.lease, rank: 0, outputBlocks: step * 100, outputTokens: step * 1_600))])
            }
            world.until("grown") { Self.load(world).ledgerBlocks == 4 + UInt64(step) * 100 }
        }
        #expect(world.leases == 1)
        Self.losing(world, worker) { $0.end(leg, key) }
        #expect(world.leases == 1)
        world.until("made up for", within: .seconds(2)) { world.leases == 0 }
        #expect(Self.held(world) == [0, 0] && Self.load(world).ledgerBlocks == 0)
    }

    @Test("a worker that names another prompt than was booked is believed, and nothing of either is left at rest")
    func otherPrompt() {
        let world = RouterWorld(), frontend = world.frontend(), worker = world.readyWorker(1)
        let plan = world.plan(frontend), key = Self.key(world, frontend, plan)
        world.on(worker) {
            $0.accept(plan.legs[0], key)
            $0.held[0].hashes = [1, 2, 30, 40, 50]
        }
        Self.losing(world, worker) { $0.load(waiting: 1) }
        world.until("read from the snapshot") { Self.held(world) == [5, 5] }
        #expect(Self.agrees(world))
        world.on(worker) { $0.end(plan.legs[0], key) }
        world.until("ended") { world.leases == 0 }
        #expect(Self.held(world) == [0, 0])
    }

    @Test("where the index has no room for a lease's blocks they count as its own, and giving them back takes nobody else's")
    func noRoom() {
        var config = RouterConfig()
        config.index.bytes = 2 << 20
        let world = RouterWorld(config: config), frontend = world.frontend()
        _ = world.readyWorker(1)
        func entries(_ prompts: Range<UInt64>) -> [RouteEntry] {
            prompts.map { prompt in
                world.on(frontend) {
                    $0.entry {
                        $0.tokenCount = 3_200
                        $0.sequenceHashes = (1...200).map { prompt * 1_000_003 + $0 }
                    }
                }
            }
        }
        let first = world.plans(frontend, entries(1..<61))
        #expect(first.allSatisfy { $0.outcome == .placed } && Self.held(world)[0] < 12_000 && Self.agrees(world))
        #expect(Self.load(world).ledgerBlocks == 12_000, "each block is held, in the index or not")
        // Room is made, and the prompts that had none come again: what they hold now is theirs.
        world.on(frontend) { frontend in for plan in first[..<20] { frontend.give(back: plan.legs[0], .finished) } }
        world.until("twenty given back") { world.leases == 40 }
        #expect(Self.agrees(world))
        let again = world.plans(frontend, entries(51..<61))
        #expect(Self.agrees(world))
        world.on(frontend) { frontend in for plan in first[20...] { frontend.give(back: plan.legs[0], .finished) } }
        world.until("forty given back") { world.leases == 10 }
        #expect(Self.agrees(world) && Self.load(world).ledgerBlocks == 2_000 && again.count == 10)
        world.pass(.seconds(6))
        #expect(world.leases == 0 && Self.held(world) == [0, 0] && Self.load(world).ledgerBlocks == 0)
    }

    // MARK: One step

    @Test("D.2, L21: nothing comes between a choice and its booking: each plan of one batch sees those before it")
    func oneStep() {
        let world = RouterWorld(selection: SelectionSettings()), frontend = world.frontend()
        for id in 1...2 as ClosedRange<UInt64> {
            _ = world.readyWorker(id)
            world.until("routed by blocks") { world.directory(frontend).workers[id]?.events == .exact }
        }
        let entries = world.on(frontend) { frontend in
            (0..<10).map { index in
                frontend.entry { $0.sequenceHashes = (1...4).map { UInt64(index + 1) * 1_000 + $0 } }
            }
        }
        let legs = world.plans(frontend, entries).map { $0.legs[0] }
        #expect(world.on(frontend) { $0.planBatches } == [10], "one turn")
        for id in 1...2 as ClosedRange<UInt64> {
            #expect(legs.filter { $0.workerID == id }.map(\.waitingTokens) == [0, 64, 128, 192, 256])
        }
        // Three that name one prompt: the others find what the first will compute, and book nothing of it again.
        let triplets = world.on(frontend) { frontend in
            (0..<3).map { _ in frontend.entry { $0.options.pins = [Pin(leg: .aggregated, workerID: 1, rank: nil)] } }
        }
        #expect(world.plans(frontend, triplets).map { $0.legs[0].waitingTokens } == [320, 384, 384])
    }

    @Test("C.2, L17: a pin without a rank is booked on the least loaded one; a question about it books nothing")
    func pinWithoutRank() {
        let world = RouterWorld(), frontend = world.frontend()
        _ = world.readyWorker(1) { $0.ranks = [0, 1] }
        _ = world.readyWorker(2)
        func pinned(_ change: (inout RouteEntry) -> Void = { _ in }) -> PlanEntry {
            world.plan(frontend) {
                $0.options.pins = [Pin(leg: .aggregated, workerID: 1, rank: nil)]
                change(&$0)
            }
        }
        #expect(pinned { $0.queryOnly = true }.legs.map(\.rank) == [0] && world.leases == 0)
        let plans = (0..<4).map { _ in pinned() }
        #expect(plans.map { $0.legs[0].rank } == [0, 1, 0, 1] && plans.allSatisfy { $0.legs[0].lease != 0 && $0.legs[0].workerID == 1 })
        #expect(plans.map { $0.legs[0].waitingTokens } == [0, 0, 64, 64])
        for rank in 0...1 as ClosedRange<UInt32> {
            let count = world.look { $0.core?.ledger.table.count(on: Placement(worker: WorkerID(1), rank: Rank(rank))) }
            #expect(count?.requests == 2)
        }
    }
}
