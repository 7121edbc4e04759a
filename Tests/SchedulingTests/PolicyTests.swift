import ClusterModel
import Scheduling
import Testing

@Suite("Policies")
struct PolicyTests {
    /// Four workers: one holds the prompt and is loaded, one is idle, one has many requests, one lots of waiting prefill.
    static let pool: [Candidate] = {
        var pool = [candidate(1), candidate(2), candidate(3, requests: 20), candidate(4, waiting: 900)]
        for index in pool.indices { pool[index].slot = PlacementSlot(UInt16(index)) }
        pool[0].load.activeBlocks = 3
        pool[0].load.requests = 2
        pool[2].load.activeBlocks = 200
        return pool
    }()
    static let blocks = matches([0: { $0.device = 6 }])

    static func prompt(_ change: (inout RouteQuery) -> Void = { _ in }) -> RouteQuery {
        query {
            $0.tokenCount = 100
            $0.blockSize = 16
            $0.hashes = [1, 2, 3, 4, 5, 6]
            change(&$0)
        }
    }

    struct Row: Sendable, CustomTestStringConvertible {
        let policy: SelectionPolicy
        let worker: UInt64
        var testDescription: String { policy.rawValue }
    }

    @Test(
        "each policy chooses its own",
        arguments: [
            Row(policy: .kv, worker: 1), Row(policy: .lmetric, worker: 1), Row(policy: .latency, worker: 1),
            Row(policy: .leastLoaded, worker: 2),
            Row(policy: .roundRobin, worker: 1),
        ])
    func golden(_ row: Row) {
        for seed in 0..<20 {
            #expect(Self.choose(row.policy, Self.prompt(), seed: UInt64(seed)) == .success(place(row.worker)))
        }
    }

    @Test("D.3: what is cached is worth so much that a busier rank wins, and no more")
    func trade() {
        var pool = Self.pool
        pool[0].load.activeBlocks = 5
        #expect(Self.choose(.kv, Self.prompt(), pool) == .success(place(1)))
        pool[0].load.activeBlocks = 7
        #expect(Self.choose(.kv, Self.prompt(), pool) == .success(place(2)))
        // 6 blocks less of computing, 7 more held: another weight turns it.
        #expect(Self.choose(.kv, Self.prompt { $0.overlapWeight = 2 }, pool) == .success(place(1)))
        #expect(Self.choose(.kv, Self.prompt { $0.overlapWeight = 0 }, Self.pool) == .success(place(2)))
    }

    @Test("the latency policy prefers the faster worker, and tries one that was not measured")
    func latency() {
        var pool = [candidate(1), candidate(2), candidate(3)]
        let slow = LatencyEstimate(prefillFixed: 10, prefillToken: 1, step: 20, stepBlock: 0)
        let fast = LatencyEstimate(prefillFixed: 10, prefillToken: 0.2, step: 20, stepBlock: 0)
        pool[0].latency = slow
        pool[1].latency = fast
        pool[2].latency = slow
        #expect(Self.choose(.latency, Self.prompt(), pool) == .success(place(2)))
        pool[1].load.waitingTokens = 1_000
        #expect(Self.choose(.latency, Self.prompt(), pool) != .success(place(2)))
        pool[2].latency = nil
        #expect(Self.choose(.latency, Self.prompt(), pool) == .success(place(3)))
    }

    @Test("a worker that was measured a little slower or faster than the others is one of them; one three times so is not")
    func alike() {
        func chosen(_ token: Float) -> Set<UInt64> {
            var pool = [candidate(1), candidate(2), candidate(3)]
            for index in pool.indices {
                pool[index].latency = LatencyEstimate(prefillFixed: 0, prefillToken: index == 0 ? token : 1, step: 20, stepBlock: 0)
            }
            let places = (0..<60).map { seed in Self.choose(.latency, Self.prompt(), pool, BlockMatches(), seed: seed) }
            return Set(places.compactMap { try? $0.get().worker.rawValue })
        }
        #expect(chosen(1.3) == [1, 2, 3] && chosen(0.8) == [1, 2, 3])
        #expect(chosen(3) == [2, 3] && chosen(0.3) == [1])
    }

