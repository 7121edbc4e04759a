import ClusterHarness
import ClusterModel
import EventLoop
import Testing
import Transport
import WireProtocol

@testable import StreamFollowing

@Suite("Following a stream")
struct FollowerTests {
    private func joined(seed: UInt64 = 1, _ change: (inout FollowingOptions) -> Void = { _ in }) -> (FollowingWorld, Reader) {
        let world = FollowingWorld(seed: seed), reader = world.reader("reader", change)
        world.work(10)
        world.inStep(reader)
        return (world, reader)
    }

    @Test("D.11: a reader joins by a snapshot and stays in step; each event reaches it once")
    func joins() {
        let world = FollowingWorld()
        world.work(30)
        let reader = world.reader()
        #expect(reader.state == .listening)
        world.inStep(reader)
        world.expectTruth(reader)
        let before = reader.counters.events
        world.work(50)
        world.inStep(reader)
        world.expectTruth(reader)
        let counters = reader.counters
        #expect(counters.snapshots == 1 && counters.gaps == 0 && counters.replays == 0 && counters.duplicates == 0)
        #expect(counters.events - before == world.last - (reader.on { $0.mirror.completions[0] }) - before)
        #expect(reader.on { $0.mirror.restarts } == 1)
    }

    @Test("D.11: what was lost is counted and asked for from the ring in parts, and applied in order")
    func replay() {
        let (world, reader) = joined()
        let before = world.last
        world.lose(reader) { for waiting in 1...20 as ClosedRange<UInt64> { world.load(waiting) } }
        #expect(reader.state == .inStep, "nothing shows it yet")
        world.work(3, pauses: .zero)
        world.until("noticed") { reader.counters.gaps == 1 }
        #expect(reader.state == .resyncing && reader.counters.missingEvents == 20)
        world.inStep(reader)
        world.expectTruth(reader)
        let counters = reader.counters
        #expect(counters.replays == 3 && counters.replayedEvents == 20 && counters.snapshots == 1)
        #expect(world.publisher.replaysAsked.map(\.lowerBound) == [before + 1, before + 8, before + 15])
        #expect(world.publisher.replaysAsked.map(\.upperBound) == [before + 20, before + 20, before + 20])
        #expect(reader.on { $0.follower.heldBytes } == 0)
    }

    @Test("D.11: a lost last batch is found by the beat")
    func beat() {
        let (world, reader) = joined()
        world.lose(reader) { world.load(5) }
        world.inStep(reader)
        world.expectTruth(reader)
        #expect(reader.counters.gaps == 1 && reader.counters.replayedEvents == 1)
    }

    @Test("D.11: what the ring no longer has is made up by a snapshot")
    func shortRing() {
        let (world, reader) = joined()
        world.on { $0.ring = 5 }
        world.lose(reader) { world.work(10, pauses: .zero) }
        world.inStep(reader)
        world.expectTruth(reader)
        let counters = reader.counters
        #expect(counters.snapshots == 2 && counters.replays == 0 && counters.failures == 0 && counters.gaps == 1)
    }

    @Test("a batch that was overtaken closes its gap by itself, before the replay that was asked for at once")
    func overtaken() {
        let (world, reader) = joined()
        var slow = LinkFaults()
        slow.delay = .milliseconds(3)
        world.fabric.plan["publisher", "reader"] = slow
        world.load(1)
        slow.delay = .milliseconds(1)
        world.fabric.plan["publisher", "reader"] = slow
        // The feed of this network keeps the order; what overtakes is drawn.
        slow.feedReordering = 1
        world.fabric.plan["publisher", "reader"] = slow
        for waiting in 2...40 as ClosedRange<UInt64> {
            world.load(waiting)
            world.pass(.microseconds(100))
        }
        world.inStep(reader)
        world.expectTruth(reader)
        let counters = reader.counters
        #expect(counters.gaps > 0 && counters.lateEvents > 0 && counters.snapshots == 1)
    }

