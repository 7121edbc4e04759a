import ClusterModel
import Scheduling
import Testing

/// What requests hold and have to compute on one placement, with its lease table and its block index kept alike, as a router keeps them.
@Suite("What leases add up to")
struct LeaseAccountingTests {
    private static let life = WorkerLife(worker: WorkerID(1), generation: Generation(10))

    /// The two books of one placement, in blocks of four tokens.
    private final class Books {
        var leases = LeaseTable(), index = BlockIndex(), released: [ReleasedLease] = []
        let slot: PlacementSlot

        init() throws {
            let opened = index.open()
            slot = try #require(opened)
            leases.setInStep(life, true, at: .zero)
        }

        var count: LeaseCount { leases.count(on: place(1)) }
        var prefillTokens: UInt64 { count.prefillTokens }
        var blocks: UInt64 { count.blocks(shared: UInt64(index.activeBlocks(on: slot))) }

        @discardableResult
        func book(_ number: UInt64, _ hashes: [UInt64], overlap: UInt32 = 0, tokens: UInt32? = nil, expects: UInt32? = nil) -> Bool {
            let tokens = tokens ?? UInt32(hashes.count) * 4
            var lease = Lease(
                number: number, life: life, rank: Rank(0), request: RequestID(origin: 7, counter: number), attempt: 1, promptTokens: tokens,
                prefillTokens: tokens - min(overlap * 4, tokens), expectedOutputTokens: expects, promptBlocks: (tokens + 3) / 4)
            lease.hashes = hashes
            guard leases.book(lease, at: .zero) else { return false }
            index.hold(hashes.span, on: slot)
            return true
        }

        /// The worker has produced so many tokens, and says what they fill.
        func produced(_ tokens: UInt32, by number: UInt64) {
            guard let lease = leases[number] else { return }
            let output = (lease.promptTokens + tokens + 3) / 4 - lease.promptBlocks
            let tail = lease.promptBlocks - UInt32(lease.hashes.count)
            let exclusive = UInt32(index.exclusiveBlocks(lease.hashes.span, on: slot)) + tail + output
            _ = leases.grown(number, of: life, outputBlocks: output, outputTokens: tokens, exclusiveBlocks: exclusive)
        }

        func prefilled(_ number: UInt64) {
            guard let lease = leases[number] else { return }
            guard leases.prefilled(number, of: life, at: .zero) == .applied, lease.isPredicted else { return }
            index.settle(lease.hashes.span, on: slot)
        }

        func end(_ number: UInt64) {
            _ = leases.ended(number, by: life, .finished, &released)
            for one in released { index.release(one.lease.hashes.span, on: slot, isPredicted: one.lease.isPredicted) }
            released = []
        }
    }

    // MARK: Sums

    @Test("D.4: of three requests, one with the prompts of both others, four blocks are held and sixteen tokens are to be computed")
    func workedCheck() throws {
        let books = try Books()
        books.book(1, [1, 2, 3])
        books.book(2, [4])
        books.book(3, [1, 2, 3, 4], overlap: 4)
        #expect(books.blocks == 4 && books.prefillTokens == 16 && books.count.requests == 3)
        books.end(1)
        #expect(books.blocks == 4 && books.prefillTokens == 4, "the third holds them too")
        books.end(3)
        #expect(books.blocks == 1 && books.prefillTokens == 4)
        books.end(2)
        #expect(books.blocks == 0 && books.count == LeaseCount())
    }

    struct Decay: Sendable, CustomTestStringConvertible {
        let expects: UInt32?
        let output: UInt32
        let blocks: UInt64
        var testDescription: String { "\(output) of \(expects.map(String.init) ?? "who knows how many")" }
    }

    @Test(
        "D.4: three blocks and one of output are four, and count for less the nearer the output is to its expected end",
        arguments: [
            Decay(expects: nil, output: 1, blocks: 4), Decay(expects: 8, output: 4, blocks: 2), Decay(expects: 4, output: 1, blocks: 3),
            Decay(expects: 4, output: 3, blocks: 1), Decay(expects: 4, output: 4, blocks: 0), Decay(expects: 3, output: 4, blocks: 0),
            Decay(expects: 0, output: 4, blocks: 0), Decay(expects: 1_000, output: 4, blocks: 4),
        ])
    func decay(_ row: Decay) throws {
        let books = try Books()
        books.book(1, [1, 2, 3], expects: row.expects)
        #expect(books.blocks == 3)
        books.produced(row.output, by: 1)
        #expect(books.blocks == row.blocks)
        books.end(1)
        #expect(books.count == LeaseCount() && books.blocks == 0)
    }

