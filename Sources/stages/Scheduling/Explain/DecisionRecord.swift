package import ClusterModel

/// What is known of a decision beside its candidates.
package struct DecisionFacts: Hashable, Sendable {
    package var request = RequestID(origin: 0, counter: 0)
    package var attempt: UInt8 = 1
    /// Nothing was booked.
    package var isQuestion = false
    package var session = DecisionSession.none
    /// Of a split request.
    package var handOver: SplitPath?
    /// How long the request was parked.
    package var queued = Duration.zero
    /// Requests parked after it.
    package var queueDepth: UInt32 = 0
    /// From taken up to booked.
    package var took = Duration.zero

    package init() {}
}

/// What the request's session did.
package enum DecisionSession: UInt8, CaseIterable, Sendable {
    case none
    case bound
    case spilled
    case lost
}

/// Why a request went where it went: all that the choice depended on, so that it can be made again.
///
/// Of each leg the cheapest candidates are kept, as many as a choice looks at; how many were left out is said.
package struct DecisionRecord: Hashable, Sendable {
    /// One leg that was weighed, whether or not it was taken.
    package struct Leg: Hashable, Sendable {
        package var rule: LegRule
        package var counts: LegCounts
        package var candidates: [Appraisal]
        /// Among the candidates.
        package var chosen: Int

        package init(rule: LegRule, counts: LegCounts, candidates: [Appraisal], chosen: Int) {
            self.rule = rule
            self.counts = counts
            self.candidates = candidates
            self.chosen = chosen
        }

        package func cost(of place: Int) -> PlacementCost { rule.formula.cost(of: candidates[place].inputs) }
    }

    package var facts: DecisionFacts
    package var draw: DecisionDraw
    package var shape: DecisionShape
    package var legs: [Leg]

    package init(facts: DecisionFacts, draw: DecisionDraw, shape: DecisionShape, legs: [Leg]) {
        self.facts = facts
        self.draw = draw
        self.shape = shape
        self.legs = legs
    }

    package func leg(_ role: PlacementRole) -> Leg? { legs.first { $0.rule.leg == role } }

    /// The legs that were taken.
    package var taken: [Leg] {
        switch shape {
        case .whole: legs.filter { $0.rule.leg == .aggregated }
        case .prefill: legs.filter { $0.rule.leg == .prefill }
        case .decode: legs.filter { $0.rule.leg == .decode }
        case .split: legs.filter { $0.rule.leg != .aggregated }
        }
    }
}

/// The outcome of a recorded decision, made again from what is recorded.
package struct DecisionReplay: Hashable, Sendable {
    package let shape: DecisionShape
    /// The choice of each leg of the record, in its order.
    package let chosen: [Int]

    package init(of record: DecisionRecord) {
        let legs = record.legs
        chosen = legs.map(Self.choose)
        let costs = zip(legs, chosen).map { leg, place in (leg.rule.leg, leg.cost(of: place), leg.candidates[place].inputs) }
        func cost(_ role: PlacementRole) -> (PlacementCost, CostInputs)? { costs.first { $0.0 == role }.map { ($0.1, $0.2) } }
        if let prefill = cost(.prefill), let decode = cost(.decode), let formula = record.leg(.prefill)?.rule.formula {
            let isSplit = SplitRule.isSplit(
                prefill: prefill.0, transfer: formula.transfer(from: prefill.1), decode: decode.0, whole: cost(.aggregated)?.0,
                formula.settings.policy)
            shape = isSplit ? .split : .whole
        } else if cost(.aggregated) != nil {
            shape = .whole
        } else {
            shape = DecisionShape(legs.first?.rule.leg ?? .aggregated)
        }
    }

    /// The same rule on the same line, put in order anew.
    private static func choose(_ leg: DecisionRecord.Leg) -> Int {
        var line: [(standing: Standing, place: Int)] = []
        for place in leg.candidates.indices {
            let candidate = leg.candidates[place]
            let standing = leg.rule.standing(
                candidate.inputs, leg.cost(of: place), indexedBlocks: candidate.indexedBlocks, ticket: candidate.ticket)
            line.append((standing, place))
        }
        line.sort { $0.standing < $1.standing }
        let chosen = leg.rule.choose(
            among: line.count, standing: { line[$0].standing }, pressure: { leg.candidates[line[$0].place].inputs.pressure })
        return line[chosen].place
    }

    package func agrees(with record: DecisionRecord) -> Bool { shape == record.shape && chosen == record.legs.map(\.chosen) }
}
