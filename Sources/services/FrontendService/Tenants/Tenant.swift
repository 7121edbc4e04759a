import ClusterModel
import OpenAIDialect
import WireProtocol

/// On whose behalf a request runs: what it may do, and how much of it.
struct Tenant: Hashable, Sendable {
    /// Empty for whoever comes where no tenants are configured.
    var name = ""
    /// Names that it may use and see; nil: all.
    var models: Set<String>?
    /// The most that a request of it may ask for; nil: whatever it likes.
    var maxPriority: Int?
    var maxStrictPriority: Int?
    var mayPinWorkers = true
    var mayOverrideRouter = true
    /// nil: as many as there are.
    var tokensPerMinute: Int?
    /// What may be used at once after a while of silence.
    var burstTokens: Int?
    var maxRunning: Int?
    /// Its share of a full queue, beside others'.
    var weight: Float = 1
    /// Tenants of one group may learn by time what is cached for one another.
    var cacheGroup = ""
    /// Keeps its blocks apart; nil: no group, or nobody to keep them from.
    var salt: CacheSalt?

    init() {}

    /// Where no tenants are configured.
    static let anyone = Tenant()

    var hasLimits: Bool { tokensPerMinute != nil || maxRunning != nil }

    /// Prompts of different values never meet in a memory of prompts.
    var memoryGroup: UInt64 { salt.map { $0.bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) } } ?? 0 }

    func sees(_ model: String) -> Bool { models?.contains(model) ?? true }

    // MARK: What it may ask for

    /// Throws what it may not say at all, and cuts what it may say in part. True: something was cut.
    /// - Parameter header: one that says on which worker or rank something runs.
    func permit(_ hints: inout RoutingHints, pinnedBy header: StaticString? = nil) throws(DialectError) -> Bool {
        if !mayPinWorkers, let name = header?.description ?? hints.pinMember { throw Self.forbidden(name, "pin workers") }
        if !mayOverrideRouter, hints.overrides != RouterOverrides() {
            throw Self.forbidden("nvext.router_config_override", "override the router")
        }
        var isCut = false
        if let most = maxPriority, hints.effectivePriority > Float(most) {
            hints.priority = Int32(clamping: most)
            isCut = true
        }
        if let most = maxStrictPriority, Int(hints.strictPriority ?? 0) > most {
            hints.strictPriority = UInt32(clamping: most)
            isCut = true
        }
        return isCut
    }

    private static func forbidden(_ member: String, _ deed: String) -> DialectError {
        DialectError(ErrorBody(ServiceFailure(.forbidden, detail: "This API key may not \(deed).", param: member)))
    }
}

extension RoutingHints {
    /// A member of the body that says on which worker or rank something runs; nil: none does.
    fileprivate var pinMember: String? {
        if backendInstance != nil { return "nvext.backend_instance_id" }
        if prefillWorker != nil { return "nvext.prefill_worker_id" }
        if decodeWorker != nil { return "nvext.decode_worker_id" }
        if rank != nil { return "nvext.dp_rank" }
        return prefillRank != nil ? "nvext.prefill_dp_rank" : nil
    }
}
