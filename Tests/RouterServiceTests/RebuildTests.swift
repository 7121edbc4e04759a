import ClusterModel
import EventLoop
import StreamFollowing
import Testing
import Transport
import WireProtocol

@testable import RouterService

/// T13: a router that begins knows nothing, and workers have a million blocks.
@Suite("A router that begins among full workers")
struct RebuildTests {
    private static let workers = 4, blocks = 250_000
    private static let pageBlocks = 3_500

    /// Ascending hashes of chains of 64 blocks, with their parents.
    private static func content(seed: UInt64) -> (hashes: [UInt64], parents: [UInt64]) {
        var random = SeededRandom(seed: seed), pairs: [(UInt64, UInt64)] = []
        pairs.reserveCapacity(blocks)
        var before: UInt64 = 0
        for place in 0..<blocks {
            let hash = random.next() | 1
            pairs.append((hash, place % 64 == 0 ? 0 : before))
            before = hash
        }
        pairs.sort { $0.0 < $1.0 }
        return (pairs.map(\.0), pairs.map(\.1))
    }

    @LoopActor
    private static func page(of content: (hashes: [UInt64], parents: [UInt64]), at cursor: SnapshotCursor, _ worker: ScriptedWorker)
        -> SnapshotPage
    {
        var low = 0, high = content.hashes.count
        while low < high {
            let middle = (low + high) / 2
            if content.hashes[middle] < cursor.fromHash { low = middle + 1 } else { high = middle }
        }
        let end = min(low + pageBlocks, content.hashes.count), isLast = end == content.hashes.count
        var page = SnapshotPage()
        page.generation = worker.script.generation
        page.sequence = (worker.feed?.nextSequence ?? 1) - 1
        page.section = 1
        page.fromHash = cursor.fromHash
        page.throughHash = isLast ? .max : content.hashes[end] - 1
        page.entries = [
            .heldBlocks(
                HeldBlocks(rank: 0, tier: .device, hashes: Array(content.hashes[low..<end]), parents: Array(content.parents[low..<end])))
        ]
        page.next = isLast ? nil : SnapshotCursor(section: 1, fromHash: content.hashes[end])
        return page
    }

    @Test("T13, D.11: a late joiner pulls snapshots from every worker: of a million blocks 99 % are in its index again within five seconds, over links of a gigabit, and plans are made meanwhile")
    func million() {
        var way = LinkFaults()
        way.bytesPerSecond = 125_000_000
        let world = RouterWorld(plan: FaultPlan(way)), frontend = world.frontend(), began = world.world.now
        for id in 1...UInt64(Self.workers) {
            let content = Self.content(seed: id), worker = world.worker(id)
            world.on(worker) { worker in worker.blockPage = { [unowned worker] in Self.page(of: content, at: $0, worker) } }
        }
        world.until("a worker is there") { world.takesWork(1) }
        #expect(world.plan(frontend).outcome == .placed, "by load alone")
        world.until("the index is back", within: .seconds(5)) {
            world.look { $0.indexedCopies } >= Self.workers * Self.blocks * 99 / 100
        }
        #expect(began.duration(to: world.world.now) <= .seconds(5))
        world.until("and all in step") { (1...UInt64(Self.workers)).allSatisfy { world.isInStep($0) } }
        #expect(world.look { $0.indexedCopies } == Self.workers * Self.blocks)
    }

    @Test("D.11: so many recoveries run at once, the others wait their turn, and all come to their end", arguments: [20])
    func bounded(workers: Int) {
        let world = RouterWorld()
        let all = (1...UInt64(workers)).map { world.worker($0) }
        var most = 0
        world.until("all in step") {
            most = max(most, world.look { $0.core?.recoveries.load.running ?? 0 })
            return (1...UInt64(workers)).allSatisfy { world.isInStep($0) }
        }
        #expect(most > 0 && most <= 8)
        #expect(all.allSatisfy { worker in world.on(worker) { $0.snapshots } == 2 })
        #expect(world.look { $0.core?.recoveries.load.running } == 0)
    }

    @Test("D.11: a recovery that fails is tried again after pauses that double, with jitter, and no other stream waits for it")
    func backoff() {
        let world = RouterWorld(), bad = world.worker(1), frontend = world.frontend()
        var asked: [Instant] = []
        world.on(bad) { worker in worker.corrupt = { page in page.generation = 9 } }
        _ = world.readyWorker(2)
        var before = world.on(bad) { $0.snapshots }
        if before > 0 { asked.append(world.world.now) }
        for _ in 0..<12_000 {
            world.pass(.milliseconds(1))
            let now = world.on(bad) { $0.snapshots }
            if now > before { asked.append(world.world.now) }
            before = now
        }
        let waits = zip(asked, asked.dropFirst()).map { $0.duration(to: $1) }
        #expect(waits.count >= 4 && waits.count < 12, "\(waits)")
        for (step, wait) in waits.enumerated() {
            let pause = Duration.milliseconds(200) * (1 << min(step, 6))
            #expect(wait >= min(pause, .seconds(10)) * 9 / 10 && wait <= min(pause, .seconds(10)) * 17 / 10, "\(step): \(wait)")
        }
        #expect(world.plan(frontend).outcome == .placed)
        world.on(bad) { $0.corrupt = nil }
        world.until("it is in step in the end", within: .seconds(30)) { world.isInStep(1) }
    }
}
