import ClusterModel
import Scheduling
import Testing

/// Whose state whom can be handed to: pairs of prefill and decode workers.
@Suite("Pairs of a split request")
struct PairTests {
    /// Everything that is of one kind of state: `number`, by these paths.
    static func side(_ number: UInt16, _ paths: SplitPaths = [.concurrent, .sequential]) -> KVSide { KVSide(kind: number, paths: paths) }

    /// A long prompt that nobody has cached.
    static func prompt(_ change: (inout RouteQuery) -> Void = { _ in }) -> RouteQuery { SplitTests.prompt(change) }

    /// Idle prefill workers from 1 and decode workers from 11, each with what it can do; those who decode have much to do.
    static func pool(prefill: [KVSide], decode: [KVSide], _ change: (inout [Candidate]) -> Void = { _ in }) -> [Candidate] {
        var pool = prefill.enumerated().map { candidate(UInt64($0.offset) + 1, 0, .prefill, kv: $0.element) }
        pool += decode.enumerated().map { candidate(UInt64($0.offset) + 11, 0, .decode, kv: $0.element, requests: 40) }
        for index in pool.indices { pool[index].slot = PlacementSlot(UInt16(index)) }
        change(&pool)
        return pool
    }

    static func decision(
        _ query: RouteQuery, _ pool: [Candidate], _ policy: SelectionPolicy = .kv, _ change: (inout SelectionSettings) -> Void = { _ in }
    ) throws(PlacementFailure) -> RouteDecision {
        var random = SeededRandom(seed: 1), scratch = SelectionScratch()
        return try PlacementSelector(policy, change).decide(query, among: pool, blocks: BlockMatches(), scratch: &scratch, random: &random)
    }

    static func places(_ decision: RouteDecision) -> [Placement] {
        [decision.first.choice.placement] + (decision.second.map { [$0.choice.placement] } ?? [])
    }

    @Test("two workers that both can hand over at once do so, others in sequence, and those without a common way are no pair")
    func path() throws {
        let both = Self.side(1)
        for (giver, taker, path) in [
            (both, both, SplitPath.concurrent), (both, Self.side(1, .sequential), .sequential),
            (Self.side(1, .sequential), both, .sequential), (Self.side(1, .concurrent), both, .concurrent),
        ] {
            let decision = try Self.decision(Self.prompt(), Self.pool(prefill: [giver], decode: [taker]))
            #expect(decision.handOver == path && Self.places(decision) == [place(1), place(11)])
        }
        for (giver, taker) in [
            (Self.side(1, .sequential), Self.side(1, .concurrent)), (Self.side(1), Self.side(2)), (Self.side(1), .none),
            (Self.side(0), Self.side(0)), (Self.side(1, []), Self.side(1)),
        ] {
            let decision = try Self.decision(Self.prompt(), Self.pool(prefill: [giver], decode: [taker]))
            #expect(decision.handOver == nil && Self.places(decision) == [place(11)], "\(giver) \(taker)")
        }
    }

    @Test("the best decode worker of another kind draws nothing: the pair is the best of those that fit")
    func kinds() throws {
        // Worker 12 is by far the least loaded to decode, and only 2 can prefill for it, which has more to do than 1.
        let pool = Self.pool(prefill: [Self.side(1), Self.side(2)], decode: [Self.side(1), Self.side(2)]) {
            $0[1].load.waitingTokens = 200
            $0[2].load.activeBlocks = 900
        }
        // 200 tokens are 12.5 blocks; 900 held ones at 1/32 are 28.
        #expect(Self.places(try Self.decision(Self.prompt(), pool)) == [place(2), place(12)])
        // The other way round it is the prefill worker that decides.
        let waiting = Self.pool(prefill: [Self.side(1), Self.side(2)], decode: [Self.side(1), Self.side(2)]) {
            $0[1].load.waitingTokens = 900
            $0[2].load.activeBlocks = 900
        }
        #expect(Self.places(try Self.decision(Self.prompt(), waiting)) == [place(1), place(11)])
    }

    @Test("a prefill worker whose only partners are busy waits with them, and one without any is none")
    func busyPartners() throws {
        let pool = Self.pool(prefill: [Self.side(1), Self.side(2)], decode: [Self.side(1), Self.side(2)]) {
            $0[1].load.waitingTokens = 200
            $0[2].load.activeBlocks = 950
        }
        #expect(Self.places(try Self.decision(Self.prompt(), pool)) == [place(2), place(12)])
        var alone = pool
        alone[3].isReady = false
        #expect(throws: PlacementFailure.busy) { try Self.decision(Self.prompt(), alone) }
        alone[2].isReady = false
        #expect(throws: PlacementFailure.noWorker) { try Self.decision(Self.prompt(), alone) }
    }

