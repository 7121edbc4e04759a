package import ClusterModel

/// The place of a leg, and what spoke for it.
package struct PlacementChoice: Hashable, Sendable {
    /// Among the candidates.
    package let index: Int
    package let placement: Placement
    package let generation: Generation
    package let cost: PlacementCost

    package init(index: Int, of candidate: borrowing Candidate, cost: PlacementCost = PlacementCost()) {
        self.index = index
        placement = candidate.placement
        generation = candidate.generation
        self.cost = cost
    }
}

/// What a placement costs a request, term by term; the smallest total is chosen. Terms that a policy does not use are 0.
package struct PlacementCost: Hashable, Sendable {
    /// Blocks of the prompt believed to be there, by tier.
    package var deviceBlocks: UInt32 = 0
    package var hostBlocks: UInt32 = 0
    package var diskBlocks: UInt32 = 0
    package var externalBlocks: UInt32 = 0
    /// Prefill that would have to be done there first, this request's with it and nothing taken off for what is cached.
    package var prefillTokens: UInt64 = 0
    /// Blocks that requests would hold there, this request's with them.
    package var activeBlocks: UInt64 = 0
    /// What is cached and what it is worth, in blocks.
    package var credit = 0.0
    /// What this request's prefill would cost those who decode there, in blocks of prefill.
    package var interference = 0.0
    /// What the blocks that it makes would push out of a cache that is written anew more often than others, in blocks of prefill.
    package var eviction = 0.0
    /// The weighed terms, in the policy's unit.
    package var prefill = 0.0
    package var decode = 0.0
    package var total = 0.0

    package init() {}
}

/// What a cost is computed from, on the candidate's side.
package struct CostInputs: Hashable, Sendable {
    package var prefillTokens: UInt64 = 0
    package var heldBlocks: UInt64 = 0
    package var heldRequests: UInt64 = 0
    /// Of one engine step; 0: unknown.
    package var stepTokens: UInt32 = 0
    package var lastTurn: UInt64 = 0
    package var latency: LatencyEstimate?
    /// How often its whole cache was written anew; 0 where what is cached is not known.
    package var turnover: Float = 0
    package var match = BlockMatch()
    /// Of a prefill leg: what the cheapest costs that could decode what is prefilled there.
    package var partner = 0.0

    package init() {}

    @inline(__always)
    init(_ candidate: borrowing Candidate, _ match: BlockMatch) {
        self.init(
            candidate.load, match, stepTokens: candidate.maxBatchedTokens, lastTurn: candidate.lastTurn, latency: candidate.latency,
            turnover: candidate.slot == nil ? 0 : candidate.turnover)
    }

    @inline(__always)
    init(
        _ load: CandidateLoad, _ match: BlockMatch, stepTokens: UInt32, lastTurn: UInt64, latency: LatencyEstimate?, turnover: Float
    ) {
        prefillTokens = load.prefillTokens
        heldBlocks = load.heldBlocks
        heldRequests = load.heldRequests
        self.stepTokens = stepTokens
        self.lastTurn = lastTurn
        self.latency = latency
        self.turnover = turnover
        self.match = match
    }

    /// Requests there, each full engine step of waiting prefill counted as one more: what "least loaded" goes by.
    @inline(__always)
    package var pressure: Double {
        let step = stepTokens > 0 ? stepTokens : SelectionLimits.assumedStepTokens
        return Double(heldRequests) + Double(prefillTokens) / Double(step)
    }
}

