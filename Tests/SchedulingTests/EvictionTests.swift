import ClusterModel
import Scheduling
import Testing

@Suite("What a prefill pushes out, and whom it holds up")
struct EvictionTests {
    /// Idle ranks with so much written, each known to the index.
    static func pool(_ turnovers: [Float]) -> [Candidate] {
        turnovers.indices.map { index in
            var one = candidate(UInt64(index) + 1)
            one.slot = PlacementSlot(UInt16(index))
            one.turnover = turnovers[index]
            return one
        }
    }

    static func prompt(_ change: (inout RouteQuery) -> Void = { _ in }) -> RouteQuery {
        query {
            $0.tokenCount = 160
            $0.blockSize = 16
            $0.hashes = Array(1...10)
            change(&$0)
        }
    }

    static func choose(
        _ pool: [Candidate], _ blocks: BlockMatches = BlockMatches(), _ policy: SelectionPolicy = .kv, _ query: RouteQuery = prompt()
    ) -> Result<Placement, PlacementFailure> {
        PolicyTests.choose(policy, query, pool, blocks, settings: { _ in })
    }

    @Test("of ranks alike, the one whose cache was written least computes", arguments: [SelectionPolicy.kv, .lmetric, .latency])
    func leastWritten(_ policy: SelectionPolicy) {
        let pool = Self.pool([3.2, 3.1, 3.3])
        #expect(Self.choose(pool, BlockMatches(), policy) == .success(place(2)))
        // What is cached to its end pushes nothing out.
        #expect(Self.choose(pool, matches([2: { $0.device = 10 }]), policy) == .success(place(3)))
    }

    @Test("a common first block outweighs a small gap, and not a whole cache")
    func commonBeginning() {
        let blocks = matches([0: { $0.device = 1 }])
        #expect(Self.choose(Self.pool([3.05, 3]), blocks) == .success(place(1)))
        #expect(Self.choose(Self.pool([3.5, 3]), blocks) == .success(place(2)))
    }

    @Test("the gap is to the least of those who may run the request and whose caches are known")
    func eligible() {
        func least(_ pool: [Candidate], _ query: RouteQuery = Self.prompt()) -> Float? {
            var random = SeededRandom(seed: 1), scratch = SelectionScratch()
            _ = try? PlacementSelector(.kv).decide(query, among: pool, blocks: BlockMatches(), scratch: &scratch, random: &random)
            return scratch.whole.rule.formula.leastTurnover
        }
        var pool = Self.pool([4, 1, 2, 3])
        #expect(least(pool) == 1)
        #expect(least(pool, Self.prompt { $0.excluded = WorkerList([2]) }) == 2)
        pool[1].isReady = false
        pool[2].slot = nil
        #expect(least(pool) == 3)
        for index in pool.indices { pool[index].slot = nil }
        #expect(least(pool) == 0)
    }

    @Test("a rank whose cache is not known is not drawn on for that, nor shunned")
    func unknown() {
        var pool = Self.pool([5, 5, 5])
        pool[1].slot = nil
        pool[1].turnover = 0
        #expect(
            Set((0..<60).map { seed in PolicyTests.choose(.kv, Self.prompt(), pool, BlockMatches(), seed: seed, settings: { _ in }) }).count
                == 3)
        pool[1].turnover = 100
        #expect(
            Set((0..<60).map { seed in PolicyTests.choose(.kv, Self.prompt(), pool, BlockMatches(), seed: seed, settings: { _ in }) }).count
                == 3)
    }

    @Test("a block that all prompts begin with does not draw them all to one rank")
    func attraction() {
        /// Requests that each rank got, one after the other on idle ranks, of one common block and twenty of their own.
        func given(evictionWeight: Double) -> [Int] {
            var pool = Self.pool([0, 0, 0, 0]), given = [0, 0, 0, 0], caches = [false, false, false, false]
            for number in 0..<400 {
                var found: [UInt16: (inout BlockMatch) -> Void] = [:]
                for index in caches.indices where caches[index] { found[UInt16(index)] = { $0.device = 1 } }
                let asked = Self.prompt { $0.tokenCount = 21 * 16 }
                let answer = PolicyTests.choose(.kv, asked, pool, matches(found), seed: UInt64(number)) {
                    $0.evictionWeight = evictionWeight
                }
                guard case .success(let place) = answer else { continue }
                let index = Int(place.worker.rawValue) - 1
                pool[index].turnover += Float(caches[index] ? 20 : 21) / 1_000
                caches[index] = true
                given[index] += 1
            }
            return given
        }
        #expect(given(evictionWeight: 0).max() == 400)
        #expect(given(evictionWeight: 2).allSatisfy { (90...110).contains($0) })
    }

    @Test(
        "a whole request spares the rank where many decode, and a prefill leg disturbs nobody",
        arguments: [SelectionPolicy.kv, .lmetric, .latency])
    func interference(_ policy: SelectionPolicy) {
        var pool = Self.pool([1, 1])
        pool[0].load.requests = 40
        // One block is cached there, which is less than nine blocks that each hold up forty.
        let blocks = matches([0: { $0.device = 1 }])
        #expect(Self.choose(pool, blocks, policy) == .success(place(2)))
        let alone: (inout SelectionSettings) -> Void = { $0.interferenceWeight = 0 }
        #expect(PolicyTests.choose(policy, Self.prompt(), pool, blocks, settings: alone) == .success(place(1)))
        var prefilling = [candidate(1, 0, .prefill), candidate(2, 0, .prefill)]
        for index in prefilling.indices { prefilling[index].slot = PlacementSlot(UInt16(index)) }
        prefilling[0].load.requests = 40
        #expect(Self.choose(prefilling, blocks, policy, Self.prompt { $0.wish = .prefill }) == .success(place(1)))
    }
}
