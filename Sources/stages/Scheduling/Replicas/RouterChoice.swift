package import ClusterModel

/// Which of several routers a frontend asks for a plan.
///
/// By rendezvous: each key has an order of its own over the routers, and every frontend finds the same one without a word between them. So first
/// requests of one prefix, or of one session, meet in one router and see each other's bookings; and when a router leaves only its keys move,
/// each to the next in its own order. No router gets more than a share of what is open, though all keys of a moment be one.
package enum RouterChoice {
    /// A router that may be asked.
    package struct Option: Hashable, Sendable {
        package let router: RouterID
        /// Plans that this frontend asked it for and that have not come.
        package let openPlans: Int

        package init(router: RouterID, openPlans: Int) {
            self.router = router
            self.openPlans = openPlans
        }
    }

    /// What decides between requests that share this much of their prompt: enough to tell tasks apart, little enough that turns of one chat
    /// agree.
    package static let prefixTokens: UInt32 = 2_048

    // MARK: Keys

    /// Of a request: its session, else the prefix that it shares with others, else nothing but itself.
    package static func key(
        session: (tenant: String, id: String)?, sequenceHashes: [UInt64], blockSize: UInt32, otherwise request: RequestID
    ) -> UInt64 {
        if let session { return key(tenant: session.tenant, session: session.id) }
        return prefixHash(sequenceHashes, blockSize: blockSize) ?? mixed(request.origin ^ mixed(request.counter))
    }

    /// The hash of the block that ends at the prefix's length, or of the last full one before it; nil if there is no full block.
    static func prefixHash(_ sequenceHashes: [UInt64], blockSize: UInt32) -> UInt64? {
        guard !sequenceHashes.isEmpty, blockSize > 0 else { return nil }
        return sequenceHashes[min(max(Int(prefixTokens / blockSize), 1), sequenceHashes.count) - 1]
    }

    private static func key(tenant: String, session: String) -> UInt64 {
        // FNV-1a, with a byte between that no text holds.
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        func take(_ byte: UInt8) { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        for byte in tenant.utf8 { take(byte) }
        take(0xFF)
        for byte in session.utf8 { take(byte) }
        return hash
    }

    // MARK: Choice

    /// The place of the router to ask; nil if there is none.
    package static func choose(_ key: UInt64, among options: [Option]) -> Int? {
        guard options.count > 1 else { return options.isEmpty ? nil : 0 }
        let most = bound(openPlans: options.reduce(0) { $0 + $1.openPlans }, routers: options.count)
        var best: (index: Int, weight: UInt64)?
        for (index, option) in options.enumerated() where option.openPlans < most {
            let weight = weight(of: option.router, for: key)
            // Two of one weight are as good as never; the smaller id then, so that all frontends agree.
            if let best, (best.weight, options[best.index].router.rawValue) >= (weight, option.router.rawValue) { continue }
            best = (index, weight)
        }
        return best?.index
    }

    /// All of them, the first choice first: where a request goes that the ones before refused.
    static func order(_ key: UInt64, of routers: [RouterID]) -> [RouterID] {
        routers.sorted { (weight(of: $0, for: key), $0.rawValue) > (weight(of: $1, for: key), $1.rawValue) }
    }

    /// So many plans, with this one, one router may have open: five quarters of the mean, and never less than one. Some router is always below it.
    static func bound(openPlans: Int, routers: Int) -> Int {
        let together = 5 * (openPlans + 1), share = 4 * routers
        return (together + share - 1) / share
    }

    private static func weight(of router: RouterID, for key: UInt64) -> UInt64 { mixed(key ^ mixed(router.rawValue)) }

    /// Every bit of the result depends on every bit given (the finaliser of SplitMix64).
    private static func mixed(_ value: UInt64) -> UInt64 {
        var z = value &+ 0x9E37_79B9_7F4A_7C15
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
