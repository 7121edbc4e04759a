package import ClusterModel

/// Layout: `proto-spec/04-messages.md#placementload`.
package struct PlacementLoad: WireRecord, Hashable {
    package var workerID: UInt64 = 0
    package var generation: UInt64 = 0
    /// As the worker last said.
    package var load = RankLoad()
    /// Of the router's ledger.
    package var prefillTokens: UInt64 = 0
    /// Of the router's ledger.
    package var activeBlocks: UInt32 = 0
    /// Of the router's ledger.
    package var requests: UInt32 = 0
    /// In the router's index.
    package var indexedBlocks: UInt64 = 0
    /// Gets no new plan.
    package var busy = false

    package init() {}
    package init(
        workerID: UInt64, generation: UInt64, load: RankLoad, prefillTokens: UInt64, activeBlocks: UInt32, requests: UInt32,
        indexedBlocks: UInt64, busy: Bool
    ) {
        self.workerID = workerID
        self.generation = generation
        self.load = load
        self.prefillTokens = prefillTokens
        self.activeBlocks = activeBlocks
        self.requests = requests
        self.indexedBlocks = indexedBlocks
        self.busy = busy
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u64("workerID", &workerID)
        try coder.u64("generation", &generation)
        try coder.record("load", &load)
        try coder.u64("prefillTokens", &prefillTokens)
        try coder.u32("activeBlocks", &activeBlocks)
        try coder.u32("requests", &requests)
        try coder.u64("indexedBlocks", &indexedBlocks)
        try coder.bool("busy", &busy)
    }
}

/// Layout: `proto-spec/04-messages.md#leasemade`.
package struct LeaseMade: WireRecord, Hashable {
    /// Unique among the leases of all routers: the router draws its high half at start.
    package var lease: UInt64 = 0
    package var workerID: UInt64 = 0
    package var generation: UInt64 = 0
    package var rank: UInt32 = 0
    package var leg = Leg.aggregated
    package var request = RequestKey()
    package var promptTokens: UInt32 = 0
    package var prefillTokens: UInt32 = 0
    package var expectedOutputTokens: UInt32?
    package var promptBlocks: UInt32 = 0
    /// The first sequence hashes of the prompt; the worker's events name the rest.
    package var hashes: [UInt64] = []

    package init() {}

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u64("lease", &lease)
        try coder.u64("workerID", &workerID)
        try coder.u64("generation", &generation)
        try coder.u32("rank", &rank)
        try coder.choice("leg", &leg)
        try coder.record("request", &request)
        try coder.u32("promptTokens", &promptTokens)
        try coder.u32("prefillTokens", &prefillTokens)
        try coder.optionalU32("expectedOutputTokens", &expectedOutputTokens)
        try coder.u32("promptBlocks", &promptBlocks)
        try coder.u64s("hashes", &hashes, atMost: Limits.leaseHashes)
    }
}

/// Layout: `proto-spec/04-messages.md#leasereleased`.
package struct LeaseReleased: WireRecord, Hashable {
    package var lease: UInt64 = 0
    package var workerID: UInt64 = 0
    package var generation: UInt64 = 0
    package var rank: UInt32 = 0
    package var reason = LeaseEnd.finished

    package init() {}
    package init(lease: UInt64, workerID: UInt64, generation: UInt64, rank: UInt32, reason: LeaseEnd) {
        self.lease = lease
        self.workerID = workerID
        self.generation = generation
        self.rank = rank
        self.reason = reason
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u64("lease", &lease)
        try coder.u64("workerID", &workerID)
        try coder.u64("generation", &generation)
        try coder.u32("rank", &rank)
        try coder.choice("reason", &reason)
    }
}

/// Layout: `proto-spec/04-messages.md#sessionplaced`.
package struct SessionPlaced: WireRecord, Hashable {
    package var key = SessionKey()
    package var workerID: UInt64 = 0
    package var generation: UInt64 = 0
    package var rank: UInt32 = 0
    package var bindCounter: UInt64 = 0
    package var ttlSeconds: UInt32 = 0

    package init() {}
    package init(key: SessionKey, workerID: UInt64, generation: UInt64, rank: UInt32, bindCounter: UInt64, ttlSeconds: UInt32) {
        self.key = key
        self.workerID = workerID
        self.generation = generation
        self.rank = rank
        self.bindCounter = bindCounter
        self.ttlSeconds = ttlSeconds
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.record("key", &key)
        try coder.u64("workerID", &workerID)
        try coder.u64("generation", &generation)
        try coder.u32("rank", &rank)
        try coder.u64("bindCounter", &bindCounter)
        try coder.u32("ttlSeconds", &ttlSeconds)
    }
}

