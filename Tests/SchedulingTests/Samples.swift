import ClusterModel
import Scheduling

/// Candidates as tables write them: `w` worker, `r` rank, and what differs from a ready, idle worker for whole requests.
func candidate(
    _ worker: UInt64, _ rank: UInt32 = 0, _ role: PlacementRole = .aggregated, ready: Bool = true, capabilities: UInt64 = 0,
    loRAs: Set<String> = [], kv: KVSide = .none, sequences: UInt32 = 0, waiting: UInt64 = 0, requests: UInt32 = 0, turn: UInt64 = 0
) -> Candidate {
    var load = CandidateLoad()
    load.waitingTokens = waiting
    load.requests = requests
    load.totalBlocks = 1_000
    return Candidate(
        placement: place(worker, rank), generation: Generation(worker << 8), role: role, capabilities: capabilities, loRAs: loRAs,
        kv: kv, maxBatchedTokens: 1_000, maxSequences: sequences, isReady: ready, load: load, lastTurn: turn)
}

extension KVSide {
    /// Of the first kind, by any path.
    static let any = KVSide(kind: 1, paths: [.concurrent, .sequential])
}

func place(_ worker: UInt64, _ rank: UInt32 = 0) -> Placement { Placement(worker: WorkerID(worker), rank: Rank(rank)) }

func query(_ change: (inout RouteQuery) -> Void = { _ in }) -> RouteQuery {
    var query = RouteQuery()
    query.request = RequestID(origin: 1, counter: 1)
    query.tokenCount = 100
    change(&query)
    return query
}

func pin(_ worker: UInt64, _ rank: UInt32? = nil, _ role: PlacementRole = .aggregated) -> PlacementPin {
    PlacementPin(role: role, target: PlacementTarget(worker: WorkerID(worker), rank: rank.map(Rank.init)))
}

extension SelectionSettings {
    /// Dynamo's formula: a held block costs as much as a computed one, and what a prefill does to others costs nothing.
    /// Its terms are plain sums, those of `latency` too.
    mutating func weighAsDynamo() {
        heldBlockWeight = 1
        decodeLoadScale = 1
        interferenceWeight = 0
        evictionWeight = 0
    }

    static let dynamo: SelectionSettings = {
        var settings = SelectionSettings()
        settings.weighAsDynamo()
        return settings
    }()
}

extension PlacementSelector {
    /// With a policy and everything else as it is by default.
    init(_ policy: SelectionPolicy, _ change: (inout SelectionSettings) -> Void = { _ in }) {
        var settings = SelectionSettings()
        settings.policy = policy
        change(&settings)
        self.init(settings)
    }

    /// Where a query goes, or why nowhere.
    func place(_ query: RouteQuery, _ candidates: [Candidate]) -> Result<Placement, PlacementFailure> {
        var random = SeededRandom(seed: 1)
        var scratch = SelectionScratch()
        do throws(PlacementFailure) {
            let decision = try decide(query, among: candidates, blocks: BlockMatches(), scratch: &scratch, random: &random)
            return .success(decision.first.choice.placement)
        } catch { return .failure(error) }
    }
}

/// A table that expectations can change, with all that ended in it.
final class Leases {
    private(set) var table: LeaseTable
    var released: [ReleasedLease] = []

    init(_ limits: LeaseLimits = LeaseLimits()) { table = LeaseTable(limits: limits) }

    var count: Int { table.count }
    var tombstoneCount: Int { table.tombstoneCount }
    var numbers: [UInt64] { table.all.map(\.number) }
    var reasons: [LeaseRelease] { released.map(\.reason) }
    subscript(number: UInt64) -> Lease? { table[number] }
    func count(on placement: Placement) -> LeaseCount { table.count(on: placement) }
    func repeats(_ request: RequestID, attempt: UInt8, role: PlacementRole) -> Bool {
        table.repeats(request, attempt: attempt, role: role)
    }