    @Test("D.4: only what a request alone holds, up to its end, counts for less")
    func exclusiveDecay() throws {
        let books = try Books()
        books.book(1, [1, 2, 3], expects: 8)
        books.book(2, [1, 2])
        books.produced(4, by: 1)
        // 1, 2, 3 and one of output; of the last two a half each is taken off.
        #expect(books.blocks == 3)
        books.end(2)
        books.produced(4, by: 1)
        #expect(books.blocks == 2)
    }

    @Test("D.4: parts of blocks are summed up first and rounded then, a half to a whole block")
    func rounding() throws {
        let books = try Books()
        for number in 1...3 as ClosedRange<UInt64> {
            books.book(number, [number * 10], expects: 10)
            _ = books.leases.grown(number, of: Self.life, outputBlocks: 0, outputTokens: 3, exclusiveBlocks: 1)
        }
        #expect(books.blocks == 2, "three times 0.7")
        books.end(3)
        #expect(books.blocks == 1, "twice 0.7")
        books.end(2)
        _ = books.leases.grown(1, of: Self.life, outputBlocks: 0, outputTokens: 5, exclusiveBlocks: 1)
        #expect(books.blocks == 1, "a half")
    }

    @Test("D.4: what is new of a prompt is what nobody holds yet, and that much more would be held")
    func newBlocks() throws {
        let books = try Books()
        books.book(1, [1, 2, 3])
        var candidate = CostInputs()
        candidate.heldBlocks = books.blocks
        candidate.match = books.index.match([1, 2, 9, 10], books.slot)
        let cost = CostFormula(settings: SelectionSettings(), tokens: 16, blockSize: 4, outputTokens: 0).cost(of: candidate)
        #expect(candidate.match.active == 2 && cost.activeBlocks == 5)
        books.book(2, [1, 2, 9, 10])
        #expect(books.blocks == cost.activeBlocks)
    }

    @Test("D.4: a prompt that is done counts no more, said twice as well; so does one that ends")
    func prefillDone() throws {
        let books = try Books()
        books.book(1, [1, 2], tokens: 11)
        books.book(2, [3], tokens: 7)
        #expect(books.prefillTokens == 18 && books.blocks == 5)
        for _ in 0..<2 {
            books.prefilled(1)
            #expect(books.prefillTokens == 7 && books.blocks == 5 && books.index.counts.predictedBlocks == 1)
        }
        for _ in 0..<2 {
            books.end(2)
            #expect(books.prefillTokens == 0 && books.blocks == 3)
        }
    }

    @Test("D.4: what is cached is taken off the prompt, never below nothing; whose prompt is not tracked has none to do here")
    func prefillTokens() throws {
        let books = try Books()
        books.book(1, [1, 2, 3], overlap: 2)
        books.book(2, [4], overlap: 9)
        #expect(books.prefillTokens == 4)
        var untracked = Lease(number: 3, life: Self.life, rank: Rank(0), promptTokens: 40, prefillTokens: 40, promptBlocks: 10)
        untracked.tracksPrefill = false
        let isBooked = books.leases.book(untracked, at: .zero)
        #expect(isBooked && books.prefillTokens == 4 && books.count.requests == 3)
        books.end(3)
        #expect(books.prefillTokens == 4)
    }

    @Test("D.4: a number that is known is not booked again, and counts once")
    func twice() throws {
        let books = try Books()
        #expect(books.book(1, [1, 2, 3]))
        #expect(!books.book(1, [1, 2, 3]) && !books.book(1, [7]))
        #expect(books.blocks == 3 && books.prefillTokens == 12 && books.count.requests == 1)
    }

    @Test("C.6, L19: every boundary that one message crosses is counted, at once; said again it is no more")
    func boundaries() throws {
        let books = try Books()
        books.book(1, [1, 2], tokens: 10)
        #expect(books.blocks == 3)
        // The block that the prompt began takes the first two.
        books.produced(2, by: 1)
        #expect(books.blocks == 3)
        books.produced(3, by: 1)
        #expect(books.blocks == 4)
        for _ in 0..<3 {
            books.produced(100, by: 1)
            #expect(books.blocks == 28)
        }
    }

    @Test("D.4: a request that shares nothing holds blocks of its own, and takes none from those who share")
    func noReuse() throws {
        let books = try Books()
        books.book(1, [1, 2, 3])
        var alone = Lease(number: 2, life: Self.life, rank: Rank(0), promptTokens: 12, prefillTokens: 12, promptBlocks: 3)
        alone.hashes = [1, 2, 3]
        alone.sharesBlocks = false
        let isBooked = books.leases.book(alone, at: .zero)
        #expect(isBooked && alone.sharedHashes.isEmpty && books.blocks == 6)
        let ended = books.leases.ended(2, by: Self.life, .finished, &books.released)
        #expect(ended == .applied && books.blocks == 3)
    }

