import ClusterHarness
import ClusterModel
import EventLoop
import Testing
import Transport
import WireProtocol

@testable import StreamFollowing

@Suite("Publishers that answer against the rules")
struct LiarTests {
    static let pages: [(String, @Sendable (inout SnapshotPage) -> Void)] = [
        ("another generation", { $0.generation &+= 1 }),
        ("another section", { $0.section = 9 }),
        ("another range", { $0.fromHash &+= 1 }),
        ("the last number there is", { $0.sequence = .max }),
        ("older than what was heard", { $0.sequence = 0 }),
        ("a next page that does not ascend", { $0.next = SnapshotCursor(section: $0.section, fromHash: $0.fromHash) }),
        ("a section that does not exist", { $0.next = SnapshotCursor(section: 77, fromHash: 0) }),
        ("no parent for a hash", { page in page.blocks { $0.parents.removeLast() } }),
        ("hashes that do not ascend", { page in page.blocks { $0.hashes = $0.hashes.reversed() } }),
        ("a hash twice", { page in page.blocks { $0.hashes[1] = $0.hashes[0] } }),
        ("a hash outside of its page", { if $0.section == 1, $0.next != nil { $0.throughHash = $0.fromHash } }),
        ("blocks of another tier", { page in page.blocks { $0.tier = .disk } }),
        ("state of several moments", { if $0.section == 0 { $0.sequence += $0.fromHash } }),
        ("pages that go back in time", { if $0.section > 0 { $0.sequence -= 1 } }),
    ]

    @Test("a snapshot against the rules is not believed, and is asked for again with growing pauses", arguments: pages.indices)
    func lies(_ index: Int) {
        let world = FollowingWorld(seed: UInt64(index)), lie = Self.pages[index].1
        world.work(40, clears: false)
        world.publisher.entriesPerPage = 2
        world.publisher.hashesPerPage = 50
        world.publisher.corruptPage = lie
        let reader = world.reader()
        world.pass(.seconds(12))
        #expect(reader.state == .resyncing, "\(Self.pages[index].0)")
        #expect((3...8).contains(world.publisher.firstPagesAsked.count))
        #expect(reader.counters.failures >= 3 && reader.counters.snapshots == 0)
        world.publisher.corruptPage = nil
        world.inStep(reader, within: .seconds(30))
        #expect(reader.picture.blocks == world.publisher.on { $0.truth.blocks.filter { !$0.value.isEmpty } })
        #expect(reader.on { $0.mirror.violations } == [])
    }

    static let replays: [(String, @Sendable (inout ReplayAnswer) -> Void)] = [
        ("another generation", { $0.generation += 1 }),
        ("in another life", { $0.outcome = .wrongGeneration }),
        ("too old", { $0.outcome = .tooOld }),
        ("too new", { $0.outcome = .tooNew }),
        ("more than it holds", { $0.lastSequence += 1 }),
        ("fewer than it holds", { $0.lastSequence -= 1 }),
        ("further on", { ($0.firstSequence, $0.lastSequence) = ($0.firstSequence + 1, $0.lastSequence + 1) }),
        ("nothing", { ($0.firstSequence, $0.lastSequence, $0.batch) = (0, 0, []) }),
        ("what does not decode", { $0.batch.removeLast() }),
        ("more events than it says", { $0.batch = [0xFF, 0xFF, 0xFF, 0x7F] }),
    ]

    @Test("a replay against the rules is not applied; a snapshot makes up what is missing", arguments: replays.indices)
    func falseReplays(_ index: Int) {
        let world = FollowingWorld(seed: UInt64(index)), reader = world.reader()
        world.work(20, clears: false)
        world.inStep(reader)
        world.publisher.corruptReplay = Self.replays[index].1
        world.lose(reader) { world.work(10, pauses: .zero) }
        world.inStep(reader)
        world.expectTruth(reader)
        #expect(reader.counters.snapshots == 2 && reader.counters.replays == 0, "\(Self.replays[index].0)")
    }

    @Test("a publisher that does not answer is asked again, and joined when it does", arguments: [Duration.seconds(1), .seconds(30)])
    func silent(_ span: Duration) {
        let world = FollowingWorld(), reader = world.reader()
        world.work(20)
        world.inStep(reader)
        world.publisher.isMute = true
        world.lose(reader) { world.load(9) }
        world.pass(span)
        #expect(reader.state == .resyncing)
        world.publisher.isMute = false
        world.inStep(reader)
        world.expectTruth(reader)
    }

    @Test(
        "pages that were damaged on their way are refused and asked for again; what is built is the truth",
        arguments: 1...30 as ClosedRange<UInt64>)
    func damaged(seed: UInt64) {
        let world = FollowingWorld(seed: seed)
        world.work(60, pauses: .zero, clears: false)
        world.publisher.hashesPerPage = 40
        var random = SeededRandom(seed: seed), damages: UInt64 = 0
        world.publisher.damage = { bytes in
            guard damages < 6, random.next() % 2 == 0 else { return }
            damages += 1
            if random.next() % 3 == 0 {
                bytes.removeLast(1 + Int(random.next() % UInt64(bytes.count - 1)))
            } else {
                bytes[Int(random.next() % UInt64(bytes.count))] ^= 1 << UInt8(random.next() % 8)
            }
        }
        let reader = world.reader()
        world.inStep(reader, within: .seconds(60))
        world.expectTruth(reader)
        #expect(damages > 0 && reader.counters.malformed == damages && reader.counters.failures >= damages)
        #expect(reader.counters.snapshots == 1)
    }

    @Test("another process at the address is asked nothing")
    func anotherProcess() {
        let world = FollowingWorld(), reader = world.reader()
        world.work(5)
        world.inStep(reader)
        world.publisher.on { $0.restart(generation: 0x99) }
        let asked = world.publisher.pagesAsked
        // It is still taken for alive: the old life's numbers are heard once more.
        reader.loop.perform { reader.deliverBeat(1_000) }
        world.pass(.seconds(5))
        #expect(world.publisher.pagesAsked == asked && reader.counters.failures > 1)
    }
}

extension SnapshotPage {
    /// Changes the first entry of a page that holds two blocks at least.
    fileprivate mutating func blocks(_ change: (inout HeldBlocks) -> Void) {
        guard case .heldBlocks(var held) = entries.first, held.hashes.count > 1 else { return }
        change(&held)
        entries[0] = .heldBlocks(held)
    }
}
