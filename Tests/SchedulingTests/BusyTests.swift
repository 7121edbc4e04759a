import ClusterModel
import Scheduling
import Testing

@Suite("Who is busy")
struct BusyTests {
    /// The first is behind and has the whole prompt of 625 blocks, the second is idle and has nothing.
    static func pool(_ change: (inout [Candidate]) -> Void = { _ in }) -> [Candidate] {
        var pool = [candidate(1, waiting: 1_100), candidate(2)]
        for index in pool.indices { pool[index].slot = PlacementSlot(UInt16(index)) }
        change(&pool)
        return pool
    }

    static let cached = matches([0: { $0.device = 625 }])

    static func prompt(_ change: (inout RouteQuery) -> Void = { _ in }) -> RouteQuery {
        query {
            $0.tokenCount = 10_000
            $0.blockSize = 16
            $0.hashes = Array(1...625)
            change(&$0)
        }
    }

    static func choose(
        _ policy: SelectionPolicy, _ query: RouteQuery = prompt(), _ pool: [Candidate] = pool(), _ blocks: BlockMatches = cached
    ) -> Result<Placement, PlacementFailure> {
        PolicyTests.choose(policy, query, pool, blocks, settings: { _ in })
    }

    @Test("a rank that is behind may be chosen for what is cached there, where costs are weighed", arguments: SelectionPolicy.allCases)
    func behind(_ policy: SelectionPolicy) {
        guard policy != .direct else { return }
        let expected: UInt64 = [.kv, .lmetric, .latency].contains(policy) ? 1 : 2
        #expect(Self.choose(policy) == .success(place(expected)))
    }

    @Test("it is not chosen where it is so far behind that computing anew is cheaper", arguments: [SelectionPolicy.kv, .lmetric, .latency])
    func tooFarBehind(_ policy: SelectionPolicy) {
        #expect(Self.choose(policy, Self.prompt(), Self.pool { $0[0].load.waitingTokens = 11_000 }) == .success(place(2)))
    }

    @Test("a full rank is never chosen, whatever is cached there", arguments: [SelectionPolicy.kv, .lmetric, .latency])
    func full(_ policy: SelectionPolicy) {
        let full = Self.pool {
            $0[0].load.waitingTokens = 0
            $0[0].load.activeBlocks = 950
        }
        #expect(Self.choose(policy, Self.prompt(), full) == .success(place(2)))
    }

    @Test("the request waits where all are busy, full or behind", arguments: [SelectionPolicy.kv, .lmetric, .latency])
    func allBusy(_ policy: SelectionPolicy) {
        let behind = Self.pool { $0[1].load.waitingTokens = 1_001 }
        #expect(Self.choose(policy, Self.prompt(), behind) == .failure(.busy))
        let full = Self.pool { $0[1].load.activeBlocks = 950 }
        #expect(Self.choose(policy, Self.prompt(), full) == .failure(.busy))
        // Only those count who may run it.
        #expect(Self.choose(policy, Self.prompt { $0.allowed = WorkerList([1]) }) == .failure(.busy))
        #expect(Self.choose(policy, Self.prompt { $0.isQuestion = true }, behind) == .success(place(1)))
    }

    @Test("what is bound to a rank that is behind waits, and a preference or a soft session passes it over")
    func bound() {
        let elsewhere = BlockMatches()
        #expect(Self.choose(.kv, Self.prompt { $0.pins = [pin(1)] }) == .failure(.busy))
        let target = PlacementTarget(worker: WorkerID(1), rank: nil)
        #expect(Self.choose(.kv, Self.prompt { $0.session = SessionPlace(target: target, isHard: true) }) == .failure(.busy))
        #expect(
            Self.choose(.kv, Self.prompt { $0.session = SessionPlace(target: target, isHard: false) }, Self.pool(), elsewhere)
                == .success(place(2)))
        #expect(Self.choose(.kv, Self.prompt { $0.preferred = target }, Self.pool(), elsewhere) == .success(place(2)))
    }

    @Test("where waiting prefill has no price, who is behind is shut out")
    func unpriced() {
        // Held blocks alone would speak for the first.
        let pool = Self.pool { $0[1].load.activeBlocks = 500 }
        #expect(Self.choose(.kv, Self.prompt { $0.overlapWeight = 0 }, pool) == .success(place(2)))
        #expect(Self.choose(.kv, Self.prompt { $0.wish = .decode }, pool) == .success(place(2)))
    }

    @Test("who is busy is counted, also where it is chosen")
    func counted() throws {
        var random = SeededRandom(seed: 1), scratch = SelectionScratch()
        let decision = try PlacementSelector(.kv).decide(
            Self.prompt(), among: Self.pool(), blocks: Self.cached, scratch: &scratch, random: &random)
        #expect(decision.first.choice.placement == place(1))
        #expect(scratch.whole.counts.eligible == 2 && scratch.whole.counts.busy == 1)
    }
}
