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
    /// The decode of a split request.
    package let second: Leg?

    package init(first: Leg, second: Leg? = nil) {
        self.first = first
        self.second = second
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
    /// A pin that the request's own other demands, or the worker's role, rule out for ever.
    case pinConflict(WorkerID)
}

/// Pins, then what is preferred, then the policy. A value without state: the service books what it decides.
package struct PlacementSelector: Sendable {
    private let policy: any PlacementPolicy
    private let thresholds: BusyThresholds

    package init(policy: any PlacementPolicy, thresholds: BusyThresholds = BusyThresholds()) {
        self.policy = policy
        self.thresholds = thresholds
    }

    /// `candidates` are those of the request's pool, sorted by placement.
    package func decide(
        _ query: RouteQuery, among candidates: [Candidate], at now: Instant, random: inout SeededRandom
    ) throws(PlacementFailure) -> RouteDecision {
        let leg = query.singleLeg
        for pin in query.pins { try check(pin, query, candidates) }
        let choice: PlacementChoice
        if let session = query.session, session.isHard, leg != .prefill {
            if let pin = query.pin(for: leg), pin.target.worker != session.target.worker { throw .pinConflict(pin.target.worker) }
            guard let index = leastLoaded(session.target, query, leg, candidates) else { throw .noWorker }
            choice = PlacementChoice(index: index, of: candidates[index])
        } else if let pin = query.pin(for: leg) {
            choice = try pinned(to: pin, query, leg, candidates)
        } else if leg == .aggregated, let pin = query.pins.first {
            // A prefill somewhere is a wish for a split, which one leg cannot grant.
            throw .pinConflict(pin.target.worker)
        } else {
            let open = candidates.indices.filter { !candidates[$0].isBusy(thresholds) && query.admits(candidates[$0], for: leg) }
            guard !open.isEmpty else { throw candidates.contains { query.admits($0, for: leg) } ? .busy : .noWorker }
            var candidates = candidates
            for index in candidates.indices where candidates[index].isBusy(thresholds) { candidates[index].isReady = false }
            guard let free = unpinned(query, leg, candidates, now, &random) else { throw .noWorker }
            choice = free
        }
        return RouteDecision(first: .init(role: leg, choice: choice))
    }

    private func unpinned(
        _ query: RouteQuery, _ leg: PlacementRole, _ candidates: [Candidate], _ now: Instant, _ random: inout SeededRandom
    ) -> PlacementChoice? {
        if let session = query.session, leg != .prefill, let index = leastLoaded(session.target, query, leg, candidates),
            !candidates[index].isBusy(thresholds)
        {
            return PlacementChoice(index: index, of: candidates[index])
        }
        if let preferred = query.preferred, let index = leastLoaded(preferred, query, leg, candidates),
            !candidates[index].isBusy(thresholds)
        {
            return PlacementChoice(index: index, of: candidates[index])
        }
        return policy.choose(query, for: leg, among: candidates, at: now, random: &random)
    }

    private func pinned(
        to pin: PlacementPin, _ query: RouteQuery, _ leg: PlacementRole, _ candidates: [Candidate]
    ) throws(PlacementFailure) -> PlacementChoice {
        let worker = pin.target.worker
        guard candidates[candidates.ranks(of: worker).lowerBound].role.serves(leg) else { throw .pinConflict(worker) }
        // The legs of a whole request cannot be in two places.
        if leg == .aggregated, let other = query.pins.first(where: { $0.target.worker != worker }) {
            throw .pinConflict(other.target.worker)
        }
        guard let index = leastLoaded(pin.target, query, leg, candidates) else { throw .noWorker }
        guard !candidates[index].isBusy(thresholds) else { throw .busy }
        return PlacementChoice(index: index, of: candidates[index])
    }

    /// Every pin must name somebody whom the request allows, also one whose leg this decision does not have.
    private func check(_ pin: PlacementPin, _ query: RouteQuery, _ candidates: [Candidate]) throws(PlacementFailure) {
        let worker = pin.target.worker, ranks = candidates.ranks(of: worker)
        guard !ranks.isEmpty else { throw .unknownWorker(worker) }
        if let rank = pin.target.rank, !ranks.contains(where: { candidates[$0].placement.rank == rank }) { throw .unknownWorker(worker) }
        guard query.allowed.isEmpty || query.allowed.contains(worker) else { throw .pinConflict(worker) }
    }

    /// The target's rank, or the least loaded one of its worker; nil if the query admits none.
    private func leastLoaded(_ target: PlacementTarget, _ query: RouteQuery, _ leg: PlacementRole, _ candidates: [Candidate]) -> Int? {
        var best: Int?
        for index in candidates.ranks(of: target.worker) where query.admits(candidates[index], for: leg) {
            if let rank = target.rank, candidates[index].placement.rank != rank { continue }
            guard let known = best else {
                best = index
                continue
            }
            let load = candidates[index].load, least = candidates[known].load
            if (load.believedTokens, load.believedRequests) < (least.believedTokens, least.believedRequests) { best = index }
        }
        return best
    }
}
