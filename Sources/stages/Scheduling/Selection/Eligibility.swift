package import ClusterModel

extension PlacementRole {
    /// Whether a worker of this role may serve such a leg. A decode worker prefills whole requests itself; nobody else leaves its role.
    package func serves(_ leg: PlacementRole) -> Bool {
        switch leg {
        case .aggregated, .decode: self != .prefill
        case .prefill: self == .prefill
        }
    }
}

/// What a request demands of a leg's placement, made once for all candidates.
struct LegDemands: Sendable {
    /// What a leg has to do with another one.
    enum Part: Hashable, Sendable {
        case alone
        /// State comes from somebody who is not chosen yet.
        case decodesForAny
        /// State comes from there.
        case decodes(KVSide)
        /// Somebody has to decode it.
        case prefills
    }

    let leg: PlacementRole
    let needs: UInt64
    /// Who has one of these does not serve such a leg.
    private let barred: UInt64
    let part: Part
    /// Who serves such a leg, a bit each.
    private var roles: UInt8 = 0
    /// Those who decode for others serve nothing whole.
    private let sparesDecoders: Bool
    private let namesLoRA: Bool
    private let namesWorkers: Bool
    private let choices: UInt32
    /// Few requests ask for more than a role and abilities: sets and lists are touched only by those that do.
    private let asksMore: Bool

    init(_ query: borrowing RouteQuery, for leg: PlacementRole, _ part: Part = .alone, sparingDecoders: Bool = false) {
        self.leg = leg
        self.part = part
        sparesDecoders = sparingDecoders && leg == .aggregated
        needs = query.needs | (leg == .prefill ? 0 : query.decodeNeeds)
        barred = leg == .aggregated ? SelectionLimits.legsOnly : 0
        namesLoRA = !query.loRA.isEmpty
        namesWorkers = !(query.allowed.isEmpty && query.excluded.isEmpty && query.unreachable.isEmpty)
        choices = query.choices
        asksMore = part != .alone || namesLoRA || namesWorkers || choices > 1
        admitRoles { $0.serves(leg) }
    }

    private mutating func admitRoles(where serves: (PlacementRole) -> Bool) {
        roles = 0
        for role in PlacementRole.allCases where serves(role) && !(sparesDecoders && role == .decode) { roles |= 1 << role.rawValue }
    }

    /// The same of a worker that is named for the whole request: it may be one that prefills for others.
    func liftingRole() -> LegDemands {
        var lifted = self
        lifted.admitRoles { _ in true }
        return lifted
    }

    @inline(__always)
    func suits(_ role: PlacementRole, _ capabilities: UInt64) -> Bool {
        needs & ~capabilities == 0 && capabilities & barred == 0 && roles &>> role.rawValue & 1 != 0
    }

    @inline(__always)
    private func joins(_ side: KVSide) -> Bool {
        switch part {
        case .alone: true
        case .decodesForAny, .prefills: !side.paths.isEmpty
        case .decodes(let giver): giver.reaches(side)
        }
    }

    func names(_ worker: WorkerID, _ loRAs: Set<String>, _ query: borrowing RouteQuery) -> Bool {
        (!namesLoRA || loRAs.contains(query.loRA)) && (!namesWorkers || query.names(worker))
    }

    /// Whether the request may run there at all, however loaded it is. Read field by field: a candidate taken as a whole is copied, and in a fleet
    /// of hundreds that is most of a decision.
    @inline(__always)
    func admit(_ span: Span<Candidate>, _ index: Int, _ query: borrowing RouteQuery) -> Bool {
        guard span[index].isReady, suits(span[index].role, span[index].capabilities) else { return false }
        guard asksMore else { return true }
        guard joins(span[index].kv), span[index].takes(choices: choices) else { return false }
        guard namesLoRA || namesWorkers else { return true }
        return names(span[index].placement.worker, span[index].loRAs, query)
    }
}

extension RouteQuery {
    /// Whether the request leaves the worker open.
    package func names(_ worker: WorkerID) -> Bool {
        (allowed.isEmpty || allowed.contains(worker)) && (excluded.isEmpty || !excluded.contains(worker))
            && (unreachable.isEmpty || !unreachable.contains(worker))
    }

    /// The pin that binds this leg. A pin of the whole request binds each of its legs; and a whole request is bound by what its decode is pinned
    /// to, for that worker prefills it.
    package func pin(for leg: PlacementRole) -> PlacementPin? {
        if let pin = pins.first(where: { $0.role == leg }) { return pin }
        return pins.first { $0.role == (leg == .aggregated ? .decode : .aggregated) }
    }
}

extension PlacementTarget {
    package func covers(_ placement: Placement) -> Bool { placement.worker == worker && (rank.map { $0 == placement.rank } ?? true) }
}

extension [Candidate] {
    /// Where a worker's ranks stand; candidates are sorted by placement.
    package func ranks(of worker: WorkerID) -> Range<Int> {
        var low = 0, high = count
        while low < high {
            let middle = (low + high) / 2
            if self[middle].placement.worker < worker { low = middle + 1 } else { high = middle }
        }
        var end = low
        while end < count, self[end].placement.worker == worker { end += 1 }
        return low..<end
    }

    package func index(of placement: Placement) -> Int? {
        ranks(of: placement.worker).first { self[$0].placement.rank == placement.rank }
    }

    /// Where the target's rank stands, or all of its worker.
    func indices(of target: PlacementTarget) -> Range<Int> {
        guard let rank = target.rank else { return ranks(of: target.worker) }
        guard let index = index(of: Placement(worker: target.worker, rank: rank)) else { return 0..<0 }
        return index..<index + 1
    }
}