    @Test("a session or a pin of the decode leg brings a prefill worker that fits")
    func bound() throws {
        let pool = Self.pool(prefill: [Self.side(1), Self.side(2)], decode: [Self.side(1), Self.side(2)]) { $0[1].load.waitingTokens = 200 }
        #expect(Self.places(try Self.decision(Self.prompt(), pool)) == [place(1), place(11)])
        let target = PlacementTarget(worker: WorkerID(12), rank: nil)
        for isHard in [false, true] {
            let bound = Self.prompt { $0.session = SessionPlace(target: target, isHard: isHard) }
            #expect(Self.places(try Self.decision(bound, pool)) == [place(2), place(12)])
        }
        #expect(Self.places(try Self.decision(Self.prompt { $0.pins = [pin(12, nil, .decode)] }, pool)) == [place(2), place(12)])
        let preferred = Self.prompt { $0.preferred = target }
        #expect(Self.places(try Self.decision(preferred, pool)) == [place(2), place(12)])
        // A pin of the prefill splits it; nobody who could follow is no worker.
        var lonely = pool
        lonely[3].isReady = false
        #expect(throws: PlacementFailure.noWorker) { try Self.decision(Self.prompt { $0.pins = [pin(2, nil, .prefill)] }, lonely) }
    }

    @Test("what the decode leg alone must be able to do is not asked of who prefills")
    func decodeNeeds() throws {
        let pool = Self.pool(prefill: [Self.side(1)], decode: [Self.side(1)])
        let asked = Self.prompt { $0.decodeNeeds = 8 }
        #expect(throws: PlacementFailure.noWorker) { try Self.decision(asked, pool) }
        let able = [pool[0], candidate(11, 0, .decode, capabilities: 8, kv: Self.side(1), requests: 40)]
        #expect(Self.places(try Self.decision(asked, able)) == [place(1), place(11)])
    }

    @Test("a decode leg whose state is somewhere goes where it can be read")
    func secondHalf() throws {
        let pool = Self.pool(prefill: [], decode: [Self.side(1), Self.side(2, .sequential), Self.side(2)]) { $0[2].load.activeBlocks = 100 }
        func asked(_ giver: KVSide?) -> RouteQuery {
            Self.prompt {
                $0.wish = .decode
                $0.stateFrom = giver
            }
        }
        let free = Self.places(try Self.decision(asked(nil), pool))
        #expect(free == [place(11)] || free == [place(12)])
        #expect(Self.places(try Self.decision(asked(Self.side(2, .sequential)), pool)) == [place(12)])
        #expect(Self.places(try Self.decision(asked(Self.side(2, .concurrent)), pool)) == [place(13)])
        #expect(throws: PlacementFailure.noWorker) { try Self.decision(asked(KVSide.none), pool) }
    }

    @Test("a whole request runs on a prefill worker that it prefers, and on no other")
    func wholeOnPrefill() throws {
        let pool = Self.pool(prefill: [Self.side(1), Self.side(1)], decode: [Self.side(1)])
        func asked(_ wish: PlacementWish, _ worker: UInt64) -> RouteQuery {
            Self.prompt {
                $0.wish = wish
                $0.preferred = PlacementTarget(worker: WorkerID(worker), rank: Rank(0))
            }
        }
        let whole = try Self.decision(asked(.aggregated, 2), pool)
        #expect(whole.first.role == .aggregated && Self.places(whole) == [place(2)])
        #expect(Self.places(try Self.decision(asked(.any, 2), pool)) == [place(2), place(11)])
        #expect(Self.places(try Self.decision(asked(.decode, 2), pool)) == [place(11)])
        // Full, it is left as any that is preferred.
        var full = pool
        full[1].load.activeBlocks = 960
        #expect(Self.places(try Self.decision(asked(.aggregated, 2), full)) == [place(11)])
        full[1].isReady = false
        #expect(Self.places(try Self.decision(asked(.aggregated, 2), full)) == [place(11)])
    }

    @Test("decode workers serve nothing whole while nobody prefills for them, where that is enforced")
    func enforced() throws {
        let enforce: (inout SelectionSettings) -> Void = { $0.enforcesSplit = true }
        let pool = Self.pool(prefill: [Self.side(1)], decode: [Self.side(1)])
        #expect(Self.places(try Self.decision(Self.prompt(), pool, .kv, enforce)) == [place(1), place(11)])
        // Where somebody could, local prefill stays a candidate.
        var idle = pool
        idle[1].load.requests = 0
        #expect(Self.places(try Self.decision(Self.prompt(), idle, .kv, enforce)) == [place(11)])
        for wish in [PlacementWish.any, .aggregated] {
            let asked = Self.prompt { $0.wish = wish }
            var gone = pool
            gone[0].isReady = false
            #expect(throws: PlacementFailure.noWorker) { try Self.decision(asked, gone, .kv, enforce) }
            #expect(Self.places(try Self.decision(asked, gone)) == [place(11)])
            let strange = Self.pool(prefill: [Self.side(2)], decode: [Self.side(1)])
            #expect(throws: PlacementFailure.noWorker) { try Self.decision(asked, strange, .kv, enforce) }
            // Who serves both goes on.
            #expect(Self.places(try Self.decision(asked, gone + [candidate(20)], .kv, enforce)) == [place(20)])
        }
    }

