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

extension RouteQuery {
    /// Whether the request may run there at all, however loaded it is. Pins are the selector's.
    @inline(__always)
    package func admits(_ candidate: borrowing Candidate, for leg: PlacementRole) -> Bool {
        candidate.isReady && candidate.role.serves(leg) && needs & ~candidate.capabilities == 0
            && (loRA.isEmpty || candidate.loRAs.contains(loRA)) && admits(candidate.placement.worker)
    }

    private func admits(_ worker: WorkerID) -> Bool {
        (allowed.isEmpty || allowed.contains(worker)) && (excluded.isEmpty || !excluded.contains(worker))
            && (unreachable.isEmpty || !unreachable.contains(worker))
    }

    /// The pin that binds this leg. A whole request is also bound by what its decode is pinned to: that worker prefills it.
    package func pin(for leg: PlacementRole) -> PlacementPin? {
        if let pin = pins.first(where: { $0.role == leg }) { return pin }
        return leg == .aggregated ? pins.first { $0.role == .decode } : nil
    }
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
}
