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
///
/// All candidates are gone through twice. Who may serve the leg is settled first, since what one of them costs depends on the others: on the least
/// loaded, the least written. Then each of those is ranked. In a fleet of hundreds both passes are most of a decision, so they read a candidate
/// field by field, and what a decision does not change is worked out before them.
package struct LegSurvey: Sendable {
    /// A candidate that could be chosen.
    private struct Entrant: Sendable {
        /// Among the candidates.
        var index: Int32 = 0
        var isBusy = false
        /// Of a prefill leg: what the cheapest costs that could decode what is prefilled there.
        var partner = 0.0
        /// By which it stands among the others.
        var total = 0.0
    }

    package private(set) var rule: LegRule
    package private(set) var counts = LegCounts()
    /// The cheapest, as the rule ranks them.
    package private(set) var appraisals: [Appraisal] = []
    /// Among the appraisals; nil: nobody.
    package private(set) var chosen: Int?
    /// Of the chosen one, among the candidates.
    package private(set) var chosenIndex = 0
    private var shortlist = Shortlist()
    /// Room for as many as ever were candidates; the first ones are of this decision.
    private var entrants: [Entrant] = []
    private var entrantCount = 0

    init(_ leg: PlacementRole) {
        let formula = CostFormula(settings: SelectionSettings(), tokens: 0, blockSize: 1, outputTokens: 0)
        rule = LegRule(leg: leg, means: .policy, formula: formula, draw: DecisionDraw(0))
        appraisals.reserveCapacity(SelectionLimits.shortlist)
    }

    enum Outcome { case found, busy, nobody }

    /// Looks at each of the candidates, and chooses.
    mutating func take(
        _ newRule: LegRule, _ demands: LegDemands, _ query: borrowing RouteQuery, _ candidates: [Candidate], _ range: Range<Int>,
        _ blocks: borrowing BlockMatches, _ partners: inout Partners, _ thresholds: BusyThresholds, isRecording: Bool
    ) -> Outcome {
        clear()
        shortlist.removeAll()
        counts.considered = UInt32(clamping: range.count)
        let span = candidates.span
        var formula = newRule.formula
        if formula.settings.policy == .latency { Self.measure(span, range, &formula) }
        if demands.part == .decodesForAny { partners.begin() }
        let takesWhoIsBehind = newRule.means == .policy && formula.settings.weighsWaiting
        admit(span, range, demands, query, &partners, thresholds, takesWhoIsBehind: takesWhoIsBehind, &formula)
        rule = LegRule(leg: newRule.leg, means: newRule.means, formula: formula, draw: newRule.draw)
        if let totals = BlockTotals(rule) {
            rank(by: totals, span, blocks, demands.part, &partners)
        } else {
            rank(by: rule, span, blocks, demands.part, &partners)
        }
        // Where all are busy, the request waits at the router: nobody is the best of them before one has room.
        guard counts.eligible > counts.busy else { return counts.busy > 0 ? .busy : .nobody }
        choose(span, blocks, demands.part == .prefills ? partners : nil, isRecording)
        return .found
    }

    mutating func clear() {
        chosen = nil
        counts = LegCounts()
        appraisals.removeAll(keepingCapacity: true)
    }

    /// Of the chosen one.
    package var cost: PlacementCost? { chosen.map { rule.formula.cost(of: appraisals[$0].inputs) } }

    // MARK: Who may serve it

    /// What was measured of all, not only of those who may serve the leg: where nobody of those was measured, the others say more than a guess. And of
    /// all roles, so that a prefill beside those who decode is judged by the same measure as one elsewhere.
    private static func measure(_ span: Span<Candidate>, _ range: Range<Int>, _ formula: inout CostFormula) {
        var measured = LatencyField()
        for index in range { if let known = span[index].latency { measured.add(known) } }
        guard !measured.isEmpty else { return }
        formula.assumedLatency = measured.fastest.filled(from: .prior)
        formula.usualLatency = measured.mean.filled(from: .prior)
    }

    /// Notes who could be chosen, and gives the formula what it needs to know of all who may serve the leg before it can judge one.
    private mutating func admit(
        _ span: Span<Candidate>, _ range: Range<Int>, _ demands: LegDemands, _ query: borrowing RouteQuery, _ partners: inout Partners,
        _ thresholds: BusyThresholds, takesWhoIsBehind: Bool, _ formula: inout CostFormula
    ) {
        if entrants.count < range.count {
            entrants.append(contentsOf: repeatElement(Entrant(), count: range.count - entrants.count))
        }
        let decaysCredit = formula.settings.decaysCredit
        var leastTurnover = Float.infinity, leastPrefill = UInt64.max
        var eligible: UInt32 = 0, busy: UInt32 = 0, count = 0
        var room = entrants.mutableSpan
        for index in range where demands.admit(span, index, query) {
            var entrant = Entrant(index: Int32(truncatingIfNeeded: index)), waitsForPartner = false
            if demands.part == .prefills {
                switch partners[span[index].kv] {
                case .nobody: continue
                case .busy: waitsForPartner = true
                case .cost(let cost): entrant.partner = cost
                }
            }
            eligible &+= 1
            if span[index].slot != nil { leastTurnover = min(leastTurnover, span[index].turnover) }
            let load = span[index].load, isLoaded = load.isBusy(stepTokens: span[index].maxBatchedTokens, thresholds)
            if decaysCredit, !isLoaded { leastPrefill = min(leastPrefill, load.prefillTokens) }
            if isLoaded || waitsForPartner {
                entrant.isBusy = true
                busy &+= 1
                if waitsForPartner || !takesWhoIsBehind || load.isFull(thresholds) {
                    if demands.part == .decodesForAny { partners.note(span[index].kv, cost: nil, isBusy: true) }
                    continue
                }
            }
            room[count] = entrant
            count &+= 1
        }
        entrantCount = count
        counts.eligible = eligible
        counts.busy = busy
        if formula.settings.weighsEvictions, leastTurnover.isFinite { formula.leastTurnover = leastTurnover }
        if decaysCredit { formula.leastPrefillTokens = leastPrefill }
    }

    // MARK: Who is the best of them

    private mutating func rank(
        by ranking: some CandidateRanking, _ span: Span<Candidate>, _ blocks: borrowing BlockMatches, _ part: LegDemands.Part,
        _ partners: inout Partners
    ) {
        let count = entrantCount, leg = rule.leg, draw = rule.draw, drawsTickets = rule.drawsTickets
        var ranked = entrants.mutableSpan
        for place in 0..<count {
            let index = Int(ranked[place].index)
            let cost = ranking.rank(span, index, Self.match(span[index].slot, blocks), partner: ranked[place].partner)
            if part == .decodesForAny { partners.note(span[index].kv, cost: cost.own, isBusy: ranked[place].isBusy) }
            ranked[place].total = cost.total
        }
        let entrants = entrants, limit = shortlist.limit(of: count) { entrants[$0].total }
        for place in 0..<count where !(entrants[place].total > limit) {
            let index = Int(entrants[place].index)
            let ticket = drawsTickets ? draw.ticket(span[index].placement, for: leg) : UInt64(index)
            let indexedBlocks = ranking.standsByRoom ? span[index].indexedBlocks : 0
            shortlist.offer(Standing(total: entrants[place].total, indexedBlocks: indexedBlocks, ticket: ticket), index)
        }
        shortlist.cut()
        counts.leftOut = UInt32(clamping: count - shortlist.entries.count)
    }

    private mutating func choose(_ span: Span<Candidate>, _ blocks: borrowing BlockMatches, _ partners: Partners?, _ isRecording: Bool) {
        if rule.needsOrder { shortlist.sort() }
        let entries = shortlist.entries
        let place = rule.choose(
            among: entries.count, standing: { entries[$0].standing },
            pressure: { place in span[Int(entries[place].index)].pressure })
        chosenIndex = Int(entries[place].index)
        if isRecording {
            for entry in entries { appraisals.append(Self.appraise(span, entry, blocks, partners)) }
            chosen = place
        } else {
            appraisals.append(Self.appraise(span, entries[place], blocks, partners))
            chosen = 0
        }
    }

    private static func appraise(
        _ span: Span<Candidate>, _ entry: Shortlist.Entry, _ blocks: borrowing BlockMatches, _ partners: Partners?
    ) -> Appraisal {
        let index = Int(entry.index)
        var inputs = CostInputs(span[index], match(span[index].slot, blocks))
        if let partners, case .cost(let cost) = partners[span[index].kv] { inputs.partner = cost }
        return Appraisal(
            placement: span[index].placement, inputs: inputs, indexedBlocks: span[index].indexedBlocks, ticket: entry.standing.ticket)
    }

    @inline(__always)
    private static func match(_ slot: PlacementSlot?, _ blocks: borrowing BlockMatches) -> BlockMatch {
        slot.map { blocks[$0] } ?? BlockMatch()
    }
}