    func book(_ lease: Lease, at now: Instant = .zero) -> Bool { table.book(lease, at: now) }
    func accepted(_ lease: Lease) -> LeaseTable.Verdict { table.accepted(lease) }
    func started(_ number: UInt64, of life: WorkerLife, rank: UInt32 = 0, cached: UInt32 = 0) -> LeaseTable.Verdict {
        table.started(number, of: life, rank: Rank(rank), cachedTokens: cached, at: .zero)
    }
    func prefill(_ number: UInt64, of life: WorkerLife, remaining: UInt32) -> LeaseTable.Verdict {
        table.prefill(number, of: life, remaining: remaining)
    }
    func grown(_ number: UInt64, of life: WorkerLife, outputBlocks: UInt32) -> LeaseTable.Verdict {
        table.grown(number, of: life, outputBlocks: outputBlocks)
    }
    func prefilled(_ number: UInt64, of life: WorkerLife) -> LeaseTable.Verdict { table.prefilled(number, of: life, at: .zero) }
    func blocks(_ number: UInt64, of life: WorkerLife, from first: UInt32 = 0, _ hashes: [UInt64]) -> LeaseTable.Verdict {
        table.blocks(number, of: life, from: first, hashes)
    }
    func forgetBlocks(of number: UInt64, from first: Int = 0) { table.forgetBlocks(of: number, from: first) }
    var hashCount: Int { table.hashCount }
    func ended(_ number: UInt64, by life: WorkerLife, _ reason: LeaseRelease = .finished) -> LeaseTable.Verdict {
        table.ended(number, by: life, reason, &released)
    }
    func release(_ number: UInt64, of life: WorkerLife, _ reason: LeaseRelease, at now: Instant = .zero) {
        table.release(number, of: life, reason, at: now, &released)
    }
    func cancel(_ request: RequestID, through attempt: UInt8, at now: Instant = .zero) {
        table.cancel(request, through: attempt, at: now, &released)
    }
    func reconcile(_ life: WorkerLife, held: [Lease]) {
        for lease in held { _ = table.accepted(lease) }
        table.reconcile(life, held: Set(held.map(\.number)), &released)
    }
    func drop(_ life: WorkerLife) { table.drop(life, &released) }
    func setInStep(_ life: WorkerLife, _ isInStep: Bool, at now: Instant = .zero) { table.setInStep(life, isInStep, at: now) }
    func paused(for gap: Duration, until now: Instant) { table.paused(for: gap, until: now) }
    func expire(at now: Instant) { table.expire(at: now, &released) }
}

/// What an index found, by slot.
func matches(_ found: [UInt16: (inout BlockMatch) -> Void]) -> BlockMatches {
    var matches = BlockMatches()
    for (slot, change) in found.sorted(by: { $0.key < $1.key }) {
        var match = BlockMatch()
        change(&match)
        matches.set(match, of: PlacementSlot(slot))
    }
    return matches
}

/// A pool that differs in everything a choice may depend on, drawn from a seed.
func randomPool(_ random: inout SeededRandom, upTo most: UInt64 = 150) -> [Candidate] {
    let count = Int(1 + random.next() % most)
    return (0..<count).map { index in
        let roll = random.next()
        var one = candidate(
            UInt64(index / 2) + 1, UInt32(index % 2), PlacementRole(rawValue: UInt8(roll % 3)) ?? .aggregated, ready: roll >> 8 % 8 != 0,
            capabilities: roll >> 16 & 3,
            kv: KVSide(kind: UInt16(roll >> 18 % 4), paths: SplitPaths(rawValue: UInt8(roll >> 22 % 4))), waiting: (roll >> 20) % 1_100,
            requests: UInt32((roll >> 32) % 30), turn: (roll >> 40) % 50)
        one.slot = PlacementSlot(UInt16(index))
        one.indexedBlocks = (roll >> 48) % 4
        one.turnover = Float(random.next() % 300) / 100
        one.load.activeBlocks = UInt32(random.next() % 960)
        one.load.ledgerRequests = UInt32(random.next() % 30)
        one.load.ledgerTokens = random.next() % 900
        one.load.ledgerBlocks = random.next() % 900
        if random.next() % 3 != 0 {
            one.latency = LatencyEstimate(
                prefillFixed: Float(random.next() % 20), prefillToken: Float(random.next() % 100) / 1_000, step: Float(random.next() % 50),
                stepBlock: Float(random.next() % 10) / 100)
        }
        return one
    }
}

func randomMatches(_ random: inout SeededRandom, slots: Int) -> BlockMatches {
    var matches = BlockMatches()
    for slot in 0..<slots where random.next() % 2 == 0 {
        var match = BlockMatch()
        match.device = UInt32(random.next() % 6)
        match.host = UInt32(random.next() % 3)
        match.disk = UInt32(random.next() % 3)
        match.external = UInt32(random.next() % 3)
        match.active = UInt32(random.next() % 6)
        matches.set(match, of: PlacementSlot(UInt16(slot)))
    }
    return matches
}