    // MARK: Against all pairs

    @Test(
        "the pair is the best of all pairs that fit, whatever the pool", arguments: [SelectionPolicy.kv, .latency, .lmetric, .leastLoaded])
    func bestOfAll(_ policy: SelectionPolicy) throws {
        var split = 0, kinds = 0
        for seed in 0..<400 as Range<UInt64> {
            var random = SeededRandom(seed: seed), scratch = SelectionScratch()
            let pool = randomPool(&random, upTo: 40), blocks = randomMatches(&random, slots: pool.count)
            let asked = Self.prompt { $0.tokenCount = UInt32(16 + random.next() % 600) }
            let decision = try? PlacementSelector(policy).decide(asked, among: pool, blocks: blocks, scratch: &scratch, random: &random)
            let best = Self.best(pool, blocks, scratch)
            guard let giver = scratch.prefill.chosen, let taker = scratch.decode.chosen, scratch.prefill.cost != nil else {
                #expect(best == nil || decision == nil, "seed \(seed)")
                continue
            }
            let pair = [scratch.prefill.appraisals[giver].placement, scratch.decode.appraisals[taker].placement]
            let chosen = pair.compactMap { pool.index(of: $0) }
            #expect(pool[chosen[0]].kv.reaches(pool[chosen[1]].kv), "seed \(seed)")
            #expect(best == Self.total(chosen[0], chosen[1], pool, blocks, scratch), "seed \(seed)")
            split += 1
            if Set(pool.filter { $0.role == .prefill }.map(\.kv.kind)).count > 2 { kinds += 1 }
        }
        #expect(split > 150 && kinds > 100)
    }

    /// What the cheapest pair costs; nil if there is none.
    private static func best(_ pool: [Candidate], _ blocks: BlockMatches, _ scratch: SelectionScratch) -> Double? {
        let thresholds = BusyThresholds(), weighs = scratch.prefill.rule.formula.settings.policy.weighsCosts
        func serves(_ one: Candidate, _ role: PlacementRole) -> Bool { one.isReady && one.role.serves(role) }
        func decodes(_ one: Candidate) -> [Int] { pool.indices.filter { serves(pool[$0], .decode) && one.kv.reaches(pool[$0].kv) } }
        // Decode legs have no price for waiting prefill, so a busy one is out.
        func open(_ one: Candidate) -> [Int] { decodes(one).filter { !pool[$0].isBusy(thresholds) } }
        let givers = pool.indices.filter { serves(pool[$0], .prefill) && !open(pool[$0]).isEmpty }
        guard givers.contains(where: { !pool[$0].isBusy(thresholds) }) else { return nil }
        let usable = givers.filter { giver in
            let load = pool[giver].load
            let isFull = Double(max(UInt64(load.activeBlocks), load.ledgerBlocks)) >= 0.95 * Double(load.totalBlocks)
            return weighs ? !isFull : !pool[giver].isBusy(thresholds)
        }
        return usable.flatMap { giver in open(pool[giver]).map { total(giver, $0, pool, blocks, scratch) } }.min()
    }

    /// Of one pair, by the formulas of the decision.
    private static func total(
        _ giver: Int, _ taker: Int, _ pool: [Candidate], _ blocks: BlockMatches, _ scratch: SelectionScratch
    ) -> Double {
        let first = cost(giver, pool, blocks, scratch.prefill.rule.formula).total
        let second = cost(taker, pool, blocks, scratch.decode.rule.formula).total
        return scratch.prefill.rule.formula.settings.policy == .lmetric ? first * (second + 1) : first + second
    }

    private static func cost(_ index: Int, _ pool: [Candidate], _ blocks: BlockMatches, _ formula: CostFormula) -> PlacementCost {
        var inputs = CostInputs()
        inputs.prefillTokens = pool[index].load.prefillTokens
        inputs.heldBlocks = pool[index].load.heldBlocks
        inputs.heldRequests = pool[index].load.heldRequests
        inputs.stepTokens = pool[index].maxBatchedTokens
        inputs.latency = pool[index].latency
        inputs.turnover = pool[index].turnover
        if let slot = pool[index].slot { inputs.match = blocks[slot] }
        return formula.cost(of: inputs)
    }
}
