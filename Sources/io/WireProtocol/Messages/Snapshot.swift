/// Blocks of one rank and tier in ascending order of their hash. `parents` has one number a hash, 0 for the first block of a prompt.
/// Layout: `proto-spec/04-messages.md#heldblocks`.
package struct HeldBlocks: WireRecord, Hashable {
    package var rank: UInt32 = 0
    package var tier = Tier.device
    package var hashes: [UInt64] = []
    package var parents: [UInt64] = []

    package init() {}
    package init(rank: UInt32, tier: Tier, hashes: [UInt64], parents: [UInt64]) {
        self.rank = rank
        self.tier = tier
        self.hashes = hashes
        self.parents = parents
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u32("rank", &rank)
        try coder.choice("tier", &tier)
        try coder.u64s("hashes", &hashes, atMost: Limits.snapshotHashes)
        try coder.u64s("parents", &parents, atMost: Limits.snapshotHashes)
    }
}

/// A request that waits or runs. Its prompt's blocks may be split over several entries, told apart by `firstBlock`. Layout: `proto-
/// spec/04-messages.md#heldrequest`.
package struct HeldRequest: WireRecord, Hashable {
    package var lease: UInt64 = 0
    package var request = RequestKey()
    package var routerID: UInt64 = 0
    package var rank: UInt32 = 0
    package var leg = Leg.aggregated
    package var started = false
    package var promptTokens: UInt32 = 0
    /// Still to be computed.
    package var prefillTokens: UInt32 = 0
    package var maxTokens: UInt32 = 0
    package var expectedOutputTokens: UInt32?
    package var outputBlocks: UInt32 = 0
    package var outputTokens: UInt32 = 0
    package var firstBlock: UInt32 = 0
    package var hashes: [UInt64] = []

    package init() {}

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u64("lease", &lease)
        try coder.record("request", &request)
        try coder.u64("routerID", &routerID)
        try coder.u32("rank", &rank)
        try coder.choice("leg", &leg)
        try coder.bool("started", &started)
        try coder.u32("promptTokens", &promptTokens)
        try coder.u32("prefillTokens", &prefillTokens)
        try coder.u32("maxTokens", &maxTokens)
        try coder.optionalU32("expectedOutputTokens", &expectedOutputTokens)
        try coder.u32("outputBlocks", &outputBlocks)
        try coder.u32("outputTokens", &outputTokens)
        try coder.u32("firstBlock", &firstBlock)
        try coder.u64s("hashes", &hashes, atMost: Limits.snapshotHashes)
    }
}

/// Tags: `proto-spec/04-messages.md#snapshotentry`.
package enum SnapshotEntry: WireVariant, Hashable {
    case heldBlocks(HeldBlocks)
    case heldRequest(HeldRequest)
    case sessionBound(SessionBound)
    case rankLoad(RankLoad)
    case stateChanged(StateChanged)
    case workerEntry(WorkerEntry)
    case frontendEntry(FrontendEntry)
    case modelPool(ModelPool)
    case placementLoad(PlacementLoad)
    case leaseMade(LeaseMade)
    case sessionPlaced(SessionPlaced)
    case queueDepth(QueueDepth)
    case routerHealth(RouterHealth)
    case tenantCharge(TenantCharge)
    case frontendLoad(FrontendLoad)
    /// What a later minor added, kept as it came.
    case unknown(tag: UInt8, bytes: [UInt8])

    package static let records: [(tag: UInt8, name: StaticString)] = [
        (1, "HeldBlocks"), (2, "HeldRequest"), (3, "SessionBound"), (4, "RankLoad"), (5, "StateChanged"), (64, "WorkerEntry"),
        (65, "FrontendEntry"), (66, "ModelPool"), (67, "PlacementLoad"), (68, "LeaseMade"), (69, "SessionPlaced"),
        (
            70,
            "QueueDepth"
        ), (71, "RouterHealth"), (128, "TenantCharge"), (129, "FrontendLoad"),
    ]

    package init(tag: UInt8) {
        switch tag {
        case 1: self = .heldBlocks(HeldBlocks())
        case 2: self = .heldRequest(HeldRequest())
        case 3: self = .sessionBound(SessionBound())
        case 4: self = .rankLoad(RankLoad())
        case 5: self = .stateChanged(StateChanged())
        case 64: self = .workerEntry(WorkerEntry())
        case 65: self = .frontendEntry(FrontendEntry())
        case 66: self = .modelPool(ModelPool())
        case 67: self = .placementLoad(PlacementLoad())
        case 68: self = .leaseMade(LeaseMade())
        case 69: self = .sessionPlaced(SessionPlaced())
        case 70: self = .queueDepth(QueueDepth())
        case 71: self = .routerHealth(RouterHealth())
        case 128: self = .tenantCharge(TenantCharge())
        case 129: self = .frontendLoad(FrontendLoad())
        default: self = .unknown(tag: tag, bytes: [])
        }
    }

    package var tag: UInt8 {
        switch self {
        case .heldBlocks: 1
        case .heldRequest: 2
        case .sessionBound: 3
        case .rankLoad: 4
        case .stateChanged: 5
        case .workerEntry: 64
        case .frontendEntry: 65
        case .modelPool: 66
        case .placementLoad: 67
        case .leaseMade: 68
        case .sessionPlaced: 69
        case .queueDepth: 70
        case .routerHealth: 71
        case .tenantCharge: 128
        case .frontendLoad: 129
        case .unknown(let tag, _): tag
        }
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        switch self {
        case .heldBlocks(var record):
            try record.layout(&coder)
            self = .heldBlocks(record)
        case .heldRequest(var record):
            try record.layout(&coder)
            self = .heldRequest(record)
        case .sessionBound(var record):
            try record.layout(&coder)
            self = .sessionBound(record)
        case .rankLoad(var record):
            try record.layout(&coder)
            self = .rankLoad(record)
        case .stateChanged(var record):
            try record.layout(&coder)
            self = .stateChanged(record)
        case .workerEntry(var record):
            try record.layout(&coder)
            self = .workerEntry(record)
        case .frontendEntry(var record):
            try record.layout(&coder)
            self = .frontendEntry(record)
        case .modelPool(var record):
            try record.layout(&coder)
            self = .modelPool(record)
        case .placementLoad(var record):
            try record.layout(&coder)
            self = .placementLoad(record)
        case .leaseMade(var record):
            try record.layout(&coder)
            self = .leaseMade(record)
        case .sessionPlaced(var record):
            try record.layout(&coder)
            self = .sessionPlaced(record)
        case .queueDepth(var record):
            try record.layout(&coder)
            self = .queueDepth(record)
        case .routerHealth(var record):
            try record.layout(&coder)
            self = .routerHealth(record)
        case .tenantCharge(var record):
            try record.layout(&coder)
            self = .tenantCharge(record)
        case .frontendLoad(var record):
            try record.layout(&coder)
            self = .frontendLoad(record)
        case .unknown(let tag, var bytes):
            try coder.rest("bytes", &bytes)
            self = .unknown(tag: tag, bytes: bytes)
        }
    }
}
