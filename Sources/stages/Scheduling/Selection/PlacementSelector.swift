package import ClusterModel

/// Where a request runs: one leg, or prefill and decode.
package struct RouteDecision: Hashable, Sendable {
    package struct Leg: Hashable, Sendable {
        package let role: PlacementRole
        package let choice: PlacementChoice

        package init(role: PlacementRole, choice: PlacementChoice) {
            self.role = role
            self.choice = choice
        }
    }

    package let first: Leg
    /// The decode of a split request. Handed over in sequence it is where it would go now, and placed anew when its time comes.
    package let second: Leg?
    package let handOver: SplitPath?

    package init(first: Leg, second: Leg? = nil, by handOver: SplitPath? = nil) {
        self.first = first
        self.second = second
        self.handOver = handOver
    }
}

/// Why a request has no place.
package enum PlacementFailure: Error, Hashable, Sendable {
    /// Nobody is eligible now; that may change.
    case noWorker
    /// All that are eligible are busy: worth waiting for.
    case busy
    /// A pin to a worker or rank that is not there.
    case unknownWorker(WorkerID)
    /// A pin that the request's own other demands, its hard session, or the worker's role, rule out for ever.
    case pinConflict(WorkerID)
    /// The policy chooses nobody by itself, and the request names nobody.
    case pinNeeded
    /// A setting of the request that means nothing.
    case badOverride(SettingOverride)
}

