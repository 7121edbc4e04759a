import ClusterModel
import Engines
import EventLoop
import Testing
import Transport
import WireProtocol

@testable import WorkerService

@Suite("Snapshots of a worker at work")
struct SnapshotTests {
    private let workerID: UInt64 = 0x3033

    /// Steps of random changes, and what they lead to.
    private struct Plan {
        let script = CacheScript()
        private(set) var truth: [NaiveFollower.Block: UInt64] = [:]
        private var held: [NaiveFollower.Block] = []
        private var random: SeededRandom
        private let ranks: UInt64

        init(seed: UInt64, ranks: UInt64) {
            random = SeededRandom(seed: seed)
            self.ranks = ranks
        }

        private typealias Change = @Sendable (inout StepOutput) -> Void

        mutating func step(stores: Int, removals: Int, clears: Bool = false) {
            var changes: [Change] = []
            for _ in 0..<stores { changes.append(store()) }
            if removals > 0 { changes += remove(removals) }
            if clears {
                let rank = UInt32(random.next() % ranks)
                for block in truth.keys.filter({ $0.rank == rank }) { truth[block] = nil }
                held = held.filter { $0.rank != rank }
                changes.append { $0.cleared(rank: rank) }
            }
            script.say { [changes] output in for change in changes { change(&output) } }
        }

        private mutating func store() -> Change {
            let rank = UInt32(random.next() % ranks), tier: EngineTier = random.next() % 4 == 0 ? .host : .device
            let parent: UInt64? = random.next() % 2 == 0 ? nil : random.next()
            let hashes = (0...(random.next() % 8)).map { _ in random.next() }
            var before = parent
            for hash in hashes {
                let block = NaiveFollower.Block(rank: rank, tier: Tier(rawValue: tier.rawValue) ?? .device, hash: hash)
                truth[block] = before ?? 0
                held.append(block)
                before = hash
            }
            return { $0.stored(hashes, after: parent, rank: rank, tier: tier) }
        }

        private mutating func remove(_ count: Int) -> [Change] {
            (0..<min(count, held.count)).map { _ in
                held.swapAt(Int(random.next() % UInt64(held.count)), held.count - 1)
                let block = held.removeLast()
                truth[block] = nil
                return { $0.removed([block.hash], rank: block.rank, tier: EngineTier(rawValue: block.tier.rawValue) ?? .device) }
            }
        }
    }

    @Test(
        "pages that were read at different moments, and the events behind each, give what the engine holds",
        arguments: 1...6 as ClosedRange<UInt64>)
    func whileWorking(seed: UInt64) throws {
        var plan = Plan(seed: seed, ranks: 3)
        for _ in 0..<30 { plan.step(stores: 200, removals: 50) }
        for step in 0..<300 { plan.step(stores: 10, removals: 30, clears: seed % 2 == 0 && step == 120) }
        let script = plan.script
        let bed = try WorkerBed(seed: seed) { $0.engine = .scripted(script, ranks: 3) }
        try bed.registered()
        bed.pass(.milliseconds(50))
        let front = try bed.frontend()
        front.generate(front.entry(1, maxTokens: 400))
        bed.pass(.milliseconds(300))
        let link = try front.open(.recovery).get()
        var follower = NaiveFollower(), cursor: SnapshotCursor? = SnapshotCursor(), random = SeededRandom(seed: seed)
        while let asked = cursor {
            let page = try front.ask(
                link, SnapshotQuestion(stream: .workerEvents, publisher: workerID, generation: 0, cursor: asked), SnapshotPage.self
            ).get()
            var bytes: [UInt8] = []
            Codec.append(page, to: &bytes)
            #expect(bytes.count <= 64 << 10)
            follower.take(page, asked: asked)
            cursor = page.next
            bed.pass(.milliseconds(Int64(random.next() % 60)))
        }
        #expect(!script.isEmpty, "the engine went on meanwhile")
        try front.finish(1)
        bed.pass(.milliseconds(100))
        #expect(script.isEmpty && bed.router.faults == [] && follower.faults == [])
        #expect(follower.pages.map(\.section) == follower.pages.map(\.section).sorted())
        #expect(Set(follower.pages.map(\.section)) == [0, 1, 2, 3, 4])
        let sequences = follower.pages.map(\.sequence)
        #expect(sequences == sequences.sorted() && Set(sequences).count > 3)
        #expect(follower.pages.count(where: { $0.section == 1 }) > 3)
        #expect(follower.pages.contains { page in page.entries.count == 3 && page.section == 1 }, "all ranks in one page")
        // From the stream alone, and from the pages with what came behind them.
        var byEvents = NaiveFollower()
        let first = bed.router.lastSequence + 1 - UInt64(bed.router.events.count), cut = try #require(sequences.min())
        for (index, event) in bed.router.events.enumerated() {
            let number = first + UInt64(index)
            byEvents.take(event, number: number)
            if number > cut { follower.take(event, number: number) }
        }
        #expect(byEvents.blocks == plan.truth)
        #expect(follower.blocks == plan.truth)
        #expect(bed.count("apus_worker_stream_blocks") == String(plan.truth.count))
    }

