import WireProtocol

/// What one other frontend has said that it charges tenants, in one of its lives. Totals are from the beginning of that life: what they were when
/// a tenant was first heard of is nobody's to charge.
struct PeerTotals: Sendable {
    /// What is new in a total.
    struct News: Hashable, Sendable {
        /// Charged since the last time; below 0: reserved, not used, and given back.
        var tokens = 0.0
        /// So many more of its requests run there.
        var running: Int
    }

    private struct Known: Sendable {
        var charge: TenantCharge
        /// Charged there, and forgiven here since it was too much.
        var forgiven = 0.0
    }

    private var known: [String: Known] = [:]

    mutating func take(_ charge: TenantCharge) -> News {
        guard var last = known[charge.tenant] else {
            known[charge.tenant] = Known(charge: charge)
            return News(running: Int(charge.running))
        }
        // Requests never become fewer: the tenant was taken out of that frontend's file, and came back.
        if charge.requests < last.charge.requests {
            (last.charge.promptTokens, last.charge.outputTokens, last.forgiven) = (0, 0, 0)
        }
        var news = News(running: Int(charge.running) - Int(last.charge.running))
        news.tokens = Double(charge.promptTokens) - Double(last.charge.promptTokens)
        news.tokens += Double(charge.outputTokens) - Double(last.charge.outputTokens)
        if news.tokens < 0 {
            // What was never taken is not given back.
            let kept = min(last.forgiven, -news.tokens)
            last.forgiven -= kept
            news.tokens += kept
        }
        // Without a request nothing is reserved: what comes back from now on was charged from now on.
        if charge.running == 0 { last.forgiven = 0 }
        last.charge = charge
        known[charge.tenant] = last
        return news
    }

    /// So much of what was new of a tenant was too much to be charged.
    mutating func forgive(_ tokens: Double, of tenant: String) {
        guard let last = known[tenant]?.charge, last.running > 0 else { return }
        known[tenant]?.forgiven += tokens
    }

    /// How many of a tenant's requests ran there, which is not asked about any more.
    mutating func forget(_ tenant: String) -> Int { Int(known.removeValue(forKey: tenant)?.charge.running ?? 0) }

    /// Whoever is not heard may be gone: what ran there is not held against anybody. What it had charged stays so: nobody knows what of it was used.
    mutating func nothingRuns() -> [(tenant: String, running: Int)] {
        // Order: each is told by itself.
        let gone = known.values.compactMap { $0.charge.running > 0 ? (tenant: $0.charge.tenant, running: Int($0.charge.running)) : nil }
        for one in gone { known[one.tenant]?.charge.running = 0 }
        return gone
    }
}
