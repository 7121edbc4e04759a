import ClusterModel
import Scheduling
import Testing

@Suite("Split plans")
struct SplitTests {
    /// Prefill workers 1 and 2, decode workers 3 and 4.
    static func pool(_ change: (inout [Candidate]) -> Void = { _ in }) -> [Candidate] {
        var pool = [
            candidate(1, 0, .prefill, kv: .any), candidate(2, 0, .prefill, kv: .any),
            candidate(3, 0, .decode, kv: .any), candidate(4, 0, .decode, kv: .any),
        ]
        for index in pool.indices { pool[index].slot = PlacementSlot(UInt16(index)) }
        // Both decode for others: a prefill of 64 blocks there costs 64 x 0.02 x 40 = 51.2 blocks more, a transfer 6.4.
        pool[2].load.requests = 40
        pool[3].load.requests = 40
        pool[3].load.activeBlocks = 50
        pool[1].load.waitingTokens = 500
        change(&pool)
        return pool
    }

    static func prompt(_ change: (inout RouteQuery) -> Void = { _ in }) -> RouteQuery {
        query {
            $0.tokenCount = 1_024
            $0.blockSize = 16
            $0.maySplit = true
            change(&$0)
        }
    }

    static func decide(
        _ query: RouteQuery, _ pool: [Candidate] = pool(), _ blocks: BlockMatches = BlockMatches(), _ policy: SelectionPolicy = .kv
    ) -> Result<[Placement], PlacementFailure> {
        var random = SeededRandom(seed: 1), scratch = SelectionScratch()
        do throws(PlacementFailure) {
            let decision = try PlacementSelector(policy).decide(query, among: pool, blocks: blocks, scratch: &scratch, random: &random)
            #expect((decision.second == nil) == (scratch.shape != .split))
            return .success([decision.first.choice.placement] + (decision.second.map { [$0.choice.placement] } ?? []))
        } catch { return .failure(error) }
    }