    @Test(
        "random and power-of-two reach everybody alike, and power-of-two spares the most loaded",
        arguments: [SelectionPolicy.random, .powerOfTwo])
    func spread(_ policy: SelectionPolicy) {
        var given: [UInt64: Int] = [:]
        for seed in 0..<4_000 {
            guard case .success(let place) = Self.choose(policy, Self.prompt(), seed: UInt64(seed)) else { continue }
            given[place.worker.rawValue, default: 0] += 1
        }
        if policy == .random {
            #expect(given.count == 4 && given.values.allSatisfy { (900...1_100).contains($0) })
        } else {
            // Pressures 2, 0, 20, 0.9: of six pairs the idle one is in three.
            #expect(given[3] == nil && (1_850...2_150).contains(given[2] ?? 0) && (550...780).contains(given[1] ?? 0))
        }
    }

    @Test("direct sends only where it is told")
    func direct() {
        #expect(Self.choose(.direct, Self.prompt()) == .failure(.pinNeeded))
        #expect(Self.choose(.direct, Self.prompt { $0.pins = [pin(3)] }) == .success(place(3)))
        let target = PlacementTarget(worker: WorkerID(4), rank: nil)
        #expect(Self.choose(.direct, Self.prompt { $0.session = SessionPlace(target: target, isHard: false) }) == .success(place(4)))
        var pool = Self.pool
        pool[3].load.waitingTokens = 5_000
        #expect(Self.choose(.direct, Self.prompt { $0.session = SessionPlace(target: target, isHard: false) }, pool) == .failure(.busy))
    }

