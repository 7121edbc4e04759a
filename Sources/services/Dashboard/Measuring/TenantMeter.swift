import WireProtocol

/// What requests of each tenant met with lately. Tenants are those that frontends name; there is room for a bounded number of them.
struct TenantMeter {
    struct Entry {
        fileprivate(set) var queueWait = DecayingHistogram(decay: 0.95)
        fileprivate(set) var shed = DecayingShare(decay: 0.985)
        fileprivate(set) var sheds: UInt64 = 0
        fileprivate(set) var ended: UInt64 = 0
    }

    /// By name; empty where no tenants are configured.
    private(set) var entries: [String: Entry] = [:]

    mutating func ended(_ slice: RequestSlice) {
        guard entries[slice.tenant] != nil || entries.count < DashboardLimits.rows else { return }
        entries[slice.tenant, default: Entry()].take(slice)
    }

    mutating func beat() {
        // Order: each by itself.
        for name in entries.keys { entries[name]?.beat() }
    }
}

extension TenantMeter.Entry {
    fileprivate mutating func take(_ slice: RequestSlice) {
        ended += 1
        if slice.isShed { sheds += 1 }
        shed.add(slice.isShed ? 1 : 0, of: 1)
        // One that had no plan at all has waited too, and its status says what came of it.
        queueWait.add(microseconds: slice.durations.queueMicroseconds)
    }

    fileprivate mutating func beat() {
        queueWait.beat()
        shed.beat()
    }
}