    // MARK: Bounds

    @Test("hashes of all leases together are bounded: beyond it a lease shares nothing, and counts for itself")
    func hashBound() throws {
        var limits = LeaseLimits()
        limits.hashes = 10
        let table = Leases(limits)
        func lease(_ number: UInt64, _ hashes: [UInt64]) -> Lease {
            var lease = Lease(number: number, life: Self.life, rank: Rank(0), promptTokens: 32, promptBlocks: 8)
            lease.hashes = hashes
            return lease
        }
        #expect(table.book(lease(1, Array(1...8))))
        #expect(table.count(on: place(1)).ownBlocks == 0 && table.hashCount == 8)
        #expect(table.book(lease(2, Array(11...18))))
        #expect(table[2]?.hashes == [] && table.count(on: place(1)).ownBlocks == 8 && table.hashCount == 8)
        #expect(table.blocks(2, of: Self.life, [11, 12, 13]) == .applied && table[2]?.hashes == [], "nor are they taken later")
        #expect(table.blocks(2, of: Self.life, [11, 12]) == .applied && table[2]?.hashes == [11, 12] && table.hashCount == 10)
        #expect(table.accepted(lease(2, Array(11...18))) == .applied)
        #expect(table[2]?.hashes == [11, 12], "what it shares already it goes on to share")
        #expect(table.ended(1, by: Self.life) == .applied)
        #expect(table.hashCount == 2 && table.accepted(lease(2, Array(11...18))) == .applied)
        #expect(table[2]?.hashes == Array(11...18) && table.hashCount == 8)
        table.release(2, of: Self.life, .cancelled)
        #expect(table.hashCount == 0 && table.count(on: place(1)) == LeaseCount())
    }

    @Test("more of a prompt is news only where the known part ends, and what has no place is forgotten from there on")
    func hashesInParts() {
        let table = Leases()
        #expect(table.book(Lease(number: 1, life: Self.life, rank: Rank(0), promptTokens: 16, promptBlocks: 4)))
        #expect(table.blocks(1, of: Self.life, [1, 2]) == .applied)
        #expect(table.blocks(1, of: Self.life, from: 3, [4]) == .applied && table[1]?.hashes == [1, 2])
        #expect(table.blocks(1, of: Self.life, from: 2, [3, 4, 5]) == .applied && table[1]?.hashes == [1, 2, 3, 4, 5])
        #expect(table[1]?.promptBlocks == 5 && table.count(on: place(1)).ownBlocks == 0)
        table.forgetBlocks(of: 1, from: 3)
        #expect(table[1]?.hashes == [1, 2, 3] && table.count(on: place(1)).ownBlocks == 2 && table.hashCount == 3)
        table.forgetBlocks(of: 1, from: 9)
        table.forgetBlocks(of: 2)
        #expect(table.hashCount == 3)
        table.forgetBlocks(of: 1)
        #expect(table[1]?.hashes == [] && table.count(on: place(1)).ownBlocks == 5)
    }

    // MARK: Rest

    @Test("D.4: at rest nothing is held: no block is active or predicted, none counted, whatever came before", arguments: 1...20)
    func atRest(_ seed: Int) throws {
        var random = SeededNumbers(UInt64(seed)), live: [UInt64] = []
        let books = try Books(), tree = PromptTree(prompts: 20, blocks: 1...12, &random)
        for number in 1...300 as ClosedRange<UInt64> {
            let prompt = try #require(tree.prompts.randomElement(using: &random))
            let tokens = UInt32(prompt.count) * 4 + UInt32(random.next() % 4)
            books.book(number, prompt, tokens: tokens, expects: random.next() % 2 == 0 ? 20 : nil)
            live.append(number)
            for one in live where random.next() % 3 == 0 { books.produced(UInt32(random.next() % 60), by: one) }
            for one in live where random.next() % 4 == 0 { books.prefilled(one) }
            if live.count > 12 {
                live.shuffle(using: &random)
                books.end(live.removeLast())
            }
            // Each block once, whoever holds it, and what they hold alone.
            let leases = books.leases.all, shared = Set(leases.flatMap(\.hashes)).count
            #expect(books.index.activeBlocks(on: books.slot) == shared)
            #expect(books.index.counts.predictedBlocks == Set(leases.filter(\.isPredicted).flatMap(\.hashes)).count)
            #expect(books.count.ownBlocks == leases.reduce(0) { $0 + $1.ownBlocks })
        }
        for one in live { books.end(one) }
        let counts = books.index.counts
        #expect(counts.activeBlocks == 0 && counts.predictedBlocks == 0 && books.leases.hashCount == 0)
        #expect(books.count == LeaseCount() && books.blocks == 0)
    }
}