    @Test("D.3: ties go to the one with fewer blocks in its cache, then to each alike")
    func ties() {
        var pool = (1...4).map { candidate($0) }
        for index in pool.indices { pool[index].indexedBlocks = 5 }
        pool[2].indexedBlocks = 4
        for seed in 0..<20 { #expect(Self.choose(.kv, Self.prompt(), pool, seed: UInt64(seed)) == .success(place(3))) }
        pool[2].indexedBlocks = 5
        var given: [Placement: Int] = [:]
        for seed in 0..<4_000 {
            if case .success(let place) = Self.choose(.kv, Self.prompt(), pool, seed: UInt64(seed)) { given[place, default: 0] += 1 }
        }
        #expect(given.count == 4 && given.values.allSatisfy { (880...1_120).contains($0) })
    }

    @Test("D.3, L15: a temperature measures differences by one request's blocks, so tiny ones stay tiny")
    func temperature() {
        /// How often the dearer of two is chosen, by how much it costs more in blocks.
        func share(_ more: UInt32, _ temperature: Float) -> Double {
            var pool = [candidate(1), candidate(2)]
            pool[1].load.activeBlocks = more
            var dearer = 0
            for seed in 0..<4_000 {
                let asked = Self.prompt {
                    $0.tokenCount = 1_600
                    $0.temperature = temperature
                }
                if Self.choose(.kv, asked, pool, seed: UInt64(seed)) == .success(place(2)) { dearer += 1 }
            }
            return Double(dearer) / 4_000
        }
        // 1 of 100 blocks: 1 / (1 + e^0.01). Normalised by the spread it would be 1 / (1 + e) = 0.27.
        #expect(abs(share(1, 1) - 0.4975) < 0.03)
        // One whole prompt: 1 / (1 + e).
        #expect(abs(share(100, 1) - 0.2689) < 0.03)
        #expect(abs(share(100, 0.5) - 0.1192) < 0.02)
        #expect(share(1, 0) == 0)
    }

    @Test("D.3: a temperature draws as the exponential says", arguments: [0.0, -1e-9, -0.1, -0.5, -1, -3.3, -20, -300, -707])
    func exponential(_ power: Double) {
        // e by repeated squaring of a tiny step, said anew.
        var expected = 1.0 + power / 1_048_576 + power * power / 2 / 1_048_576 / 1_048_576
        for _ in 0..<20 { expected *= expected }
        #expect(abs(Exponential.of(power) / expected - 1) < 1e-4)
        #expect(Exponential.of(-.infinity) == 0 && Exponential.of(-1e300) == 0)
    }

    @Test("a request's own settings are followed, and nonsense in them is named")
    func overrides() {
        #expect(Self.choose(.kv, Self.prompt { $0.policy = "least-loaded" }) == .success(place(2)))
        #expect(Self.choose(.kv, Self.prompt { $0.policy = "best" }) == .failure(.badOverride(.policy)))
        for weight in [-1, Float.nan, .infinity] {
            #expect(Self.choose(.kv, Self.prompt { $0.overlapWeight = weight }) == .failure(.badOverride(.overlapWeight)))
            #expect(Self.choose(.kv, Self.prompt { $0.temperature = weight }) == .failure(.badOverride(.temperature)))
        }
        var pool = Self.pool
        // 6 of its blocks are held there already: shared they cost nothing.
        let shared = matches([0: { $0.active = 6 }])
        pool[0].load.activeBlocks = 5
        #expect(Self.choose(.kv, Self.prompt(), pool, shared) == .success(place(1)))
        #expect(Self.choose(.kv, Self.prompt { $0.assumeReuse = false }, pool, shared) == .success(place(2)))
        // Without its own prompt nothing is saved where it is cached.
        #expect(Self.choose(.kv, Self.prompt { $0.trackPrefill = false }) == .success(place(2)))
    }

    @Test("a lookup is wanted only where it can change the choice")
    func lookups() {
        func wants(_ policy: SelectionPolicy, _ change: (inout RouteQuery) -> Void = { _ in }) -> Bool {
            PlacementSelector(policy).wantsBlocks(Self.prompt(change))
        }
        #expect(wants(.kv) && wants(.latency) && wants(.lmetric))
        #expect(!wants(.leastLoaded) && !wants(.random) && !wants(.roundRobin) && !wants(.powerOfTwo) && !wants(.direct))
        #expect(wants(.random) { $0.policy = "kv" })
        #expect(!wants(.kv) { $0.hashes = [] })
        #expect(wants(.kv) { $0.overlapWeight = 0 })  // what others hold may still be shared
        #expect(
            !wants(.kv) {
                $0.overlapWeight = 0
                $0.assumeReuse = false
            })
        #expect(!wants(.kv) { $0.wish = .decode })
    }

    @Test("the cheapest of very many is found, whatever their order", arguments: 0..<40)
    func many(_ seed: Int) {
        var random = SeededRandom(seed: UInt64(seed))
        var pool: [Candidate] = (1...700).map { candidate($0) }
        for index in pool.indices { pool[index].load.activeBlocks = UInt32(random.next() % 900) }
        let cheapest = pool.map(\.load.activeBlocks).min()
        guard case .success(let chosen) = Self.choose(.kv, Self.prompt(), pool, seed: UInt64(seed)) else { return #expect(Bool(false)) }
        #expect(pool.first { $0.placement == chosen }?.load.activeBlocks == cheapest)
    }

    /// By Dynamo's formula, unless told otherwise: these figures are its own.
    static func choose(
        _ policy: SelectionPolicy, _ query: RouteQuery, _ pool: [Candidate] = pool, _ blocks: BlockMatches = blocks, seed: UInt64 = 1,
        settings: (inout SelectionSettings) -> Void = { $0.weighAsDynamo() }
    ) -> Result<Placement, PlacementFailure> {
        var random = SeededRandom(seed: seed), scratch = SelectionScratch()
        do throws(PlacementFailure) {
            let decision = try PlacementSelector(policy, settings).decide(
                query, among: pool, blocks: blocks, scratch: &scratch, random: &random)
            return .success(decision.first.choice.placement)
        } catch { return .failure(error) }
    }
}
