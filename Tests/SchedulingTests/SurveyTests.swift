import ClusterModel
import Scheduling
import Testing

/// A leg's survey goes through a fleet with what it needs of the formula worked out before. Here the formula itself is asked about everyone.
@Suite("The survey of a leg against the plain formula")
struct SurveyTests {
    /// Everything that the total of a cost depends on, each off in some.
    static func settings(_ policy: SelectionPolicy, _ random: inout SeededRandom) -> SelectionSettings {
        func some(_ values: Double...) -> Double { values[Int(random.next() % UInt64(values.count))] }
        var settings = SelectionSettings()
        settings.policy = policy
        settings.prefillLoadScale = some(0, 1, 1, 0.7)
        settings.heldBlockWeight = some(0, 1.0 / 32, 0.3)
        settings.overlapCredit = some(0, 1, 1, 2.5)
        settings.overlapCreditDecay = some(0, 0, 0.6)
        settings.hostWeight = some(0, 0.75)
        settings.diskWeight = some(0, 0.25)
        settings.externalWeight = some(0, 0.5)
        settings.activeRequestWeight = some(0, 0.1)
        settings.interferenceWeight = some(0, 0.02)
        settings.evictionWeight = some(0, 2)
        settings.assumeReuse = random.next() % 4 != 0
        settings.trackPrefill = random.next() % 4 != 0
        settings.trackActiveBlocks = random.next() % 4 != 0
        settings.thresholds = .off
        return settings
    }

    /// A pool as others have it, and in some everyone alike, or one whose worker says nonsense.
    static func pool(_ random: inout SeededRandom) -> [Candidate] {
        var pool = randomPool(&random, upTo: 300)
        if random.next() % 4 == 0 {
            for index in pool.indices {
                pool[index].load = pool[0].load
                pool[index].turnover = 1
                pool[index].indexedBlocks = random.next() % 2
            }
        }
        for index in pool.indices where random.next() % 8 == 0 { pool[index].slot = nil }
        if random.next() % 4 == 0 { pool[0].load.waitingTokens = .max - random.next() % 3 }
        return pool
    }

    private struct Plain {
        let placement: Placement
        let standing: Standing
        let cost: PlacementCost
    }

    /// Everyone who may serve the leg, the best first.
    private static func line(_ rule: LegRule, _ pool: [Candidate], _ blocks: BlockMatches) -> [Plain] {
        var line: [Plain] = []
        for index in pool.indices where pool[index].isReady && pool[index].role.serves(rule.leg) {
            let one = pool[index]
            var inputs = CostInputs()
            inputs.prefillTokens = one.load.prefillTokens
            inputs.heldBlocks = one.load.heldBlocks
            inputs.heldRequests = one.load.heldRequests
            inputs.stepTokens = one.maxBatchedTokens
            inputs.lastTurn = one.lastTurn
            inputs.latency = one.latency
            inputs.turnover = one.slot == nil ? 0 : one.turnover
            inputs.match = one.slot.map { blocks[$0] } ?? BlockMatch()
            let cost = rule.formula.cost(of: inputs)
            let takesTurns = rule.formula.settings.policy == .roundRobin
            let ticket = takesTurns ? UInt64(index) : rule.draw.ticket(one.placement, for: rule.leg)
            let standing = rule.standing(inputs, cost, indexedBlocks: one.indexedBlocks, ticket: ticket)
            line.append(Plain(placement: one.placement, standing: standing, cost: cost))
        }
        return line.sorted { $0.standing < $1.standing }
    }

    static let policies: [SelectionPolicy] = [.kv, .kv, .lmetric, .latency, .leastLoaded, .roundRobin, .random]

    @Test("it finds the same place, at the same cost, and keeps the same ones", arguments: 0..<40)
    func isPlain(_ seed: Int) throws {
        var random = SeededRandom(seed: UInt64(seed)), decided = 0
        for policy in Self.policies {
            for wish in [PlacementWish.aggregated, .prefill, .decode] {
                let pool = Self.pool(&random), blocks = randomMatches(&random, slots: pool.count)
                let selector = PlacementSelector(Self.settings(policy, &random))
                let query = PolicyTests.prompt { $0.wish = wish }
                var scratch = SelectionScratch()
                let decision: RouteDecision
                do { decision = try selector.decide(query, among: pool, blocks: blocks, scratch: &scratch, random: &random) } catch {
                    #expect(!pool.contains { $0.isReady && $0.role.serves(query.singleLeg) })
                    continue
                }
                decided += 1
                let survey = wish == .aggregated ? scratch.whole : wish == .prefill ? scratch.prefill : scratch.decode
                let line = Self.line(survey.rule, pool, blocks), best = try #require(line.first)
                #expect(decision.first.choice.placement == best.placement, "\(policy) \(wish) of \(pool.count)")
                #expect(decision.first.choice.cost == best.cost)
                let kept = line.prefix(SelectionLimits.shortlist)
                #expect(Set(survey.appraisals.map(\.placement)) == Set(kept.map(\.placement)), "\(policy) \(wish) of \(pool.count)")
                #expect(survey.counts.eligible == line.count && Int(survey.counts.leftOut) == line.count - kept.count)
                Self.expectLeast(survey.rule, pool)
            }
        }
        #expect(decided > Self.policies.count)
    }

    /// What is compared with the least of all is compared with the least of those who may serve the leg.
    private static func expectLeast(_ rule: LegRule, _ pool: [Candidate]) {
        let settings = rule.formula.settings, able = pool.filter { $0.isReady && $0.role.serves(rule.leg) }
        guard settings.policy.weighsCosts else { return }
        if settings.overlapCreditDecay > 0 { #expect(rule.formula.leastPrefillTokens == able.map(\.load.prefillTokens).min()) }
        let weighsEvictions = settings.prefillLoadScale > 0 && settings.trackPrefill && settings.evictionWeight > 0
        #expect(rule.formula.leastTurnover == (weighsEvictions ? able.filter { $0.slot != nil }.map(\.turnover).min() ?? 0 : 0))
    }
}
