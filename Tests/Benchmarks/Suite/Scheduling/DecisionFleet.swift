import CTwins
import ClusterModel
import Scheduling

/// What a router decides with, without its links: a fleet, its blocks, leases and records, and what each request does to them.
///
/// It does in the order of `RoutePlanner` and `LeaseLedger` what those do with the scheduling stage.
struct DecisionFleet: ~Copyable {
    private static let blockSize: UInt32 = 64
    /// Of a prompt, what all prompts begin with.
    private static let sharedTokens: UInt32 = 1_024
    private static let prompts = 256
    private static let openLeases = 4

    private var index = BlockIndex()
    private var matches = BlockMatches()
    private var table = LeaseTable()
    private var released: [ReleasedLease] = []
    private var records = DecisionRing(bytes: 4 << 20)
    private var scratch = SelectionScratch()
    private var random = SeededRandom(seed: 11)
    private let selector = PlacementSelector()
    private var candidates: [Candidate] = []
    private let prompts: [[UInt64]]
    private let tokens: UInt32
    /// Leases that have not ended, each at its number's place.
    private let open: Int
    private var given: UInt64 = 0
    private var turns: UInt64 = 0
    private var now = Instant(nanoseconds: 0)
    /// So that nothing is optimised away.
    private(set) var overlap = 0

    init(placements: Int, tokens: UInt32) throws(BenchmarkFailure) {
        self.tokens = tokens
        open = Self.openLeases * placements
        let blocks = Int(tokens / Self.blockSize), shared = min(Int(Self.sharedTokens / Self.blockSize), blocks)
        var numbers = SeededNumbers(7)
        let beginning = (0..<shared).map { _ in numbers.next() }
        prompts = (0..<Self.prompts).map { _ in beginning + (shared..<blocks).map { _ in numbers.next() } }
        for number in 0..<placements {
            guard let slot = index.open() else { throw BenchmarkFailure("no slot") }
            let worker = WorkerID(UInt64(number + 1))
            var candidate = Candidate(
                placement: Placement(worker: worker, rank: Rank(0)), generation: Generation(1), role: .aggregated, capabilities: 1,
                maxBatchedTokens: 0, isReady: true)
            candidate.slot = slot
            candidate.load.totalBlocks = .max
            candidates.append(candidate)
            table.setInStep(Self.life(of: candidate), true, at: now)
            index.store(beginning.span, after: nil, on: slot, tier: .device)
        }
        // Each prompt is somewhere.
        for (number, prompt) in prompts.enumerated() where blocks > shared {
            guard let slot = candidates[number % placements].slot else { continue }
            index.store(prompt.span.extracting(droppingFirst: shared), after: beginning.last, on: slot, tier: .device)
        }
        // Until every table has its size.
        for _ in 0..<3 {
            for _ in 0..<2 * open + 8 * Self.prompts { try run() }
            tidy()
        }
    }

    private static func life(of candidate: borrowing Candidate) -> WorkerLife {
        WorkerLife(worker: candidate.placement.worker, generation: candidate.generation)
    }

    /// A request comes and is placed; others are accepted, have their prefill done, grow and end, one each.
    mutating func run() throws(BenchmarkFailure) {
        try decide()
        events()
    }

    // MARK: Instructions

    private static let counted = 500

    /// Of a decision with all that follows from it.
    static func instructions(placements: Int, tokens: UInt32) throws(BenchmarkFailure) -> Double {
        Double(try Callgrind.instructions(of: ["--role", "decide", "\(placements)", "\(tokens)"])) / Double(counted)
    }

    /// The body of the role.
    static func runForCallgrind(placements: Int, tokens: UInt32) throws(BenchmarkFailure) {
        struct Work: ~Copyable {
            var fleet: DecisionFleet
            var failure: BenchmarkFailure?
        }
        var work = Work(fleet: try DecisionFleet(placements: placements, tokens: tokens))
        withUnsafeMutablePointer(to: &work) { pointer in
            ctwins_collect(
                { context in
                    guard let work = context?.assumingMemoryBound(to: Work.self) else { return }
                    for _ in 0..<DecisionFleet.counted {
                        do throws(BenchmarkFailure) { try work.pointee.fleet.run() } catch { work.pointee.failure = error }
                    }
                }, pointer)
        }
        if let failure = work.failure { throw failure }
    }

    // MARK: A decision