    @Test("an engine that names no blocks has one section, and asked for a tier it shows an empty one; there are no others")
    func sections() throws {
        let script = CacheScript()
        script.say { $0.stored([5, 6]) }
        let bed = try WorkerBed { $0.engine = .scripted(script, ranks: 2) }
        try bed.registered()
        let front = try bed.frontend()
        front.generate(front.entry(1, maxTokens: 2))
        try front.finish(1)
        let link = try front.open(.recovery).get()
        func ask(_ section: UInt8, _ hash: UInt64 = 0) throws -> Result<SnapshotPage, LinkFailure> {
            try front.ask(
                link,
                SnapshotQuestion(
                    stream: .workerEvents, publisher: workerID, generation: 0, cursor: SnapshotCursor(section: section, fromHash: hash)),
                SnapshotPage.self)
        }
        #expect(try ask(1).get().entries == [.heldBlocks(HeldBlocks(rank: 0, tier: .device, hashes: [5, 6], parents: [0, 5]))])
        #expect(try ask(1, 6).get().entries == [.heldBlocks(HeldBlocks(rank: 0, tier: .device, hashes: [6], parents: [5]))])
        #expect(try ask(1, 7).get().entries == [] && ask(4).get().next == nil)
        for section in [5, 255] as [UInt8] {
            guard case .failure(.failed(let failure)) = try ask(section) else {
                Issue.record("section \(section) exists")
                continue
            }
            #expect(failure.code == .invalidArgument && failure.field == "section")
        }
    }

    // MARK: The first section

    @Test("entries of the first section come whole and in order, also where one request has more hashes than a page")
    func stateSection() throws {
        var random = SeededRandom(seed: 2)
        let first: [SnapshotEntry] = (0..<900).map {
            .rankLoad(
                RankLoad(
                    rank: $0, waitingTokens: 1, waitingRequests: 0, runningRequests: 0, activeBlocks: 0, usedBlocks: 0, totalBlocks: 9,
                    sessionBlocks: 0))
        }
        let requests = (0..<300).map { index -> (numbers: HeldRequest, hashes: [SequenceHash]) in
            var held = HeldRequest()
            held.lease = UInt64(index)
            let count = index % 50 == 7 ? 20_000 : Int(random.next() % 40)
            return (held, (0..<count).map { _ in SequenceHash(random.next()) })
        }
        let section = StateSection(sequence: 5, first: first, requests: requests)
        var entries: [SnapshotEntry] = [], place: UInt64? = 0, pages = 0
        while let from = place {
            let page = section.page(from: from)
            var message = SnapshotPage(), bytes: [UInt8] = []
            message.entries = page.entries
            message.next = SnapshotCursor()
            Codec.append(message, to: &bytes)
            #expect(bytes.count <= 64 << 10 && !page.entries.isEmpty)
            if let next = page.next { #expect(page.through == next - 1 && next == from + UInt64(page.entries.count)) }
            entries += page.entries
            place = page.next
            pages += 1
        }
        #expect(Array(entries.prefix(900)) == first && pages > 10)
        var hashes: [UInt64: [UInt64]] = [:]
        for entry in entries.dropFirst(900) {
            guard case .heldRequest(let held) = entry else { throw NotInTime("a request") }
            #expect(Int(held.firstBlock) == hashes[held.lease, default: []].count && held.hashes.count <= Limits.snapshotHashes)
            hashes[held.lease, default: []] += held.hashes
        }
        for request in requests { #expect(hashes[request.numbers.lease] == request.hashes.map(\.rawValue)) }
        let behind = section.page(from: .max)
        #expect(behind.entries == [] && behind.next == nil && behind.through == .max)
    }

    @Test("a first section of several pages is of one moment for as many askers as are kept; who was pushed out sees another number")
    func kept() throws {
        let bed = try WorkerBed { $0.engine = .scripted(CacheScript(), step: .seconds(1)) }
        try bed.registered()
        let front = try bed.frontend()
        let entries = (1...900).map { front.entry(UInt64($0), maxTokens: 5_000) }
        front.on { $0.link?.send(GenerateBatch(entries: entries), origin: $0.origin) }
        bed.pass(.milliseconds(50))
        var counter: UInt64 = 900
        func page(_ link: Link, _ place: UInt64) throws -> SnapshotPage {
            // The stream goes on.
            counter += 1
            front.generate(front.entry(counter))
            bed.pass(.milliseconds(20))
            return try front.ask(
                link,
                SnapshotQuestion(
                    stream: .workerEvents, publisher: workerID, generation: 0, cursor: SnapshotCursor(section: 0, fromHash: place)),
                SnapshotPage.self
            ).get()
        }
        let links = try (0..<(WorkerLimits.snapshotsKept + 1)).map { _ in try front.open(.recovery).get() }
        let first = try links.map { try page($0, 0) }
        let place = try #require(first[0].next?.fromHash)
        #expect(first.allSatisfy { $0.next?.section == 0 } && Set(first.map(\.sequence)).count == links.count)
        for index in links.indices.reversed() {
            let second = try page(links[index], place)
            #expect((second.sequence == first[index].sequence) == (index > 0), "asker \(index)")
            #expect(index > 0 || second.sequence > first[links.count - 1].sequence)
        }
        // Nobody comes back for it.
        let late = try page(links[3], 0)
        bed.pass(WorkerLimits.snapshotKept + .seconds(1))
        #expect(try page(links[3], place).sequence > late.sequence)
        // What was kept for a link goes with it.
        for link in links { front.on { _ in link.goodbye(.done) } }
        bed.pass(.seconds(1))
        front.on { $0.link?.goodbye(.leaving) }
        bed.pass(.seconds(3))
        #expect(bed.isAtRest)
    }
}
