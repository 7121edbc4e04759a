package import ClusterModel

/// The last decisions, in memory that is taken once: appending allocates nothing, and the oldest give way.
///
/// Three wheels turn beside each other, of decisions, their legs and the legs' candidates; a decision can be read as long as none of its parts
/// has been overwritten.
package struct DecisionRing: Sendable {
    private struct Decision: Sendable {
        let facts: DecisionFacts
        let draw: DecisionDraw
        let shape: DecisionShape
        let firstLeg: UInt64
        let legs: UInt8
    }

    private struct Leg: Sendable {
        let rule: LegRule
        let counts: LegCounts
        let chosen: UInt16
        let firstCandidate: UInt64
        let candidates: UInt16
    }

    private var decisions: Wheel<Decision>
    private var legs: Wheel<Leg>
    private var candidates: Wheel<Appraisal>

    /// `bytes` holds about one decision a kilobyte in a small pool, and about one in eight kilobytes where a pool has 64 placements or more.
    package init(bytes: Int) {
        // As decisions with eight candidates in one leg use them.
        let decision = MemoryLayout<Decision>.stride, leg = MemoryLayout<Leg>.stride, candidate = MemoryLayout<Appraisal>.stride
        let kept = max(bytes, 0) / (decision + leg + 8 * candidate)
        decisions = Wheel(capacity: kept)
        legs = Wheel(capacity: max(kept, kept > 0 ? 3 : 0))
        candidates = Wheel(capacity: kept > 0 ? max(8 * kept, 3 * SelectionLimits.shortlist) : 0)
    }

    /// Memory that it may come to use.
    package var capacityBytes: Int { decisions.capacityBytes + legs.capacityBytes + candidates.capacityBytes }

    /// The decision that was just made in this scratch.
    package mutating func append(_ scratch: borrowing SelectionScratch, _ facts: DecisionFacts) {
        guard decisions.capacity > 0 else { return }
        let firstLeg = legs.next
        append(scratch.whole)
        append(scratch.prefill)
        append(scratch.decode)
        let count = UInt8(truncatingIfNeeded: legs.next - firstLeg)
        decisions.append(Decision(facts: facts, draw: scratch.draw, shape: scratch.shape, firstLeg: firstLeg, legs: count))
    }

    /// Where it was weighed at all.
    private mutating func append(_ survey: borrowing LegSurvey) {
        guard let chosen = survey.chosen else { return }
        let first = candidates.next
        for appraisal in survey.appraisals { candidates.append(appraisal) }
        legs.append(
            Leg(
                rule: survey.rule, counts: survey.counts, chosen: UInt16(truncatingIfNeeded: chosen), firstCandidate: first,
                candidates: UInt16(truncatingIfNeeded: survey.appraisals.count)))
    }

    /// The last decision on this attempt of a request, or on any if none is named. The newest are found soonest.
    package func record(of request: RequestID, attempt: UInt8? = nil) -> DecisionRecord? {
        last { $0.request == request && (attempt == nil || attempt == $0.attempt) }
    }

    /// Where a record is of the decode leg of a request that was handed over in sequence: the decision on the prefill leg, made for the same attempt.
    package func record(before later: DecisionRecord) -> DecisionRecord? {
        guard later.shape == .decode else { return nil }
        let known = later.facts
        return last { $0.request == known.request && $0.attempt == known.attempt && $0.handOver == .sequential }
    }

    private func last(where isMeant: (DecisionFacts) -> Bool) -> DecisionRecord? {
        var position = decisions.next
        while position > decisions.oldest {
            position -= 1
            if isMeant(decisions[position].facts) { return record(decisions[position]) }
        }
        return nil
    }

    /// How many can be read.
    package var count: Int {
        var count = 0, position = decisions.next
        while position > decisions.oldest, isWhole(decisions[position - 1]) {
            position -= 1
            count += 1
        }
        return count
    }

    private func isWhole(_ decision: Decision) -> Bool {
        decision.firstLeg >= legs.oldest && (decision.legs == 0 || legs[decision.firstLeg].firstCandidate >= candidates.oldest)
    }

    private func record(_ decision: Decision) -> DecisionRecord? {
        guard isWhole(decision) else { return nil }
        let read = (0..<UInt64(decision.legs)).map { offset in
            let leg = legs[decision.firstLeg + offset]
            return DecisionRecord.Leg(
                rule: leg.rule, counts: leg.counts,
                candidates: (0..<UInt64(leg.candidates)).map { candidates[leg.firstCandidate + $0] }, chosen: Int(leg.chosen))
        }
        return DecisionRecord(facts: decision.facts, draw: decision.draw, shape: decision.shape, legs: read)
    }
}

/// An endless line of which the last ones are kept, each under its number.
private struct Wheel<Element: Sendable>: Sendable {
    let capacity: Int
    private var elements: [Element] = []
    /// The number of the next one.
    private(set) var next: UInt64 = 0

    init(capacity: Int) {
        self.capacity = capacity
        // Taken at once and touched as it fills: growing would copy, and reach past the bound.
        elements.reserveCapacity(capacity)
    }

    var capacityBytes: Int { capacity * MemoryLayout<Element>.stride }
    var oldest: UInt64 { next - UInt64(elements.count) }

    subscript(position: UInt64) -> Element { elements[Int(position % UInt64(capacity))] }

    mutating func append(_ element: Element) {
        if elements.count < capacity { elements.append(element) } else { elements[Int(next % UInt64(capacity))] = element }
        next += 1
    }
}