    @Test("D.11: what lies behind the cursor is dropped: repeats change nothing and are counted")
    func duplicates() {
        let (world, reader) = joined()
        var faults = LinkFaults()
        faults.feedDuplication = 1
        world.fabric.plan["publisher", "reader"] = faults
        world.work(20)
        world.fabric.plan["publisher", "reader"] = LinkFaults()
        world.inStep(reader)
        world.expectTruth(reader)
        let counters = reader.counters
        #expect(counters.duplicates == 20 && counters.gaps == 0 && counters.backwards == 0 && counters.snapshots == 1)
    }

    @Test(
        "pages of many moments, events meanwhile, losses, repeats and disorder lead to the truth",
        arguments: 1...60 as ClosedRange<UInt64>)
    func keyRule(seed: UInt64) {
        var faults = LinkFaults()
        faults.jitter = .milliseconds(4)
        if seed % 3 != 0 { (faults.feedLoss, faults.feedDuplication, faults.feedReordering) = (0.05, 0.05, 0.05) }
        let world = FollowingWorld(seed: seed, faults: faults)
        world.publisher.ring = seed % 2 == 0 ? 40 : .max
        world.publisher.hashesPerPage = 3 + Int(seed % 20)
        world.work(30, clears: false)
        let reader = world.reader()
        // Joining takes longer than many batches.
        for round in 0..<6 {
            world.work(25, pauses: .milliseconds(round % 2 == 0 ? 2 : 10), clears: seed % 5 == 0)
            if round == 3 { world.lose(reader) { world.work(60, pauses: .zero) } }
        }
        world.fabric.plan = FaultPlan()
        world.inStep(reader)
        world.expectTruth(reader)
        #expect(reader.on { $0.follower.heldBytes } == 0)
    }

    @Test("D.11: a clear is a barrier: a rank that is cleared between two pages makes the reader start over at once, and is empty soon")
    func clearedMeanwhile() {
        let world = FollowingWorld()
        world.work(60, pauses: .zero, clears: false)
        world.publisher.hashesPerPage = 4
        let reader = world.reader()
        world.until("reads blocks") { reader.counters.pages >= 4 }
        world.publish([.rankCleared(RankCleared(rank: 0)), .rankCleared(RankCleared(rank: 1))])
        let since = world.world.now
        world.inStep(reader)
        #expect(since.duration(to: world.world.now) < .milliseconds(100))
        #expect(reader.picture.blockCount == 0 && reader.counters.failures == 1)
        world.expectTruth(reader)
    }

    @Test("more events during a recovery than are held: the stream is joined anew, each time later")
    func overflow() {
        let world = FollowingWorld(), reader = world.reader { $0.heldBytes = 4_000 }
        world.publisher.isMute = true
        world.until("asked") { world.publisher.on { !$0.links.isEmpty } }
        for _ in 0..<400 {
            world.load(1)
            world.pass(.milliseconds(10))
            #expect(reader.on { $0.follower.heldBytes } <= 4_000)
        }
        #expect((3...8).contains(Int(reader.counters.overflows)))
        world.publisher.isMute = false
        world.inStep(reader)
        world.expectTruth(reader)
    }

    @Test("a publisher that counts anew in the same life is found by two beats, or by batches that begin again", arguments: [true, false])
    func backwards(quiet: Bool) {
        let (world, reader) = joined()
        world.work(100, clears: false)
        world.inStep(reader)
        // Right behind a beat: the next two are far.
        world.pass(.milliseconds(251) - .milliseconds(world.world.now.nanoseconds / 1_000_000 % 250))
        world.publisher.on { $0.restart() }
        world.pass(.milliseconds(20))
        if quiet { world.load(1) } else { world.work(14, pauses: .milliseconds(2)) }
        world.until("noticed", within: quiet ? .seconds(1) : .milliseconds(60)) { reader.counters.backwards == 1 }
        world.inStep(reader)
        let truth = world.publisher.on { $0.truth.blocks.filter { !$0.value.isEmpty } }
        #expect(reader.picture.blocks == truth && reader.counters.snapshots == 2)
        #expect(reader.on { $0.mirror.violations } == [])
    }

