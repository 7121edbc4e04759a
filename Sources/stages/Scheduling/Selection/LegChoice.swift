/// By what a leg's place was found.
package enum ChoiceMeans: UInt8, CaseIterable, Sendable {
    case policy
    /// The request's pin.
    case pin
    /// The request's session.
    case session
    /// Where it was before.
    case preference
}

/// The rule of a choice among candidates that stand in line. Pure, so that a record can be decided again.
package struct LegRule: Hashable, Sendable {
    package let leg: PlacementRole
    package let means: ChoiceMeans
    package let formula: CostFormula
    package let draw: DecisionDraw

    package init(leg: PlacementRole, means: ChoiceMeans, formula: CostFormula, draw: DecisionDraw) {
        self.leg = leg
        self.means = means
        self.formula = formula
        self.draw = draw
    }

    /// Placements that a request is bound to are told apart by load alone, and then have an order of their own.
    @inline(__always)
    package func standing(_ inputs: CostInputs, _ cost: PlacementCost, indexedBlocks: UInt64, ticket: UInt64) -> Standing {
        guard means == .policy else { return Standing(total: inputs.pressure, indexedBlocks: 0, ticket: ticket) }
        let policy = formula.settings.policy
        return Standing(
            policy, total: policy.joined(cost.total, partner: inputs.partner), indexedBlocks: indexedBlocks, ticket: ticket)
    }

    /// Whether tickets are drawn or counted.
    @inline(__always)
    var drawsTickets: Bool { means == .policy && formula.settings.policy != .roundRobin }

    /// Whether more than the best counts, so that the line must be in order.
    package var needsOrder: Bool { means == .policy && (formula.settings.policy == .powerOfTwo || samples) }

    private var samples: Bool { formula.settings.temperature > 0 && formula.settings.policy.weighsCosts }

    /// The place in the line; it is not empty. In order, if the rule needs it.
    package func choose(among count: Int, standing: (Int) -> Standing, pressure: (Int) -> Double) -> Int {
        guard means == .policy else { return best(of: count, standing) }
        if formula.settings.policy == .powerOfTwo { return count > 1 && pressure(1) < pressure(0) ? 1 : 0 }
        return samples ? sample(count, standing) : best(of: count, standing)
    }

    private func best(of count: Int, _ standing: (Int) -> Standing) -> Int {
        var best = 0, lowest = standing(0)
        for place in 1..<max(count, 1) {
            let other = standing(place)
            if other < lowest {
                best = place
                lowest = other
            }
        }
        return best
    }

    /// Each with a weight of e to the power of −(what it costs more than the cheapest) / (temperature x one request's worth).
    private func sample(_ count: Int, _ standing: (Int) -> Standing) -> Int {
        let cheapest = standing(0).total, scale = formula.settings.temperature * formula.unit
        func weight(_ place: Int) -> Double { Exponential.of((cheapest - standing(place).total) / scale) }
        var sum = 0.0
        for place in 0..<count { sum += weight(place) }
        let mark = draw.fraction(for: leg) * sum
        var reached = 0.0
        for place in 0..<count {
            reached += weight(place)
            if reached > mark { return place }
        }
        return count - 1
    }
}

/// e to a power that is not above 0. By arithmetic alone, so that each machine computes the same bits and a record replays anywhere.
package enum Exponential {
    package static func of(_ power: Double) -> Double {
        guard power > -708 else { return 0 }
        let halvings = (power * 1.442695040888963387).rounded()
        // Within half a halving: fourteen terms of the series are exact to the last bits there.
        let rest = power - halvings * 0.693147180559945286
        var sum = 1.0
        for term in stride(from: 14.0, through: 1, by: -1) { sum = 1 + rest * sum / term }
        return Double(sign: .plus, exponent: Int(halvings), significand: sum)
    }
}
