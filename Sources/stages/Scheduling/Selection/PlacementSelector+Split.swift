extension PlacementSelector {
    /// Prefill and decode on two workers, or all of it on one that decodes: whichever costs less, chosen in one step.
    ///
    /// The whole request on a decode worker is a candidate as any other: it saves the transfer and may find its prompt cached there, and it costs
    /// those who decode there the time of its prefill. Nil: the request is not split.
    func split(
        _ query: borrowing RouteQuery, _ turn: Turn, _ candidates: [Candidate], _ blocks: borrowing BlockMatches,
        _ scratch: inout SelectionScratch
    ) throws(PlacementFailure) -> RouteDecision? {
        // A pin of the whole keeps it whole; a pin of the prefill splits it.
        guard !query.pins.contains(where: { $0.role == .aggregated }) else { return nil }
        let isForced = query.pins.contains { $0.role == .prefill }
        // Sent only where it is told, a request whose prefill is told no place of its own stays whole.
        guard isForced || turn.settings.policy != .direct else { return nil }
        // Where nobody prefills for others, as in most fleets, there is nothing to weigh.
        guard isForced || candidates.hasPrefillWorker else { return nil }
        // Who decodes is looked at first: a prefill worker is judged with whoever can follow it.
        let decode = try place(.decode, .decodesForAny, query, turn, candidates, blocks, &scratch.partners, &scratch.decode)
        let prefill = try place(.prefill, .prefills, query, turn, candidates, blocks, &scratch.partners, &scratch.prefill)
        if case .nobody = prefill {
            guard isForced else { return nil }
            throw .noWorker
        }
        if case .found = prefill, case .found = decode {
            let giver = candidates[scratch.prefill.chosenIndex].kv
            // Mostly the best of all reads what the best prefill worker writes. Where it does not, somebody does: that was part of the choice.
            if !giver.reaches(candidates[scratch.decode.chosenIndex].kv) {
                _ = try place(.decode, .decodes(giver), query, turn, candidates, blocks, &scratch.partners, &scratch.decode)
            }
        }
        let whole: LegSurvey.Outcome =
            isForced ? .nobody : try place(.aggregated, .alone, query, turn, candidates, blocks, &scratch.partners, &scratch.whole)
        switch (prefill, decode, whole) {
        case (.found, .found, _):
            return scratch.weighSplit() ? scratch.pair(candidates) : RouteDecision(first: scratch.leg(.aggregated, candidates))
        case (_, _, .found): return RouteDecision(first: scratch.leg(.aggregated, candidates))
        case (.busy, _, _), (_, .busy, _), (_, _, .busy): throw .busy
        default: throw .noWorker
        }
    }
}

extension [Candidate] {
    /// Field by field: a candidate taken as a whole is copied.
    fileprivate var hasPrefillWorker: Bool {
        let candidates = span
        for index in candidates.indices where candidates[index].role == .prefill && candidates[index].isReady { return true }
        return false
    }
}

/// The rule by which a request is split, where both ways are open. Pure, as `LegRule` is.
package enum SplitRule {
    /// Of the prefill leg's worker, the transfer, and the decode leg's.
    package static func total(prefill: PlacementCost, transfer: Double, decode: PlacementCost, _ policy: SelectionPolicy) -> Double {
        policy == .lmetric ? (prefill.prefill + transfer) * (decode.decode + 1) : prefill.prefill + transfer + decode.total
    }

    /// Policies without amounts have nothing to compare: where there are prefill workers, they are used.
    package static func isSplit(
        prefill: PlacementCost, transfer: Double, decode: PlacementCost, whole: PlacementCost?, _ policy: SelectionPolicy
    ) -> Bool {
        guard let whole, policy.weighsCosts else { return true }
        return total(prefill: prefill, transfer: transfer, decode: decode, policy) < whole.total
    }
}

extension SelectionScratch {
    fileprivate mutating func weighSplit() -> Bool {
        guard let first = prefill.cost, let second = decode.cost, let chosen = prefill.chosen else { return false }
        let formula = prefill.rule.formula
        transfer = formula.transfer(from: prefill.appraisals[chosen].inputs)
        guard SplitRule.isSplit(prefill: first, transfer: transfer, decode: second, whole: whole.cost, formula.settings.policy) else {
            return false
        }
        shape = .split
        return true
    }

    fileprivate func pair(_ candidates: [Candidate]) -> RouteDecision {
        let giver = candidates[prefill.chosenIndex].kv, taker = candidates[decode.chosenIndex].kv
        return RouteDecision(first: leg(.prefill, candidates), second: leg(.decode, candidates), by: giver.path(to: taker))
    }
}