    /// From the entry to the booked plan.
    mutating func decide() throws(BenchmarkFailure) {
        now = now + .microseconds(100)
        let prompt = prompts[Int(random.next() % UInt64(prompts.count))]
        given += 1
        var query = RouteQuery()
        query.request = RequestID(origin: 1, counter: given)
        query.wish = .aggregated
        query.tokenCount = tokens + 1
        query.maxTokens = 256
        query.blockSize = Self.blockSize
        query.hashes = prompt
        query.needs = 1
        guard !table.repeats(query.request, attempt: 1, role: .aggregated) else { throw BenchmarkFailure("planned twice") }
        matches.removeAll()
        index.match(prompt.span, into: &matches)
        let decision: RouteDecision
        do throws(PlacementFailure) {
            decision = try selector.decide(query, among: candidates, blocks: matches, scratch: &scratch, random: &random)
        } catch { throw BenchmarkFailure("no place: \(error)") }
        try book(decision.first, query)
        var facts = DecisionFacts()
        facts.request = query.request
        records.append(scratch, facts)
    }

    private mutating func book(_ leg: RouteDecision.Leg, _ query: borrowing RouteQuery) throws(BenchmarkFailure) {
        let choice = leg.choice
        let match = candidates[choice.index].slot.map { matches[$0] } ?? BlockMatch()
        overlap += Int(match.device)
        var lease = Lease(
            number: given, life: WorkerLife(worker: choice.placement.worker, generation: choice.generation), rank: choice.placement.rank,
            request: query.request, attempt: 1, promptTokens: query.tokenCount,
            prefillTokens: query.tokenCount - min(match.cached * Self.blockSize, query.tokenCount), expectedOutputTokens: 256,
            promptBlocks: UInt32(query.promptBlocks))
        lease.hashes = query.hashes
        lease.confirmedBlocks = match.confirmed
        guard table.book(lease, at: now) else { throw BenchmarkFailure("no lease") }
        if let slot = candidates[choice.index].slot { index.hold(lease.sharedHashes.span, on: slot) }
        turns += 1
        candidates[choice.index].lastTurn = turns
        changed(lease.placement)
    }

    // MARK: What workers say

    mutating func events() {
        accepted(given)
        if given > UInt64(open) / 2 { grown(given - UInt64(open) / 2) }
        if given > UInt64(open) { ended(given - UInt64(open)) }
    }

    /// It is in the worker's queue, has begun, and has its prompt computed.
    private mutating func accepted(_ number: UInt64) {
        guard let booked = table[number] else { return }
        var lease = Lease(number: number, life: booked.life, rank: booked.rank)
        lease.request = booked.request
        lease.attempt = booked.attempt
        lease.promptTokens = booked.promptTokens
        lease.prefillTokens = booked.prefillTokens
        lease.expectedOutputTokens = booked.expectedOutputTokens
        _ = table.accepted(lease)
        changed(booked.placement)
        _ = table.started(number, of: booked.life, rank: booked.rank, cachedTokens: 0, at: now)
        changed(booked.placement)
        _ = table.prefill(number, of: booked.life, remaining: booked.promptTokens / 2)
        changed(booked.placement)
        _ = table.prefilled(number, of: booked.life, at: now)
        if let slot = slot(of: booked) { index.settle(booked.sharedHashes.span, on: slot) }
        changed(booked.placement)
    }

    private mutating func grown(_ number: UInt64) {
        guard let lease = table[number] else { return }
        let exclusive = slot(of: lease).map { index.exclusiveBlocks(lease.sharedHashes.span, on: $0) } ?? 0
        _ = table.grown(number, of: lease.life, outputBlocks: 2, outputTokens: 128, exclusiveBlocks: UInt32(exclusive) + 2)
        changed(lease.placement)
    }

    private mutating func ended(_ number: UInt64) {
        guard let lease = table[number] else { return }
        _ = table.ended(number, by: lease.life, .finished, &released)
        for one in released {
            if let slot = slot(of: one.lease) { index.release(one.lease.sharedHashes.span, on: slot, isPredicted: one.lease.isPredicted) }
            changed(one.lease.placement)
        }
        released.removeAll(keepingCapacity: true)
    }

    private func slot(of lease: Lease) -> PlacementSlot? {
        candidates.index(of: lease.placement).flatMap { candidates[$0].slot }
    }

    private mutating func changed(_ placement: Placement) {
        guard let place = candidates.index(of: placement) else { return }
        let count = table.count(on: placement), shared = candidates[place].slot.map { UInt64(index.activeBlocks(on: $0)) } ?? 0
        candidates[place].load.bookedTokens = count.bookedTokens
        candidates[place].load.bookedRequests = count.bookedRequests
        candidates[place].load.ledgerTokens = count.prefillTokens
        candidates[place].load.ledgerBlocks = count.blocks(shared: shared)
        candidates[place].load.ledgerRequests = count.requests
    }

    /// What a router does once a second, between decisions.
    mutating func tidy() { table.expire(at: now, &released) }
}
