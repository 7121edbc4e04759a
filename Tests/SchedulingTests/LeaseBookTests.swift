import ClusterModel
import Scheduling
import Testing

/// Leases and what they hold in the index, changed as one.
@Suite("The lease book")
struct LeaseBookTests {
    private static let life = WorkerLife(worker: WorkerID(1), generation: Generation(10))

    /// A book with its index, and a slot for rank 0 of worker 1.
    private final class World {
        var index: BlockIndex
        var book = LeaseBook()
        let slot: PlacementSlot

        init(bytes: Int? = nil) throws {
            var limits = IndexLimits()
            if let bytes { limits.bytes = bytes }
            index = BlockIndex(limits: limits)
            let opened = index.open()
            slot = try #require(opened)
            book.assign(slot, to: place(1))
        }

        var blocks: UInt64 { book.load(of: place(1), in: index).blocks }
        var requests: UInt32 { book.load(of: place(1), in: index).count.requests }
        var active: Int { index.activeBlocks(on: slot) }
        var predicted: Int { index.counts.predictedBlocks }

        func book(_ number: UInt64, _ hashes: [UInt64], _ change: (inout Lease) -> Void = { _ in }) -> Bool {
            var lease = LeaseBookTests.lease(number, hashes)
            change(&lease)
            return book.book(lease, at: .zero, in: &index)
        }

        func change(_ number: UInt64, _ change: (inout LeaseTable) -> LeaseTable.Verdict) -> LeaseBook.Change {
            book.change(number, in: &index, change)
        }

        func end(_ number: UInt64) { book.end { _ = $0.ended(number, by: LeaseBookTests.life, .finished, &$1) } }

        /// Numbers of those that ended, in the order in which the book hands them out.
        func settled() -> [UInt64] {
            var numbers: [UInt64] = []
            book.orderReleased()
            while let one = book.nextReleased(in: &index) { numbers.append(one.lease.number) }
            return numbers
        }
    }

    private static func lease(_ number: UInt64, _ hashes: [UInt64], rank: UInt32 = 0, life: WorkerLife = life) -> Lease {
        var lease = Lease(
            number: number, life: life, rank: Rank(rank), request: RequestID(origin: 7, counter: number), attempt: 1,
            promptTokens: UInt32(hashes.count) * 16, prefillTokens: UInt32(hashes.count) * 16, promptBlocks: UInt32(hashes.count))
        lease.hashes = hashes
        return lease
    }

    @Test("a booking holds its blocks in the index until the lease has ended, and shared ones count once")
    func holds() throws {
        let world = try World()
        #expect(world.book(1, [1, 2, 3]) && world.book(2, [1, 2, 4]))
        #expect(!world.book(2, [9]), "the number is known")
        #expect(world.active == 4 && world.blocks == 4 && world.predicted == 4 && world.requests == 2)
        world.end(1)
        #expect(world.active == 4, "not before it is handed out")
        #expect(world.settled() == [1])
        #expect(world.active == 3 && world.predicted == 3 && world.requests == 1)
        world.end(2)
        #expect(world.settled() == [2] && world.active == 0 && world.predicted == 0 && world.settled() == [])
    }