/// Pins, then the session, then what is preferred, then the policy. A value without state: the service books what it decides.
///
/// A full placement gets no new plan, whoever asks: a list of allowed workers narrows who may serve a request and does not raise what they can
/// carry, and a pin waits for its rank. One that is only behind with its prefill gets none either, but from a policy whose costs say how far it is
/// behind. Where all are busy the request waits. Only a question, which books nothing, is answered with a busy one.
package struct PlacementSelector: Sendable {
    /// May be changed between decisions.
    package var settings: SelectionSettings

    package init(_ settings: SelectionSettings = SelectionSettings()) { self.settings = settings }

    /// Whether a decision on this query can depend on what the index finds.
    package func wantsBlocks(_ query: borrowing RouteQuery) -> Bool {
        guard !query.hashes.isEmpty, let settings = try? settings.overridden(by: query) else { return false }
        return query.wish == .decode ? settings.decoding(query).readsCache : settings.readsCache
    }

    /// `candidates` are those of the request's pool, sorted by placement. One number is drawn from `random`.
    package func decide(
        _ query: borrowing RouteQuery, among candidates: [Candidate], blocks: borrowing BlockMatches, scratch: inout SelectionScratch,
        random: inout SeededRandom
    ) throws(PlacementFailure) -> RouteDecision {
        let settings = try settings.overridden(by: query)
        for pin in query.pins { try check(pin, query, candidates) }
        let draw = DecisionDraw(random.next())
        var thresholds = settings.thresholds
        while true {
            scratch.begin(draw)
            do throws(PlacementFailure) {
                return try decide(query, settings, thresholds, candidates, blocks, &scratch)
            } catch {
                guard error == .busy, query.isQuestion, thresholds != .off else { throw error }
                thresholds = .off
            }
        }
    }

    private func decide(
        _ query: borrowing RouteQuery, _ settings: SelectionSettings, _ thresholds: BusyThresholds, _ candidates: [Candidate],
        _ blocks: borrowing BlockMatches, _ scratch: inout SelectionScratch
    ) throws(PlacementFailure) -> RouteDecision {
        var turn = Turn(settings: settings, thresholds: thresholds, draw: scratch.draw, isRecording: scratch.isRecording)
        turn.sparesDecoders = settings.enforcesSplit && !candidates.canSplit
        if query.wish == .any, query.maySplit, let decision = try split(query, turn, candidates, blocks, &scratch) {
            return decision
        }
        let leg = query.singleLeg, outcome: LegSurvey.Outcome
        switch leg {
        case .aggregated: outcome = try place(leg, .alone, query, turn, candidates, blocks, &scratch.partners, &scratch.whole)
        case .prefill: outcome = try place(leg, .alone, query, turn, candidates, blocks, &scratch.partners, &scratch.prefill)
        case .decode:
            let part = query.stateFrom.map { LegDemands.Part.decodes($0) } ?? .alone
            outcome = try place(leg, part, query, turn, candidates, blocks, &scratch.partners, &scratch.decode)
        }
        switch outcome {
        case .found:
            scratch.shape = DecisionShape(leg)
            return RouteDecision(first: scratch.leg(leg, candidates))
        case .busy: throw .busy
        case .nobody: throw .noWorker
        }
    }

    // MARK: One leg

    /// What holds for all legs of one decision.
    struct Turn {
        let settings: SelectionSettings
        let thresholds: BusyThresholds
        let draw: DecisionDraw
        let isRecording: Bool
        /// Nobody could prefill for those who decode, and they are not to do it themselves.
        var sparesDecoders = false
    }

    /// Finds the leg's place by the first means that the request has.
    func place(
        _ leg: PlacementRole, _ part: LegDemands.Part, _ query: borrowing RouteQuery, _ turn: Turn, _ candidates: [Candidate],
        _ blocks: borrowing BlockMatches, _ partners: inout Partners, _ survey: inout LegSurvey
    ) throws(PlacementFailure) -> LegSurvey.Outcome {
        let demands = LegDemands(query, for: leg, part, sparingDecoders: turn.sparesDecoders)
        let formula = formula(leg, query, turn)
        func take(_ means: ChoiceMeans, _ range: Range<Int>, _ demands: LegDemands) -> LegSurvey.Outcome {
            let rule = LegRule(leg: leg, means: means, formula: formula, draw: turn.draw)
            return survey.take(rule, demands, query, candidates, range, blocks, &partners, turn.thresholds, isRecording: turn.isRecording)
        }
        func take(_ means: ChoiceMeans, _ range: Range<Int>) -> LegSurvey.Outcome { take(means, range, demands) }
        // The prefill leg of a split request is free: what a session holds is where it decodes.
        let session = leg == .prefill ? nil : query.session
        if let pin = try pin(for: leg, query, candidates) {
            if let session, session.isHard, !session.target.agrees(with: pin.target) { throw .pinConflict(pin.target.worker) }
            return take(.pin, candidates.indices(of: pin.target.joined(with: session?.isHard == true ? session?.target : nil)))
        }
        if let session, session.isHard { return take(.session, candidates.indices(of: session.target)) }
        if let preferred = query.preferred {
            let lifted = query.wish == .aggregated ? demands.liftingRole() : demands
            if case .found = take(.preference, candidates.indices(of: preferred), lifted) { return .found }
        }
        if let session, case .found = take(.session, candidates.indices(of: session.target)) { return .found }
        if turn.settings.policy == .direct {
            guard session != nil else { throw .pinNeeded }
            // Its worker is there and busy, or is gone; nobody else is chosen.
            return survey.counts.busy > 0 ? .busy : .nobody
        }
        return take(.policy, candidates.indices)
    }

    private func formula(_ leg: PlacementRole, _ query: borrowing RouteQuery, _ turn: Turn) -> CostFormula {
        let assumed = query.expectedOutputTokens ?? SelectionLimits.assumedOutputTokens
        var formula = CostFormula(
            settings: leg == .decode ? turn.settings.decoding(query) : turn.settings, tokens: query.tokenCount, blockSize: query.blockSize,
            outputTokens: leg == .prefill ? 1 : query.maxTokens == 0 ? assumed : min(assumed, query.maxTokens))
        formula.disturbsDecoding = leg == .aggregated
        return formula
    }

    // MARK: Pins

    /// The pin that binds the leg, if its worker can serve such a leg.
    private func pin(
        for leg: PlacementRole, _ query: borrowing RouteQuery, _ candidates: [Candidate]
    ) throws(PlacementFailure) -> PlacementPin? {
        guard let pin = query.pin(for: leg) else {
            // A prefill somewhere is a wish for a split, which one leg cannot grant.
            if leg == .aggregated, let other = query.pins.first { throw .pinConflict(other.target.worker) }
            return nil
        }
        let worker = pin.target.worker
        guard candidates[candidates.ranks(of: worker).lowerBound].role.serves(leg) else { throw .pinConflict(worker) }
        // The legs of a whole request cannot be in two places.
        if leg == .aggregated {
            for other in query.pins where !other.target.agrees(with: pin.target) { throw .pinConflict(other.target.worker) }
        }
        return pin
    }

    /// Every pin must name somebody whom the request allows, also one whose leg this decision does not have.
    private func check(
        _ pin: PlacementPin, _ query: borrowing RouteQuery, _ candidates: [Candidate]
    ) throws(PlacementFailure) {
        let worker = pin.target.worker
        guard !candidates.indices(of: pin.target).isEmpty else { throw .unknownWorker(worker) }
        guard query.allowed.isEmpty || query.allowed.contains(worker) else { throw .pinConflict(worker) }
        guard candidates[candidates.indices(of: pin.target)].contains(where: { $0.takes(choices: query.choices) }) else {
            throw .pinConflict(worker)
        }
    }
}

extension PlacementTarget {
    /// Whether one placement can be both.
    fileprivate func agrees(with other: PlacementTarget) -> Bool {
        guard worker == other.worker else { return false }
        guard let rank, let theirs = other.rank else { return true }
        return rank == theirs
    }

    /// The narrower one of two that agree.
    fileprivate func joined(with other: PlacementTarget?) -> PlacementTarget { rank == nil ? other ?? self : self }
}

extension DecisionShape {
    package init(_ leg: PlacementRole) {
        switch leg {
        case .aggregated: self = .whole
        case .prefill: self = .prefill
        case .decode: self = .decode
        }
    }
}

extension SelectionScratch {
    func leg(_ role: PlacementRole, _ candidates: [Candidate]) -> RouteDecision.Leg {
        switch role {
        case .aggregated: whole.leg(role, candidates)
        case .prefill: prefill.leg(role, candidates)
        case .decode: decode.leg(role, candidates)
        }
    }
}

extension LegSurvey {
    fileprivate func leg(_ role: PlacementRole, _ candidates: [Candidate]) -> RouteDecision.Leg {
        guard let cost else { preconditionFailure("a leg without a place") }
        return .init(role: role, choice: PlacementChoice(index: chosenIndex, of: candidates[chosenIndex], cost: cost))
    }
}
