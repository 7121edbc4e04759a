/// Says of a candidate what it costs by itself, and the total by which it stands among the others.
protocol CandidateRanking {
    func rank(_ span: Span<Candidate>, _ index: Int, _ match: BlockMatch, partner: Double) -> (own: Double, total: Double)

    /// Whether of equals the one with room in its cache is the better one.
    var standsByRoom: Bool { get }
}

/// By the formula itself, whatever it counts.
extension LegRule: CandidateRanking {
    func rank(_ span: Span<Candidate>, _ index: Int, _ match: BlockMatch, partner: Double) -> (own: Double, total: Double) {
        var inputs = CostInputs(span[index], match)
        inputs.partner = partner
        let cost = formula.cost(of: inputs)
        return (cost.total, standing(inputs, cost, indexedBlocks: 0, ticket: 0).total)
    }

    var standsByRoom: Bool { standing(CostInputs(), PlacementCost(), indexedBlocks: 1, ticket: 0).indexedBlocks > 0 }
}

/// The total of a cost where a policy counts in blocks: `CostFormula.cost` without its single terms, for going through a whole fleet.
///
/// What a decision does not change is worked out once. Each operation is the formula's, in its order, so that both come to the same number to the
/// last bit: a record is decided again by the formula.
struct BlockTotals: CandidateRanking {
    private let tracksPrefill: Bool
    private let tracksHeld: Bool
    private let multiplies: Bool
    /// Of the prompt, where it counts as prefill to do.
    private let tokens: UInt64
    private let promptTokens: Double
    private let blockSize: Double
    private let blocks: Double
    private let wholeBlocks: UInt64
    /// Of the prompt's blocks, those that others may hold for it.
    private let mostShared: UInt64
    private let interferenceWeight: Double
    private let evictionWeight: Double
    private let leastTurnover: Float
    private let decay: Double
    private let leastPrefillTokens: UInt64
    private let deviceWeight: Double
    private let hostWeight: Double
    private let diskWeight: Double
    private let externalWeight: Double
    private let prefillWeight: Double
    private let heldWeight: Double
    private let requestWeight: Double

    /// Nil where what counts is not blocks: placements that the request is bound to, and the other policies.
    init?(_ rule: LegRule) {
        let formula = rule.formula, settings = formula.settings
        guard rule.means == .policy, settings.policy == .kv || settings.policy == .lmetric else { return nil }
        tracksPrefill = settings.trackPrefill
        tracksHeld = settings.trackActiveBlocks
        multiplies = settings.policy == .lmetric
        tokens = settings.trackPrefill ? UInt64(formula.tokens) : 0
        promptTokens = Double(max(formula.tokens, 1))
        blockSize = Double(formula.blockSize)
        blocks = formula.blocks
        wholeBlocks = UInt64(formula.blocks)
        mostShared = settings.assumeReuse ? wholeBlocks : 0
        // Where nothing is held up, none of it counts: a product with 0 is 0.
        interferenceWeight = formula.disturbsDecoding ? settings.interferenceWeight : 0
        evictionWeight = settings.evictionWeight
        leastTurnover = formula.leastTurnover
        decay = settings.overlapCreditDecay
        leastPrefillTokens = formula.leastPrefillTokens
        deviceWeight = settings.overlapCredit
        hostWeight = settings.hostWeight
        diskWeight = settings.diskWeight
        externalWeight = settings.externalWeight
        prefillWeight = settings.prefillLoadScale
        heldWeight = settings.heldBlockWeight
        requestWeight = settings.activeRequestWeight
    }

    var standsByRoom: Bool { true }

    @inline(__always)
    func rank(_ span: Span<Candidate>, _ index: Int, _ match: BlockMatch, partner: Double) -> (own: Double, total: Double) {
        let load = span[index].load
        let own = total(
            prefillTokens: load.prefillTokens, heldBlocks: load.heldBlocks, heldRequests: load.heldRequests,
            turnover: span[index].slot == nil ? 0 : span[index].turnover, match)
        // With what the leg that follows would cost.
        return (own, multiplies ? own * (partner + 1) : own + partner)
    }

    /// What the request would cost a placement that is so loaded, and has this of its prompt.
    @inline(__always)
    func total(prefillTokens: UInt64, heldBlocks: UInt64, heldRequests: UInt64, turnover: Float, _ match: BlockMatch) -> Double {
        let requests = Double(heldRequests)
        var credit = 0.0, interference = 0.0, eviction = 0.0
        if tracksPrefill {
            credit = self.credit(prefillTokens, match)
            let computed = Self.notBelowZero(blocks - credit)
            interference = interferenceWeight * computed * requests
            let gap = turnover - leastTurnover
            eviction = evictionWeight * computed * (gap < 1 ? Self.notBelowZero(Double(gap)) : 1)
        }
        let waiting = Self.notBelowZero(Double(prefillTokens &+ tokens) / blockSize - credit)
        let prefill = prefillWeight * (waiting + interference + eviction)
        let heldBlocks = tracksHeld ? heldBlocks &+ wholeBlocks &- min(UInt64(match.active), mostShared) : 0
        let held = Double(heldBlocks) + requestWeight * requests
        guard multiplies else { return prefill + heldWeight * held }
        return prefillWeight > 0 ? prefill * (held + 1) : held
    }

    @inline(__always)
    private func credit(_ prefillTokens: UInt64, _ match: BlockMatch) -> Double {
        let lower = match.host | match.disk | match.external
        guard match.device | lower != 0 else { return 0 }
        var device = deviceWeight * Double(match.device)
        if decay > 0, prefillTokens > leastPrefillTokens {
            device /= 1 + decay * (Double(prefillTokens - leastPrefillTokens) / promptTokens)
        }
        // Nothing times a weight adds nothing.
        guard lower != 0 else { return device }
        return device + hostWeight * Double(match.host) + diskWeight * Double(match.disk) + externalWeight * Double(match.external)
    }

    /// One instruction, where `max` takes five.
    @inline(__always)
    private static func notBelowZero(_ number: Double) -> Double { number < 0 ? 0 : number }
}