    @Test("what ended together is handed out in the order in which it ended")
    func order() throws {
        let world = try World()
        for number in 1...4 as ClosedRange<UInt64> { #expect(world.book(number, [number])) }
        world.book.end { table, released in
            for number in [3, 1, 4] as [UInt64] { _ = table.ended(number, by: Self.life, .finished, &released) }
        }
        #expect(world.settled() == [3, 1, 4] && world.active == 1)
    }

    @Test("blocks that become known, or are computed, change what is held and what is expected")
    func changes() throws {
        let world = try World()
        #expect(world.book(1, [1, 2]))
        let more = world.change(1) { $0.blocks(1, of: Self.life, from: 2, [3, 4]) }
        #expect(more.verdict == .applied && more.before == place(1) && more.after == place(1))
        #expect(world.active == 4 && world.predicted == 4)
        #expect(world.change(1) { $0.prefilled(1, of: Self.life, at: .zero) }.verdict == .applied)
        #expect(world.active == 4 && world.predicted == 0)
        #expect(world.change(1) { $0.prefilled(1, of: Self.life, at: .zero) }.verdict == .applied)
        #expect(world.active == 4 && world.predicted == 0, "said twice")
        world.end(1)
        #expect(world.settled() == [1] && world.active == 0)
        #expect(world.change(1) { $0.prefilled(1, of: Self.life, at: .zero) }.before == nil)
    }

    @Test("a lease that starts on another rank takes its blocks along")
    func moves() throws {
        let world = try World(), opened = world.index.open(), other = try #require(opened)
        world.book.assign(other, to: place(1, 1))
        #expect(world.book(1, [1, 2]))
        let moved = world.change(1) { $0.started(1, of: Self.life, rank: Rank(1), cachedTokens: 0, at: .zero) }
        #expect(moved.before == place(1) && moved.after == place(1, 1))
        #expect(world.active == 0 && world.index.activeBlocks(on: other) == 2)
        world.end(1)
        #expect(world.settled() == [1] && world.index.activeBlocks(on: other) == 0)
    }

    @Test("a lease that nobody booked here is made by the worker's word, and holds what that names")
    func made() throws {
        let world = try World()
        let made = world.change(5) { $0.accepted(Self.lease(5, [1, 2])) }
        #expect(made.verdict == .made && made.before == nil && made.after == place(1) && world.active == 2)
        let stranger = WorkerLife(worker: WorkerID(1), generation: Generation(11))
        #expect(world.change(5) { $0.prefilled(5, of: stranger, at: .zero) }.verdict == .refused)
        #expect(world.predicted == 2)
    }

    @Test("without a slot blocks are the lease's own, and they become so when the slot goes")
    func slots() throws {
        let world = try World()
        #expect(world.book(1, [1, 2]) && world.book(2, [1, 2]))
        #expect(world.blocks == 2 && world.book.hasSlot(place(1)))
        world.book.unassign(place(1), of: Self.life, in: &world.index)
        #expect(!world.book.hasSlot(place(1)) && world.active == 0 && world.blocks == 4)
        #expect(world.book(3, [1, 2]) && world.blocks == 6)
        #expect(world.book.table[3]?.hashes == [])
        // A slot anew is nothing to those who lost theirs.
        world.book.assign(world.slot, to: place(1))
        for number in 1...3 as ClosedRange<UInt64> { world.end(number) }
        #expect(world.settled().count == 3 && world.active == 0 && world.blocks == 0)
    }

    @Test("what the index has no room for is the lease's own, and is not taken from others when it ends")
    func room() throws {
        let world = try World(bytes: 4 << 20), many = Array(1...20_000 as ClosedRange<UInt64>)
        #expect(world.book(1, many))
        let held = world.active
        #expect(held > 0 && held < many.count && world.book.table[1]?.hashes.count == held)
        #expect(world.blocks == UInt64(many.count))
        #expect(world.book(2, Array(many.prefix(10))) && world.active == held)
        world.end(1)
        #expect(world.settled() == [1] && world.active == 10)
    }

    @Test("only a lease whose end is expected weighs what it alone holds: its prompt's end, its tail and its output")
    func exclusive() throws {
        let world = try World()
        #expect(
            world.book(1, [1, 2, 3]) {
                $0.expectedOutputTokens = 10; $0.promptBlocks = 4
            })
        #expect(world.book(2, [1, 2]))
        #expect(world.book.exclusiveBlocks(of: 1, outputBlocks: 2, in: world.index) == 4)
        #expect(world.book.exclusiveBlocks(of: 2, outputBlocks: 2, in: world.index) == 0)
        #expect(world.book.exclusiveBlocks(of: 9, outputBlocks: 2, in: world.index) == 0)
    }

    // MARK: Planned

    /// A plan of a prompt of 100 tokens in blocks of 16, of which the placement has three blocks.
    private static func planned(
        _ role: PlacementRole = .aggregated, settings: SelectionSettings = SelectionSettings(),
        _ change: (inout RouteQuery) -> Void = { _ in }
    ) -> Lease {
        let asked = query {
            $0.blockSize = 16
            $0.hashes = [1, 2, 3, 4, 5, 6]
            $0.expectedOutputTokens = 20
            change(&$0)
        }
        var match = BlockMatch()
        match.device = 3
        match.confirmed = 3
        let leg = RouteDecision.Leg(role: role, choice: PlacementChoice(index: 0, of: candidate(1, 2)))
        return Lease(
            number: 9, leg, for: asked, attempt: 4, match: match, settings: settings,
            timing: LegTiming(promptTokens: 100, mostOutputTokens: 50, choices: 1))
    }

    @Test("a plan's lease is of its placement and request, and computes what is not cached")
    func planned() {
        let lease = Self.planned()
        #expect(lease.number == 9 && lease.placement == place(1, 2) && lease.life.generation == Generation(1 << 8))
        #expect(lease.request == RequestID(origin: 1, counter: 1) && lease.attempt == 4 && lease.role == .aggregated)
        #expect(lease.promptTokens == 100 && lease.prefillTokens == 52 && lease.promptBlocks == 7 && lease.expectedOutputTokens == 20)
        #expect(lease.hashes == [1, 2, 3, 4, 5, 6] && lease.confirmedBlocks == 3 && lease.timing != nil)
        #expect(lease.sharesBlocks && lease.tracksPrefill && lease.isPredicted)
        // More cached than there is: nothing is left to compute.
        #expect(Self.planned { $0.tokenCount = 30 }.prefillTokens == 0)
    }

    @Test("the decode leg of a split computes nothing and shares nothing, unless the client says so")
    func plannedDecode() {
        let half = Self.planned(.decode)
        #expect(half.prefillTokens == 0 && half.confirmedBlocks == 0 && !half.sharesBlocks && !half.tracksPrefill)
        let told = Self.planned(.decode) {
            $0.assumeReuse = true
            $0.trackPrefill = true
        }
        #expect(told.sharesBlocks && told.tracksPrefill)
        #expect(told.prefillTokens == 52)
        // Asked for by itself it is the second half of a sequence, or of a move.
        let late = Self.planned(.decode) { $0.wish = .decode }
        #expect(late.prefillTokens == 0 && !late.sharesBlocks && !late.tracksPrefill)
    }

    @Test("the router's settings hold where the request says nothing")
    func plannedSettings() {
        var settings = SelectionSettings()
        settings.assumeReuse = false
        settings.trackPrefill = false
        let plain = Self.planned(settings: settings)
        #expect(!plain.sharesBlocks && !plain.tracksPrefill)
        let told = Self.planned(settings: settings) {
            $0.assumeReuse = true
            $0.trackPrefill = true
        }
        #expect(told.sharesBlocks && told.tracksPrefill)
    }
}