    @Test("another generation is not heard until its owner adopts it; then the old state is forgotten and the new one joined")
    func adopts() throws {
        let (world, reader) = joined()
        world.publisher.on { $0.restart(generation: 0x78) }
        world.work(5)
        world.pass(.seconds(2))
        #expect(reader.counters.foreign > 0 && reader.position != world.last)
        let adopted = reader.on { reader in
            reader.oracle.generation = 0x78
            return Result { () throws(TransportError) in try reader.follower.adopt(generation: 0x78) }
        }
        try adopted.get()
        #expect(reader.picture.blockCount == 0 && reader.state == .listening)
        world.inStep(reader)
        world.expectTruth(reader)
        #expect(reader.counters.snapshots == 2)
    }

    @Test("a link that is lost between two pages is dialled again, and reading goes on where it was")
    func resumes() {
        let world = FollowingWorld()
        world.work(80, pauses: .zero, clears: false)
        world.publisher.hashesPerPage = 5
        let reader = world.reader()
        world.until("reads blocks") { reader.counters.pages >= 5 }
        let pages = reader.counters.pages
        world.publisher.on { $0.breakLinks() }
        world.inStep(reader)
        world.expectTruth(reader)
        #expect(reader.on { $0.mirror.restarts } == 1 && world.publisher.firstPagesAsked.count == 1)
        #expect(reader.counters.pages > pages && reader.counters.failures == 1)
    }

    @Test("a recovery link is closed when nothing is asked for a while, and opened again for the next gap")
    func idleLink() {
        let (world, reader) = joined()
        #expect(world.publisher.on { $0.links.count } == 1)
        world.pass(.seconds(5))
        #expect(world.publisher.on { $0.links.isEmpty })
        world.lose(reader) { world.load(5) }
        world.inStep(reader)
        #expect(world.publisher.on { $0.links.count } == 1)
        reader.on { $0.follower.close() }
        world.pass(.seconds(3))
        #expect(world.publisher.on { $0.links.isEmpty } && reader.on { $0.follower.isClosed })
    }

    @Test("recoveries run a few at a time, those that wait hold up nobody, and all come to their end")
    func gate() {
        let world = FollowingWorld(), gate = RecoveryGate(atOnce: 2)
        world.work(20)
        let readers = (0..<6).map { world.reader("reader \($0)", gate: gate) }
        world.publisher.isMute = true
        world.until("two run") { gate.on(world) == (2, 4) }
        world.pass(.seconds(3))
        #expect(readers.allSatisfy { $0.state == .resyncing })
        world.publisher.isMute = false
        for reader in readers { world.inStep(reader) }
        world.until("all are done") { gate.on(world) == (0, 0) }
    }

    @Test("a batch that does not decode is applied in no part, counted, and made up")
    func malformed() {
        let (world, reader) = joined()
        let before = reader.picture
        world.publisher.on { publisher in
            publisher.publishRaw(1, [0xFF, 0xFF, 0xFF, 0xFF])
            publisher.publishRaw(1, [])
        }
        world.pass(.milliseconds(5))
        #expect(reader.counters.malformed == 2 && reader.picture == before)
    }

    @Test("numbers past every stream are refused; one far ahead is not believed for long")
    func farAhead() {
        let (world, reader) = joined()
        var message: [UInt8] = []
        for number in [.max, .max - 1, 1 << 62] as [UInt64] {
            message.removeAll()
            Codec.append(
                WorkerEvents(events: [.rankLoad(RankLoad())]), origin: FollowingWorld.generation, number: number, to: &message)
            let bytes = message
            reader.loop.perform { bytes.withUnsafeBytes { reader.deliver($0) } }
        }
        world.until("noticed") { reader.counters.gaps == 1 && reader.counters.malformed >= 1 }
        world.inStep(reader, within: .seconds(60))
        world.work(10)
        world.inStep(reader)
        #expect(reader.picture.blocks == world.publisher.on { $0.truth.blocks.filter { !$0.value.isEmpty } })
    }
}

extension RecoveryGate {
    fileprivate nonisolated func on(_ world: FollowingWorld) -> (Int, Int) { world.publisher.on { _ in load } }
}

extension FollowingWorld {
    fileprivate func on(_ body: (ScriptedPublisher) -> Void) { body(publisher) }
}