/// The formula of one leg of one request: everything a cost depends on beside the candidate.
package struct CostFormula: Hashable, Sendable {
    package let settings: SelectionSettings
    package let tokens: UInt32
    package let blockSize: UInt32
    /// Of a prompt, the last one perhaps not full.
    package let blocks: Double
    /// That the answer will have.
    package let outputTokens: UInt32
    /// The leg prefills where it decodes, and so holds up those who decode there.
    package var disturbsDecoding = false
    /// Of all that are eligible, for the decay of the credit.
    package var leastPrefillTokens: UInt64 = 0
    /// Of all that are eligible and whose caches are known, where evictions are weighed.
    package var leastTurnover: Float = 0
    /// For those who were not measured, in one respect or at all: the best of what was. They are tried, and so measured; an average would leave the
    /// good ones among them idle.
    package var assumedLatency = LatencyEstimate.prior
    /// The mean of what was measured; nil: nobody was.
    package var usualLatency: LatencyEstimate?

    package init(settings: SelectionSettings, tokens: UInt32, blockSize: UInt32, outputTokens: UInt32) {
        self.settings = settings
        self.tokens = tokens
        self.blockSize = max(blockSize, 1)
        blocks = (Double(tokens) / Double(self.blockSize)).rounded(.up)
        self.outputTokens = outputTokens
    }

    @inline(__always)
    package func cost(of inputs: CostInputs) -> PlacementCost {
        let match = inputs.match
        var cost = PlacementCost()
        cost.deviceBlocks = match.device
        cost.hostBlocks = match.host
        cost.diskBlocks = match.disk
        cost.externalBlocks = match.external
        let shared = settings.assumeReuse ? min(UInt64(match.active), UInt64(blocks)) : 0
        cost.prefillTokens = inputs.prefillTokens &+ (settings.trackPrefill ? UInt64(tokens) : 0)
        cost.activeBlocks = settings.trackActiveBlocks ? inputs.heldBlocks &+ UInt64(blocks) &- shared : 0
        switch settings.policy {
        case .kv, .lmetric, .latency: weigh(inputs, &cost)
        case .leastLoaded, .powerOfTwo, .direct: cost.total = inputs.pressure
        case .roundRobin: cost.total = Double(inputs.lastTurn)
        case .random: break
        }
        return cost
    }

    @inline(__always)
    private func weigh(_ inputs: CostInputs, _ cost: inout PlacementCost) {
        if settings.trackPrefill {
            cost.credit = credit(inputs)
            let computed = max(blocks - cost.credit, 0)
            if disturbsDecoding { cost.interference = settings.interferenceWeight * computed * Double(inputs.heldRequests) }
            cost.eviction = settings.evictionWeight * computed * turnoverGap(inputs)
        }
        let waiting = max(Double(cost.prefillTokens) / Double(blockSize) - cost.credit, 0)
        let work = waiting + cost.interference + cost.eviction
        let held = Double(cost.activeBlocks) + settings.activeRequestWeight * Double(inputs.heldRequests)
        switch settings.policy {
        case .latency:
            let latency = known(inputs)
            cost.prefill = settings.prefillLoadScale * settled(latency) { milliseconds(prefill: work, $0) }
            cost.decode = settings.decodeLoadScale * settled(latency) { milliseconds(decoding: held, $0) }
            cost.total = cost.prefill + cost.decode
        case .lmetric:
            cost.prefill = settings.prefillLoadScale * work
            // A weight would be a factor of all products alike.
            cost.decode = held
            // Without a prefill term nothing is multiplied: what is held counts alone.
            cost.total = settings.prefillLoadScale > 0 ? cost.prefill * (cost.decode + 1) : cost.decode
        default:
            cost.prefill = settings.prefillLoadScale * work
            cost.decode = settings.heldBlockWeight * held
            cost.total = cost.prefill + cost.decode
        }
    }

    /// How many times more than the least written cache this one was written anew, at most once: further apart two need not be to choose between
    /// them, and one that was long without work is preferred then, and not drowned.
    @inline(__always)
    private func turnoverGap(_ inputs: CostInputs) -> Double { Double(min(max(inputs.turnover - leastTurnover, 0), 1)) }

    @inline(__always)
    private func credit(_ inputs: CostInputs) -> Double {
        let match = inputs.match
        guard match.cached > 0 else { return 0 }
        var device = settings.overlapCredit * Double(match.device)
        if settings.overlapCreditDecay > 0, inputs.prefillTokens > leastPrefillTokens {
            let excess = Double(inputs.prefillTokens - leastPrefillTokens) / Double(max(tokens, 1))
            device /= 1 + settings.overlapCreditDecay * excess
        }
        return device + settings.hostWeight * Double(match.host) + settings.diskWeight * Double(match.disk)
            + settings.externalWeight * Double(match.external)
    }

    /// What was measured of a placement, and what is assumed of the rest.
    @inline(__always)
    private func known(_ inputs: CostInputs) -> LatencyEstimate { inputs.latency?.filled(from: assumedLatency) ?? assumedLatency }

    /// What a placement needs, or what is usual where that is about the same: see `LatencyEstimate.tolerance`.
    @inline(__always)
    private func settled(_ latency: LatencyEstimate, _ milliseconds: (LatencyEstimate) -> Double) -> Double {
        let own = milliseconds(latency)
        guard let usualLatency else { return own }
        let usual = milliseconds(usualLatency), tolerance = LatencyEstimate.tolerance
        return own > usual * tolerance || own * tolerance < usual ? own : usual
    }

    private func milliseconds(prefill blocks: Double, _ latency: LatencyEstimate) -> Double {
        guard blocks > 0 else { return 0 }
        return Double(latency.prefillFixed) + Double(latency.prefillToken) * blocks * Double(blockSize)
    }

    private func milliseconds(decoding blocks: Double, _ latency: LatencyEstimate) -> Double {
        Double(outputTokens) * (Double(latency.step) + Double(latency.stepBlock) * blocks)
    }

    /// What one request of this size is worth, in the policy's unit: by this a temperature measures differences. An absolute measure: two costs that
    /// hardly differ stay alike, however small the rest of the field makes the difference look large.
    package var unit: Double {
        let blocks = max(blocks, 1)
        switch settings.policy {
        case .lmetric: return blocks * (blocks + 1)
        case .latency: return max(milliseconds(prefill: blocks, assumedLatency), .leastNormalMagnitude)
        case .kv, .leastLoaded, .powerOfTwo, .roundRobin, .random, .direct: return blocks
        }
    }

    /// Moving the prompt from its prefill worker to another one.
    package func transfer(from inputs: CostInputs) -> Double {
        let blocks = settings.transferWeight * blocks
        guard settings.policy == .latency else { return settings.prefillLoadScale * blocks }
        return settings.prefillLoadScale * Double(known(inputs).prefillToken) * blocks * Double(blockSize)
    }
}
