package import ClusterModel

/// How one placement is preferred over another.
///
/// A pure function: what it may depend on comes in, and nothing changes but the generator that it draws from. What was chosen before is in
/// `Candidate.lastTurn`, which the owner of the candidates keeps.
package protocol PlacementPolicy: Sendable {
    /// As options and requests name it.
    static var name: String { get }

    /// The best of the candidates that the query admits for this leg, or nil if there is none. They are sorted by placement.
    func choose(
        _ query: RouteQuery, for leg: PlacementRole, among candidates: [Candidate], at now: Instant, random: inout SeededRandom
    ) -> PlacementChoice?
}

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
    /// Prefill that would have to be done there first, this request's with it.
    package var prefillTokens: UInt64 = 0
    /// Blocks that requests would hold there, this request's with them.
    package var activeBlocks: UInt64 = 0
    package var total: Double = 0

    package init() {}
}

/// Each ready placement in its turn: the one whose last turn lies furthest back.
///
/// For equal requests that is the order of the ring, by worker and rank. Unlike a pointer into the ring it stays fair where requests differ in what
/// they admit, and when placements come and go: a new one has never had a turn, so it is next.
package struct RoundRobinPolicy: PlacementPolicy {
    package static let name = "round-robin"

    package init() {}

    package func choose(
        _ query: RouteQuery, for leg: PlacementRole, among candidates: [Candidate], at now: Instant, random: inout SeededRandom
    ) -> PlacementChoice? {
        var best: Int?
        var oldest = UInt64.max
        for index in candidates.indices where candidates[index].lastTurn < oldest && query.admits(candidates[index], for: leg) {
            oldest = candidates[index].lastTurn
            best = index
            // Nothing is older than never, and the first of those is the smallest placement.
            if oldest == 0 { break }
        }
        guard let best else { return nil }
        var cost = PlacementCost()
        cost.total = Double(oldest)
        return PlacementChoice(index: best, of: candidates[best], cost: cost)
    }
}