/// Layout: `proto-spec/04-messages.md#sessiongone`.
package struct SessionGone: WireRecord, Hashable {
    package var key = SessionKey()
    package var workerID: UInt64 = 0
    package var bindCounter: UInt64 = 0
    package var reason = SessionEndReason.closed

    package init() {}
    package init(key: SessionKey, workerID: UInt64, bindCounter: UInt64, reason: SessionEndReason) {
        self.key = key
        self.workerID = workerID
        self.bindCounter = bindCounter
        self.reason = reason
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.record("key", &key)
        try coder.u64("workerID", &workerID)
        try coder.u64("bindCounter", &bindCounter)
        try coder.choice("reason", &reason)
    }
}

/// Layout: `proto-spec/04-messages.md#queuedepth`.
package struct QueueDepth: WireRecord, Hashable {
    package var model = ""
    package var pool = Digest()
    package var requests: UInt32 = 0
    package var tokens: UInt64 = 0
    package var oldestMilliseconds: UInt32 = 0
    /// Recent; what `Retry-After` comes from.
    package var drainedTokensPerSecond: UInt64 = 0

    package init() {}
    package init(model: String, pool: Digest, requests: UInt32, tokens: UInt64, oldestMilliseconds: UInt32, drainedTokensPerSecond: UInt64)
    {
        self.model = model
        self.pool = pool
        self.requests = requests
        self.tokens = tokens
        self.oldestMilliseconds = oldestMilliseconds
        self.drainedTokensPerSecond = drainedTokensPerSecond
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.text("model", &model, atMost: Limits.nameBytes)
        try coder.digest("pool", &pool)
        try coder.u32("requests", &requests)
        try coder.u64("tokens", &tokens)
        try coder.u32("oldestMilliseconds", &oldestMilliseconds)
        try coder.u64("drainedTokensPerSecond", &drainedTokensPerSecond)
    }
}

/// What a router knows of a request that it placed. Layout: `proto-spec/04-messages.md#routeslice`.
package struct RouteSlice: WireRecord, Hashable {
    package var request = RequestKey()
    package var outcome = PlanOutcome.placed
    package var legs: [PlanLeg] = []
    package var promptBlocks: UInt32 = 0
    /// What one ideal cache would have had.
    package var reachableBlocks: UInt32 = 0
    package var queueMicroseconds: UInt64 = 0
    package var decisionNanoseconds: UInt64 = 0
    package var queueDepth: UInt32 = 0

    package init() {}
    package init(
        request: RequestKey, outcome: PlanOutcome, legs: [PlanLeg], promptBlocks: UInt32, reachableBlocks: UInt32,
        queueMicroseconds: UInt64, decisionNanoseconds: UInt64, queueDepth: UInt32
    ) {
        self.request = request
        self.outcome = outcome
        self.legs = legs
        self.promptBlocks = promptBlocks
        self.reachableBlocks = reachableBlocks
        self.queueMicroseconds = queueMicroseconds
        self.decisionNanoseconds = decisionNanoseconds
        self.queueDepth = queueDepth
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.record("request", &request)
        try coder.choice("outcome", &outcome)
        try coder.list("legs", &legs, atMost: Limits.planLegs)
        try coder.u32("promptBlocks", &promptBlocks)
        try coder.u32("reachableBlocks", &reachableBlocks)
        try coder.u64("queueMicroseconds", &queueMicroseconds)
        try coder.u64("decisionNanoseconds", &decisionNanoseconds)
        try coder.u32("queueDepth", &queueDepth)
    }
}

/// Layout: `proto-spec/04-messages.md#routerhealth`.
package struct RouterHealth: WireRecord, Hashable {
    package var state = ProcessState.starting
    package var reason = ""
    package var workers: UInt32 = 0
    /// Workers whose stream is being recovered.
    package var resyncing: UInt32 = 0
    package var leases: UInt32 = 0
    package var indexedBlocks: UInt64 = 0

    package init() {}
    package init(state: ProcessState, reason: String, workers: UInt32, resyncing: UInt32, leases: UInt32, indexedBlocks: UInt64) {
        self.state = state
        self.reason = reason
        self.workers = workers
        self.resyncing = resyncing
        self.leases = leases
        self.indexedBlocks = indexedBlocks
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.choice("state", &state)
        try coder.text("reason", &reason, atMost: Limits.reasonBytes)
        try coder.u32("workers", &workers)
        try coder.u32("resyncing", &resyncing)
        try coder.u32("leases", &leases)
        try coder.u64("indexedBlocks", &indexedBlocks)
    }
}
