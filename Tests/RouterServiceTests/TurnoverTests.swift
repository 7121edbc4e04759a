import ClusterModel
import EventLoop
import Scheduling
import Testing
import Transport
import WireProtocol

@testable import RouterService

/// Ranks of the scripts have 1,000 blocks: each block that is written is a thousandth of a cache.
@Suite("How often a router saw caches written anew")
struct TurnoverTests {
    private static func turnover(_ world: RouterWorld, _ worker: UInt64, _ rank: Int = 0) -> Double {
        world.look { router in
            guard let record = router.core?.workers[WorkerID(worker)], record.ranks.indices.contains(rank) else { return -1 }
            let known = record.ranks[rank].turnover?.times ?? -1
            // What policies see is the same.
            if let pool = record.pool, let place = pool.candidates.index(of: record.placement(rank)) {
                #expect(abs(Double(pool.candidates[place].turnover) - known) < 1e-6)
            }
            return (known * 1e6).rounded() / 1e6
        }
    }

    private static func store(_ world: RouterWorld, _ worker: ScriptedWorker, _ hashes: [UInt64], rank: UInt32 = 0) {
        let position = world.on(worker) { worker in
            worker.store(hashes, rank: rank)
            return worker.script.id
        }
        let last = world.on(worker) { ($0.feed?.nextSequence ?? 1) - 1 }
        world.until("heard") { world.look { $0.core?.workers[WorkerID(position)]?.intake?.position } == last }
    }

    @Test("blocks that are stored count by their rank's size, those told of twice and those of a snapshot do not")
    func stored() {
        let world = RouterWorld(), worker = world.believedWorker(1) { $0.ranks = [0, 1] }
        #expect(Self.turnover(world, 1) == 0)
        Self.store(world, worker, [1, 2, 3, 4])
        #expect(Self.turnover(world, 1) == 0.004 && Self.turnover(world, 1, 1) == 0)
        Self.store(world, worker, [1, 2, 3, 4, 5])
        #expect(Self.turnover(world, 1) == 0.005)
        // Gone and written again, they did push something out again; in another tier they did not.
        world.on(worker) {
            $0.publish([
                .blocksRemoved(BlocksRemoved(rank: 0, tier: .device, hashes: [4, 5])),
                .blocksStored(BlocksStored(rank: 0, tier: .host, parent: nil, hashes: [4, 5])),
            ])
        }
        Self.store(world, worker, [1, 2, 3, 4, 5])
        #expect(Self.turnover(world, 1) == 0.007)
        let snapshots = world.on(worker) { worker in
            worker.blocks = [HeldBlocks(rank: 0, tier: .device, hashes: [1, 2, 3, 9], parents: [0, 1, 2, 3])]
            return worker.snapshots
        }
        world.losing(worker) { world.on(worker) { $0.load(waiting: 5) } }
        world.until("read anew") {
            world.on(worker) { $0.snapshots } > snapshots && world.isInStep(1) && world.look { $0.indexedCopies } == 4
        }
        #expect(Self.turnover(world, 1) == 0.007)
        #expect(world.debugState().contains("\"turnover\":0.007"))
    }

    @Test("a rank keeps its count while its life lasts: over a lost link, and over a registration with the same card")
    func sameLife() {
        let world = RouterWorld(), worker = world.believedWorker(1)
        _ = world.believedWorker(2)
        Self.store(world, worker, [1, 2, 3])
        world.on(worker) { $0.register() }
        world.until("registered again") { world.events(1) == .exact && world.takesWork(1) }
        #expect(Self.turnover(world, 1) == 0.003)
        world.on(worker) { $0.link?.abort() }
        world.until("lost") { world.record(1)?.isAttached == false }
        world.on(worker) { $0.dial() }
        world.until("back") { world.takesWork(1) && world.events(1) == .exact }
        #expect(Self.turnover(world, 1) == 0.003)
    }

    @Test("a new life begins where the least written of its role stand that take work")
    func newLife() {
        let world = RouterWorld(), first = world.believedWorker(1), second = world.believedWorker(2) { $0.ranks = [0, 1] }
        let draining = world.believedWorker(3), prefill = world.believedWorker(4) { $0.role = .prefill }
        Self.store(world, first, Array(1...30))
        Self.store(world, second, Array(1...20))
        Self.store(world, second, Array(1...25), rank: 1)
        Self.store(world, draining, [1])
        Self.store(world, prefill, [1, 2])
        world.on(draining) { $0.publish([.stateChanged(StateChanged(state: .draining, reason: ""))]) }
        world.until("drains") { !world.takesWork(3) }
        _ = world.believedWorker(5)
        #expect(Self.turnover(world, 5) == 0.02)
        _ = world.believedWorker(6) { $0.role = .prefill }
        #expect(Self.turnover(world, 6) == 0.002)
        _ = world.believedWorker(7) { $0.role = .decode }
        #expect(Self.turnover(world, 7) == 0)
        world.on(first) { $0.link?.goodbye(.leaving) }
        world.until("gone") { world.record(1) == nil }
        _ = world.worker(1, generation: 0x202, host: "127.0.1.77")
        world.until("back") { world.takesWork(1) && world.isInStep(1) }
        #expect(Self.turnover(world, 1) == 0.02)
    }

    @Test("of a worker without events, what it accepts counts")
    func approximate() {
        let world = RouterWorld(), frontend = world.frontend(), worker = world.readyWorker(1) { $0.events = .approximate }
        for round in 1...2 {
            let plan = world.plan(frontend), key = world.on(frontend) { $0.key(plan) }
            world.on(worker) { $0.accept(plan.legs[0], key) }
            world.until("accepted") { world.look { $0.indexedCopies } == 4 }
            world.on(worker) { $0.end(plan.legs[0], key) }
            world.until("ended") { world.leases == 0 }
            #expect(Self.turnover(world, 1) == 0.004, "round \(round): the same prompt is there already")
        }
    }

    @Test("plans go to the rank whose cache was written less, and a router that has just begun has no such wish")
    func steers() {
        var settings = SelectionSettings()
        settings.thresholds = .off
        let world = RouterWorld(selection: settings), frontend = world.frontend()
        let first = world.believedWorker(1), second = world.believedWorker(2)
        func ask() -> UInt64? {
            world.plan(frontend) {
                $0.queryOnly = true
                $0.sequenceHashes = [71, 72, 73, 74]
            }.legs.first?.workerID
        }
        // As much lies in either cache, so that ties do not tell them apart.
        Self.store(world, second, [1, 2, 3, 4])
        Self.store(world, first, [11, 12, 13, 14])
        #expect(Set((0..<40).map { _ in ask() }) == [1, 2])
        world.on(first) { $0.publish([.blocksRemoved(BlocksRemoved(rank: 0, tier: .device, hashes: [14]))]) }
        Self.store(world, first, [11, 12, 13, 14])
        #expect(Set((0..<40).map { _ in ask() }) == [2])
    }
}