    @Test("L3: both legs are chosen in one step, each the cheapest of its role")
    func pair() { #expect(Self.decide(Self.prompt()) == .success([place(1), place(3)])) }

    @Test("a long prompt that is cached where it would decode stays there")
    func cachedOnDecode() {
        let cached = matches([2: { $0.device = 63 }])
        #expect(Self.decide(Self.prompt(), Self.pool(), cached) == .success([place(3)]))
    }

    @Test("a cached prompt on the prefill worker weighs against one on the decode worker")
    func cachedOnPrefill() {
        // On worker 4 half of it: 32 x 1.8 against 1 of 64 and the transfer.
        let cached = matches([1: { $0.device = 63 }, 3: { $0.device = 32 }])
        #expect(Self.decide(Self.prompt(), Self.pool(), cached) == .success([place(2), place(3)]))
    }

    @Test("an idle decode worker prefills by itself, for that saves the transfer")
    func idleDecode() {
        let idle = Self.pool { $0[2].load.requests = 0 }
        #expect(Self.decide(Self.prompt(), idle) == .success([place(3)]))
    }

    @Test("prefill workers that wait long are left to their work")
    func busyPrefill() {
        let waiting = Self.pool {
            $0[0].load.waitingTokens = 900
            $0[1].load.waitingTokens = 900
        }
        #expect(Self.decide(Self.prompt(), waiting) == .success([place(3)]))
        let busy = Self.pool {
            $0[0].load.waitingTokens = 1_001
            $0[1].load.waitingTokens = 1_001
        }
        #expect(Self.decide(Self.prompt(), busy) == .success([place(3)]))
    }

    @Test("decode workers that are all busy are waited for")
    func busyDecode() {
        let busy = Self.pool {
            $0[2].load.waitingTokens = 1_001
            $0[3].load.activeBlocks = 950
        }
        #expect(Self.decide(Self.prompt(), busy) == .failure(.busy))
    }

    @Test("without prefill workers that can hand over, the request stays whole")
    func notCapable() {
        #expect(Self.decide(Self.prompt { $0.maySplit = false }) == .success([place(3)]))
        let mute = [1, 2].map { candidate($0, 0, .prefill) } + Self.pool()[2...]
        #expect(Self.decide(Self.prompt(), mute) == .success([place(3)]))
        let gone = Self.pool {
            $0[0].isReady = false
            $0[1].isReady = false
        }
        #expect(Self.decide(Self.prompt(), gone) == .success([place(3)]))
    }

    @Test("workers that serve one leg only get nothing whole, however cheap that is, and whoever asks for it")
    func legsOnly() {
        let idle: [Candidate] = [
            candidate(1, 0, .prefill, capabilities: SelectionLimits.legsOnly, kv: .any),
            candidate(3, 0, .decode, capabilities: SelectionLimits.legsOnly, kv: .any),
        ]
        #expect(Self.decide(Self.prompt(), idle) == .success([place(1), place(3)]))
        #expect(Self.decide(Self.prompt { $0.wish = .decode }, idle) == .success([place(3)]))
        #expect(Self.decide(Self.prompt { $0.wish = .aggregated }, idle) == .failure(.noWorker))
        #expect(Self.decide(Self.prompt(), [idle[1]]) == .failure(.noWorker))
        let preferring = Self.prompt { query in
            query.wish = .aggregated
            query.preferred = PlacementTarget(worker: WorkerID(3), rank: nil)
        }
        #expect(Self.decide(preferring, idle) == .failure(.noWorker))
    }

    @Test("a wish for one leg, or for the whole, is granted")
    func wishes() {
        #expect(Self.decide(Self.prompt { $0.wish = .aggregated }) == .success([place(3)]))
        #expect(Self.decide(Self.prompt { $0.wish = .prefill }) == .success([place(1)]))
        #expect(Self.decide(Self.prompt { $0.wish = .decode }) == .success([place(3)]))
    }

    @Test("pins bind their legs: of the prefill it splits, of the decode it may, of the whole it does not")
    func pins() {
        #expect(Self.decide(Self.prompt { $0.pins = [pin(2, nil, .prefill)] }) == .success([place(2), place(3)]))
        #expect(Self.decide(Self.prompt { $0.pins = [pin(4, nil, .decode)] }) == .success([place(1), place(4)]))
        #expect(Self.decide(Self.prompt { $0.pins = [pin(2, nil, .prefill), pin(4, nil, .decode)] }) == .success([place(2), place(4)]))
        #expect(Self.decide(Self.prompt { $0.pins = [pin(4)] }) == .success([place(4)]))
        #expect(Self.decide(Self.prompt { $0.pins = [pin(3, nil, .prefill)] }) == .failure(.pinConflict(WorkerID(3))))
    }

    @Test("a session binds the decode leg and leaves the prefill free")
    func session() {
        let target = PlacementTarget(worker: WorkerID(4), rank: nil)
        for isHard in [false, true] {
            let asked = Self.prompt { $0.session = SessionPlace(target: target, isHard: isHard) }
            #expect(Self.decide(asked) == .success([place(1), place(4)]))
        }
    }

    @Test("a decode leg is placed by what is held, whatever is cached there, unless the client says otherwise")
    func decodeLeg() {
        let cached = matches([3: { $0.device = 64 }])
        let asked = Self.prompt { $0.wish = .decode }
        #expect(Self.decide(asked, Self.pool(), cached) == .success([place(3)]))
        let weighed = Self.prompt {
            $0.wish = .decode
            $0.overlapWeight = 1
            $0.trackPrefill = true
        }
        #expect(Self.decide(weighed, Self.pool(), cached) == .success([place(4)]))
        // Blocks that others hold are shared only where the client says so.
        let held = matches([3: { $0.active = 64 }])
        #expect(Self.decide(asked, Self.pool(), held) == .success([place(3)]))
        let shared = Self.prompt {
            $0.wish = .decode
            $0.assumeReuse = true
        }
        #expect(Self.decide(shared, Self.pool(), held) == .success([place(4)]))
    }

    @Test(
        "policies without amounts split wherever both legs have a place",
        arguments: [SelectionPolicy.leastLoaded, .random, .roundRobin, .powerOfTwo])
    func plainPolicies(_ policy: SelectionPolicy) {
        guard case .success(let places) = Self.decide(Self.prompt(), Self.pool(), BlockMatches(), policy) else {
            return #expect(Bool(false))
        }
        #expect(places.count == 2 && places[0].worker.rawValue <= 2 && places[1].worker.rawValue >= 3)
    }

    @Test("lmetric and latency weigh a split in their own unit", arguments: [SelectionPolicy.lmetric, .latency])
    func otherUnits(_ policy: SelectionPolicy) {
        #expect(Self.decide(Self.prompt(), Self.pool(), BlockMatches(), policy) == .success([place(1), place(3)]))
        let cached = matches([2: { $0.device = 64 }])
        #expect(Self.decide(Self.prompt(), Self.pool(), cached, policy) == .success([place(3)]))
    }

    @Test(
        "a decode worker that has prefilled nothing is judged by those who prefill, however slow they are, and not by a guess",
        arguments: [Float(0.01), 0.2, 5, 100])
    func unmeasuredPrefill(_ milliseconds: Float) {
        let pool = Self.pool {
            for index in 0..<2 { $0[index].latency = LatencyEstimate(prefillFixed: 0, prefillToken: milliseconds, step: 0, stepBlock: 0) }
            for index in 2..<4 { $0[index].latency = LatencyEstimate(prefillFixed: 0, prefillToken: 0, step: 20, stepBlock: 0) }
        }
        #expect(Self.decide(Self.prompt(), pool, BlockMatches(), .latency) == .success([place(1), place(3)]))
        let cached = matches([2: { $0.device = 64 }])
        #expect(Self.decide(Self.prompt(), pool, cached, .latency) == .success([place(3)]))
    }
}
