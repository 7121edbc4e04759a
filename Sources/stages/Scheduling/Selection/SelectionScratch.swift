package import ClusterModel

/// One candidate as a decision saw it.
package struct Appraisal: Hashable, Sendable {
    package var placement: Placement
    package var inputs: CostInputs
    package var indexedBlocks: UInt64
    package var ticket: UInt64

    package init(placement: Placement, inputs: CostInputs, indexedBlocks: UInt64, ticket: UInt64) {
        self.placement = placement
        self.inputs = inputs
        self.indexedBlocks = indexedBlocks
        self.ticket = ticket
    }
}

/// How many candidates a leg had.
package struct LegCounts: Hashable, Sendable {
    /// Of the pool, or ranks of the worker that the request is bound to.
    package var considered: UInt32 = 0
    package var eligible: UInt32 = 0
    /// Of the eligible.
    package var busy: UInt32 = 0
    /// Not among those that were kept, though they could have been chosen.
    package var leftOut: UInt32 = 0

    package init() {}
}

/// The choice of one leg while it is made, and what it was made from.
package struct LegSurvey: Sendable {
    package fileprivate(set) var rule: LegRule
    package fileprivate(set) var counts = LegCounts()
    /// The cheapest, as the rule ranks them.
    package fileprivate(set) var appraisals: [Appraisal] = []
    /// Among the appraisals; nil: nobody.
    package fileprivate(set) var chosen: Int?
    /// Of the chosen one, among the candidates.
    package fileprivate(set) var chosenIndex = 0
    private var shortlist = Shortlist()

    init(_ leg: PlacementRole) {
        let formula = CostFormula(settings: SelectionSettings(), tokens: 0, blockSize: 1, outputTokens: 0)
        rule = LegRule(leg: leg, means: .policy, formula: formula, draw: DecisionDraw(0))
        appraisals.reserveCapacity(SelectionLimits.shortlist)
    }

    enum Outcome { case found, busy, nobody }

    /// Looks at each of the candidates once, and chooses.
    mutating func take(
        _ newRule: LegRule, _ demands: LegDemands, _ query: borrowing RouteQuery, _ candidates: [Candidate], _ range: Range<Int>,
        _ blocks: borrowing BlockMatches, _ partners: inout Partners, _ thresholds: BusyThresholds, isRecording: Bool
    ) -> Outcome {
        chosen = nil
        appraisals.removeAll(keepingCapacity: true)
        shortlist.removeAll()
        counts = LegCounts()
        counts.considered = UInt32(clamping: range.count)
        let span = candidates.span
        var formula = newRule.formula
        if demands.part == .decodesForAny { partners.begin() }
        Self.prepare(&formula, demands, query, span, range, partners, thresholds)
        rule = LegRule(leg: newRule.leg, means: newRule.means, formula: formula, draw: newRule.draw)
        let rule = rule, drawsTickets = rule.drawsTickets
        let takesWhoIsBehind = rule.means == .policy && rule.formula.settings.weighsWaiting
        var eligible: UInt32 = 0, busy: UInt32 = 0
        for index in range where demands.admit(span, index, query) {
            var partner = 0.0, waitsForPartner = false
            if demands.part == .prefills {
                switch partners[span[index].kv] {
                case .nobody: continue
                case .busy: waitsForPartner = true
                case .cost(let cost): partner = cost
                }
            }
            eligible += 1
            let load = span[index].load, stepTokens = span[index].maxBatchedTokens
            let isBusy = waitsForPartner || load.isBusy(stepTokens: stepTokens, thresholds)
            if isBusy {
                busy += 1
                if waitsForPartner || !takesWhoIsBehind || load.isFull(thresholds) {
                    if demands.part == .decodesForAny { partners.note(span[index].kv, cost: nil, isBusy: true) }
                    continue
                }
            }
            let slot = span[index].slot
            var inputs = CostInputs(
                load, Self.match(slot, blocks), stepTokens: stepTokens, lastTurn: span[index].lastTurn, latency: span[index].latency,
                turnover: slot == nil ? 0 : span[index].turnover)
            inputs.partner = partner
            let cost = rule.formula.cost(of: inputs), indexedBlocks = span[index].indexedBlocks
            if demands.part == .decodesForAny { partners.note(span[index].kv, cost: cost.total, isBusy: isBusy) }
            // Most are too dear whatever they draw.
            if shortlist.rejects(rule.standing(inputs, cost, indexedBlocks: indexedBlocks, ticket: 0)) { continue }
            let ticket = drawsTickets ? rule.draw.ticket(span[index].placement, for: rule.leg) : UInt64(index)
            shortlist.offer(rule.standing(inputs, cost, indexedBlocks: indexedBlocks, ticket: ticket), index)
        }
        counts.eligible = eligible
        counts.busy = busy
        counts.leftOut = UInt32(clamping: shortlist.leftOut)
        // Where all are busy, the request waits at the router: nobody is the best of them before one has room.
        guard eligible > busy else { return busy > 0 ? .busy : .nobody }
        choose(span, blocks, demands.part == .prefills ? partners : nil, isRecording)
        return .found
    }

    /// What the formula needs to know of all before it can judge one.
    private static func prepare(
        _ formula: inout CostFormula, _ demands: LegDemands, _ query: borrowing RouteQuery, _ span: Span<Candidate>, _ range: Range<Int>,
        _ partners: borrowing Partners, _ thresholds: BusyThresholds
    ) {
        let settings = formula.settings, usesLatency = settings.policy == .latency
        let weighsEvictions = settings.weighsEvictions, decaysCredit = settings.decaysCredit
        let comparesEligible = weighsEvictions || decaysCredit
        guard usesLatency || comparesEligible else { return }
        var leastTurnover = Float.infinity, leastPrefill = UInt64.max
        var measured = LatencyField()
        for index in range {
            let suits = demands.suits(span[index].role, span[index].capabilities)
            // Of all, not only of the eligible: where nobody of those was measured, the others say more than a guess. And of all roles, so that a
            // prefill beside those who decode is judged by the same measure as one elsewhere.
            if usesLatency, let known = span[index].latency { measured.add(known) }
            guard comparesEligible, suits, demands.admit(span, index, query) else { continue }
            if demands.part == .prefills, !partners.knows(span[index].kv) { continue }
            if span[index].slot != nil { leastTurnover = min(leastTurnover, span[index].turnover) }
            guard decaysCredit else { continue }
            let load = span[index].load
            if !load.isBusy(stepTokens: span[index].maxBatchedTokens, thresholds) { leastPrefill = min(leastPrefill, load.prefillTokens) }
        }
        if !measured.isEmpty {
            formula.assumedLatency = measured.fastest.filled(from: .prior)
            formula.usualLatency = measured.mean.filled(from: .prior)
        }
        if weighsEvictions, leastTurnover.isFinite { formula.leastTurnover = leastTurnover }
        if decaysCredit { formula.leastPrefillTokens = leastPrefill }
    }

    private mutating func choose(_ span: Span<Candidate>, _ blocks: borrowing BlockMatches, _ partners: Partners?, _ isRecording: Bool) {
        if rule.needsOrder { shortlist.sort() }
        let entries = shortlist.entries
        let place = rule.choose(
            among: entries.count, standing: { entries[$0].standing },
            pressure: { place in span[Int(entries[place].index)].pressure })
        chosenIndex = Int(entries[place].index)
        if isRecording {
            for entry in entries { appraisals.append(appraise(span, entry, blocks, partners)) }
            chosen = place
        } else {
            appraisals.append(appraise(span, entries[place], blocks, partners))
            chosen = 0
        }
    }

    private func appraise(
        _ span: Span<Candidate>, _ entry: Shortlist.Entry, _ blocks: borrowing BlockMatches, _ partners: Partners?
    ) -> Appraisal {
        let index = Int(entry.index)
        var inputs = CostInputs(span[index], Self.match(span[index].slot, blocks))
        if let partners, case .cost(let cost) = partners[span[index].kv] { inputs.partner = cost }
        return Appraisal(
            placement: span[index].placement, inputs: inputs, indexedBlocks: span[index].indexedBlocks, ticket: entry.standing.ticket)
    }

    @inline(__always)
    private static func match(_ slot: PlacementSlot?, _ blocks: borrowing BlockMatches) -> BlockMatch {
        slot.map { blocks[$0] } ?? BlockMatch()
    }

    /// Of the chosen one.
    package var cost: PlacementCost? { chosen.map { rule.formula.cost(of: appraisals[$0].inputs) } }

    mutating func clear() {
        chosen = nil
        counts = LegCounts()
        appraisals.removeAll(keepingCapacity: true)
    }
}

/// Which legs a decision has.
package enum DecisionShape: UInt8, CaseIterable, Sendable {
    case whole
    case prefill
    case decode
    /// Prefill and decode.
    case split
}

/// What decisions are made in: kept from one to the next, so that they take no memory. After a decision it holds what that one rests on.
package struct SelectionScratch: Sendable {
    /// Off: only the chosen candidates are kept.
    package var isRecording = true
    package internal(set) var whole = LegSurvey(.aggregated)
    package internal(set) var prefill = LegSurvey(.prefill)
    package internal(set) var decode = LegSurvey(.decode)
    var partners = Partners()
    /// Of the prompt to the decode worker, in the policy's unit; 0 if no split was weighed.
    package internal(set) var transfer = 0.0
    package internal(set) var draw = DecisionDraw(0)
    package internal(set) var shape = DecisionShape.whole

    package init() {}

    mutating func begin(_ draw: DecisionDraw) {
        self.draw = draw
        transfer = 0
        shape = .whole
        whole.clear()
        prefill.clear()
        decode.clear()
    }
}
