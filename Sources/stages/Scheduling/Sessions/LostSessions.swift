package import ClusterModel

/// Sessions that ended because their worker left, until they are placed anew or would have ended by themselves.
package struct LostSessions: Sendable {
    private let limits: SessionLimits
    private var untils: [PooledSession: Instant] = [:]
    private var order = Fifo<PooledSession>()

    package init(limits: SessionLimits = SessionLimits()) { self.limits = limits }

    package var count: Int { untils.count }

    package func contains(_ session: PooledSession, at now: Instant) -> Bool { untils[session].map { $0 > now } ?? false }

    package mutating func insert(_ binding: SessionBinding, at now: Instant) {
        let kept = min(.seconds(Int64(binding.ttlSeconds)), limits.lossKept)
        if untils.updateValue(now + kept, forKey: binding.session) == nil { order.append(binding.session) }
        while untils.count > limits.lost, let oldest = order.first {
            order.removeFirst()
            untils[oldest] = nil
        }
    }

    package mutating func remove(_ session: PooledSession) {
        guard untils.removeValue(forKey: session) != nil else { return }
        tidy()
    }

    package mutating func expire(at now: Instant) {
        // Times to live differ, so the order of the ends is another than that of the beginnings; what was lost together is looked at together.
        guard !untils.isEmpty else { return }
        untils = untils.filter { $0.value > now }
        tidy()
    }

    private mutating func tidy() {
        guard order.count > 2 * max(untils.count, 64) else { return }
        let untils = untils
        order.removeAll { untils[$0] == nil }
    }
}
