import ClusterModel
import EventLoop
import WireProtocol

/// What one frontend says of itself, and how fast its totals grow.
struct FrontendTotals {
    private(set) var load: FrontendLoad?
    private(set) var state: ProcessState?
    private(set) var heardAt: Instant
    private(set) var tokensPerSecond: Double?
    private(set) var requestsPerSecond: Double?
    /// What it charged each tenant, as it last said.
    private(set) var charges: [String: TenantCharge] = [:]
    private var counted: (load: FrontendLoad, at: Instant)?

    init(at now: Instant) { heardAt = now }

    mutating func heard(at now: Instant) { heardAt = now }

    mutating func told(_ change: FrontendChange, at now: Instant) {
        heardAt = now
        switch change {
        case .frontendLoad(let load):
            self.load = load
            if counted == nil { counted = (load, now) }
        case .tenantCharge(let charge):
            guard charges[charge.tenant] != nil || charges.count < DashboardLimits.rows else { return }
            charges[charge.tenant] = charge
        case .stateChanged(let changed): state = changed.state
        case .requestSlice, .unknown: break
        }
    }

    /// Called once a second. A frontend says its load only when it has changed.
    mutating func count(at now: Instant) {
        guard let load, let before = counted else { return }
        let seconds = Double(before.at.duration(to: now).inNanoseconds) * 1e-9
        guard seconds > 0 else { return }
        tokensPerSecond = Double(load.tokensTotal &- before.load.tokensTotal) / seconds
        requestsPerSecond = Double(load.requestsTotal &- before.load.requestsTotal) / seconds
        counted = (load, now)
    }
}
