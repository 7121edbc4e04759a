/// Deficit round robin over the tenants of a queue, counted in tokens: over time each gets a share of what is placed in proportion to its weight,
/// however many requests it has parked and however long they are.
struct TenantRing: Sendable {
    struct Tenant: Sendable {
        let name: String
        var weight: Double
        /// Tokens that it may still place in its turn. Below 0 after it was served out of turn.
        var deficit = 0.0
        var entries = 0
        /// Of its requests.
        var tokens: UInt64 = 0
        /// Groups of its requests that are not known to be blocked, by the best request of each.
        var open = NumberedHeap<QueueRank>()
        /// Tokens of the request that it would place next; nil if all that it has is blocked.
        var price: Double?
    }

    /// Whose turn it would be, and what has to be added to the deficits to get there.
    struct Turn: Sendable {
        let tenant: Int
        fileprivate let place: Int
        fileprivate let rounds: Double
        fileprivate let visited: Int
    }

    var tenants: [Tenant] = []
    private var ids: [String: Int] = [:]
    private var free: [Int] = []
    /// Those with something parked, in the order in which they came.
    private(set) var ring: [Int] = []
    private var cursor = 0
    private(set) var weights = 0.0

    /// Those above the bound together.
    static let others = "\u{0}others"

    // MARK: Coming and going

    /// One more request of a tenant. Weights are as last said.
    mutating func enter(_ name: String, weight: Double, tokens: UInt32) -> Int {
        let (key, bounded) = place(of: name, weight: weight), id: Int
        if let known = ids[key] {
            id = known
            weights += bounded - tenants[id].weight
            tenants[id].weight = bounded
        } else {
            if let reused = free.popLast() {
                id = reused
                tenants[id] = Tenant(name: key, weight: bounded)
            } else {
                id = tenants.count
                tenants.append(Tenant(name: key, weight: bounded))
            }
            ids[key] = id
            ring.append(id)
            weights += bounded
        }
        tenants[id].entries += 1
        tenants[id].tokens += UInt64(tokens)
        return id
    }

    /// One of its requests left. Whoever has none begins anew the next time.
    mutating func leave(_ id: Int, tokens: UInt32) {
        tenants[id].entries -= 1
        tenants[id].tokens -= UInt64(tokens)
        guard tenants[id].entries == 0, let place = ring.firstIndex(of: id) else { return }
        ring.remove(at: place)
        if place < cursor { cursor -= 1 }
        if cursor >= ring.count { cursor = 0 }
        ids[tenants[id].name] = nil
        weights = ring.isEmpty ? 0 : weights - tenants[id].weight
        free.append(id)
    }

    /// The share of the placements that a tenant has beside those of now; of one above the bound, that of all those together.
    func share(of name: String, weight: Double) -> Double {
        let (key, weight) = place(of: name, weight: weight)
        return weight / (weights - (ids[key].map { tenants[$0].weight } ?? 0) + weight)
    }

    /// Under which name, and with which weight, requests of a tenant take part.
    private func place(of name: String, weight: Double) -> (key: String, weight: Double) {
        guard ids[name] != nil || ids.count < QueueLimits.tenants - 1 else { return (Self.others, 1) }
        return (name, min(max(weight, QueueLimits.weights.lowerBound), QueueLimits.weights.upperBound))
    }

    /// The tenant's number, while it has something parked.
    func id(of name: String) -> Int? { ids[name] ?? (ids.count < QueueLimits.tenants - 1 ? nil : ids[Self.others]) }

    // MARK: Turns

    /// Whose turn it is. Changes nothing: an attempt may find that nothing can be placed after all.
    func turn() -> Turn? {
        guard !ring.isEmpty else { return nil }
        let current = ring[cursor]
        if let price = tenants[current].price, ring.count == 1 || tenants[current].deficit >= price {
            return Turn(tenant: current, place: cursor, rounds: 0, visited: 0)
        }
        // Whole rounds in which nobody gets there are skipped.
        var fewest = Double.infinity
        for id in ring {
            guard let price = tenants[id].price else { continue }
            fewest = min(fewest, (max(price - tenants[id].deficit, 0) / quantum(id)).rounded(.up))
        }
        guard fewest.isFinite else { return nil }
        let rounds = max(fewest - 1, 0)
        for step in 1...ring.count {
            let place = (cursor + step) % ring.count, id = ring[place]
            guard let price = tenants[id].price else { continue }
            // What was lost in rounding is forgiven.
            if tenants[id].deficit + (rounds + 1) * quantum(id) >= price * (1 - 1e-9) - 1e-9 {
                return Turn(tenant: id, place: place, rounds: rounds, visited: step)
            }
        }
        preconditionFailure("in the last round somebody gets there")
    }

    /// The turn was used: everybody who could have been served has its quanta, and the tenant pays.
    mutating func take(_ turn: Turn) {
        guard let price = tenants[turn.tenant].price else { preconditionFailure("a turn without a request") }
        // With nobody to share with there is nothing to keep.
        if ring.count == 1 { return tenants[turn.tenant].deficit = 0 }
        for id in ring where tenants[id].price != nil { tenants[id].deficit += turn.rounds * quantum(id) }
        for step in 0..<turn.visited {
            let id = ring[(cursor + step + 1) % ring.count]
            if tenants[id].price != nil { tenants[id].deficit += quantum(id) }
        }
        cursor = turn.place
        tenants[turn.tenant].deficit -= price
    }

    /// Served out of turn.
    mutating func charge(_ tenant: Int, _ tokens: Double) { if ring.count > 1 { tenants[tenant].deficit -= tokens } }

    private func quantum(_ id: Int) -> Double { QueueLimits.quantum * tenants[id].weight }
}
