package import ClusterModel

/// Layout: `proto-spec/04-messages.md#workerentry`.
package struct WorkerEntry: WireRecord, Hashable {
    package var workerID: UInt64 = 0
    package var generation: UInt64 = 0
    package var name = ""
    package var role = WorkerRole.aggregated
    /// As the router sees it: a worker whose heartbeats it misses is not ready.
    package var state = ProcessState.starting
    package var reason = ""
    /// With hosts filled in.
    package var endpoints = Endpoints()
    /// As the router uses it.
    package var events = EventsMode.exact
    /// Routed by load alone for now.
    package var resyncing = false
    package var model = ""
    package var pool = Digest()
    package var capabilities: Capabilities = []
    package var loRAs: [Label] = []
    package var ranks: [RankCapacity] = []
    package var kvShape: KVShape?
    package var engineBuild = ""

    package init() {}

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u64("workerID", &workerID)
        try coder.u64("generation", &generation)
        try coder.text("name", &name, atMost: Limits.nameBytes)
        try coder.choice("role", &role)
        try coder.choice("state", &state)
        try coder.text("reason", &reason, atMost: Limits.reasonBytes)
        try coder.record("endpoints", &endpoints)
        try coder.choice("events", &events)
        try coder.bool("resyncing", &resyncing)
        try coder.text("model", &model, atMost: Limits.nameBytes)
        try coder.digest("pool", &pool)
        try coder.u64("capabilities", &capabilities)
        try coder.list("loRAs", &loRAs, atMost: Limits.loRAs)
        try coder.list("ranks", &ranks, atMost: Limits.ranks)
        try coder.optional("kvShape", &kvShape)
        try coder.text("engineBuild", &engineBuild, atMost: Limits.nameBytes)
    }
}

/// Layout: `proto-spec/04-messages.md#workergone`.
package struct WorkerGone: WireRecord, Hashable {
    package var workerID: UInt64 = 0
    package var generation: UInt64 = 0
    package var reason = ""

    package init() {}
    package init(workerID: UInt64, generation: UInt64, reason: String) {
        self.workerID = workerID
        self.generation = generation
        self.reason = reason
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u64("workerID", &workerID)
        try coder.u64("generation", &generation)
        try coder.text("reason", &reason, atMost: Limits.reasonBytes)
    }
}

/// Layout: `proto-spec/04-messages.md#frontendentry`.
package struct FrontendEntry: WireRecord, Hashable {
    package var frontendID: UInt64 = 0
    /// Its nonce.
    package var generation: UInt64 = 0
    package var name = ""
    package var state = ProcessState.starting
    package var endpoints = Endpoints()
    package var httpAddress = ""

    package init() {}
    package init(frontendID: UInt64, generation: UInt64, name: String, state: ProcessState, endpoints: Endpoints, httpAddress: String) {
        self.frontendID = frontendID
        self.generation = generation
        self.name = name
        self.state = state
        self.endpoints = endpoints
        self.httpAddress = httpAddress
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u64("frontendID", &frontendID)
        try coder.u64("generation", &generation)
        try coder.text("name", &name, atMost: Limits.nameBytes)
        try coder.choice("state", &state)
        try coder.record("endpoints", &endpoints)
        try coder.text("httpAddress", &httpAddress, atMost: Limits.addressBytes)
    }
}

/// Layout: `proto-spec/04-messages.md#frontendgone`.
package struct FrontendGone: WireRecord, Hashable {
    package var frontendID: UInt64 = 0
    package var generation: UInt64 = 0

    package init() {}
    package init(frontendID: UInt64, generation: UInt64) {
        self.frontendID = frontendID
        self.generation = generation
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u64("frontendID", &frontendID)
        try coder.u64("generation", &generation)
    }
}

/// Layout: `proto-spec/04-messages.md#modelpool`.
package struct ModelPool: WireRecord, Hashable {
    /// `capabilities` are those that some ready worker has; `servedNames` and `loRAs` those of any, or of the one that left last.
    package var card = ModelCard()
    package var workers: UInt32 = 0
    package var readyWorkers: UInt32 = 0
    /// New requests for this name go to this pool.
    package var current = false

    package init() {}
    package init(card: ModelCard, workers: UInt32, readyWorkers: UInt32, current: Bool) {
        self.card = card
        self.workers = workers
        self.readyWorkers = readyWorkers
        self.current = current
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.record("card", &card)
        try coder.u32("workers", &workers)
        try coder.u32("readyWorkers", &readyWorkers)
        try coder.bool("current", &current)
    }
}

/// Layout: `proto-spec/04-messages.md#modelpoolgone`.
package struct ModelPoolGone: WireRecord, Hashable {
    package var model = ""
    package var digest = Digest()

    package init() {}
    package init(model: String, digest: Digest) {
        self.model = model
        self.digest = digest
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.text("model", &model, atMost: Limits.nameBytes)
        try coder.digest("digest", &digest)
    }
}
