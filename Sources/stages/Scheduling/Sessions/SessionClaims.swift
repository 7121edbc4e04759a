import ClusterModel

/// All bindings of one session: as a rule one.
struct SessionClaims {
    /// The one that counts.
    private(set) var first: SessionBinding
    /// Best first.
    private(set) var others: [SessionBinding] = []

    init(_ binding: SessionBinding) { first = binding }

    func claim(of life: WorkerLife) -> SessionBinding? { first.life == life ? first : others.first { $0.life == life } }

    /// Adds a binding, in place of an earlier one of the same life; says what that changes.
    mutating func put(_ binding: SessionBinding, _ changes: inout [SessionChange]) {
        let before = first, known = claim(of: binding.life)
        var all = ([first] + others).filter { $0.life != binding.life }
        all.insert(binding, at: all.firstIndex { binding.wins(over: $0) } ?? all.count)
        first = all.removeFirst()
        others = all
        if !first.isPlaced(as: before) { changes.append(.placed(first)) }
        // Whoever was told before is not told again.
        if known?.counter != binding.counter, first != binding { changes.append(.conflicts(binding)) }
        if first == binding, before.life != binding.life { changes.append(.conflicts(before)) }
    }

    /// Nil if that was the last one.
    func without(_ life: WorkerLife, _ changes: inout [SessionChange]) -> SessionClaims? {
        var left = self
        guard first.life == life else {
            left.others.removeAll { $0.life == life }
            return left
        }
        guard let next = left.others.first else { return nil }
        left.first = next
        left.others.removeFirst()
        changes.append(.placed(next))
        return left
    }
}
