/// Table: `proto-spec/04-messages.md#legwish`.
package enum LegWish: UInt8, WireEnum {
    /// The router chooses whole or split.
    case any = 0
    /// One worker for all of it.
    case aggregated
    /// A prefill leg only.
    case prefill
    /// A decode leg only: the second half of the sequential path, or a continued request.
    case decode
}

/// Table: `proto-spec/04-messages.md#tristate`.
package enum Tristate: UInt8, WireEnum {
    /// The router's own setting.
    case unset = 0
    /// Off for this request.
    case off
    /// On for this request.
    case on
}

/// Layout: `proto-spec/04-messages.md#pin`.
package struct Pin: WireRecord, Hashable {
    /// For which leg.
    package var leg = Leg.aggregated
    package var workerID: UInt64 = 0
    /// None: the worker's least loaded one.
    package var rank: UInt32?

    package init() {}
    package init(leg: Leg, workerID: UInt64, rank: UInt32?) {
        self.leg = leg
        self.workerID = workerID
        self.rank = rank
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.choice("leg", &leg)
        try coder.u64("workerID", &workerID)
        try coder.optionalU32("rank", &rank)
    }
}

/// Layout: `proto-spec/04-messages.md#routingoptions`.
package struct RoutingOptions: WireRecord, Hashable {
    /// ≥ 0 moves a request forward in its queue, in seconds.
    package var priority: Float = 0
    /// The higher class goes first, whatever the priorities within classes are.
    package var priorityClass: UInt32 = 0
    /// The client's hint.
    package var expectedOutputTokens: UInt32?
    /// At most one a leg.
    package var pins: [Pin] = []
    /// Taken if it is eligible and not busy: it may still hold the request's blocks.
    package var preferred: PlacementRef?
    /// Empty: every worker.
    package var allowedWorkers: [UInt64] = []
    /// Refused or lost this request.
    package var excludedWorkers: [UInt64] = []
    /// The frontend has no link to them.
    package var unreachableWorkers: [UInt64] = []
    /// ≥ 0.
    package var overlapWeight: Float?
    /// ≥ 0.
    package var temperature: Float?
    package var assumeReuse = Tristate.unset
    package var trackPrefill = Tristate.unset
    /// Empty: the router's own.
    package var policy = ""

    package init() {}

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.f32("priority", &priority)
        try coder.u32("priorityClass", &priorityClass)
        try coder.optionalU32("expectedOutputTokens", &expectedOutputTokens)
        try coder.list("pins", &pins, atMost: Limits.pins)
        try coder.optional("preferred", &preferred)
        try coder.u64s("allowedWorkers", &allowedWorkers, atMost: Limits.workerIDs)
        try coder.u64s("excludedWorkers", &excludedWorkers, atMost: Limits.workerIDs)
        try coder.u64s("unreachableWorkers", &unreachableWorkers, atMost: Limits.workerIDs)
        try coder.optionalF32("overlapWeight", &overlapWeight)
        try coder.optionalF32("temperature", &temperature)
        try coder.choice("assumeReuse", &assumeReuse)
        try coder.choice("trackPrefill", &trackPrefill)
        try coder.text("policy", &policy, atMost: Limits.nameBytes)
    }
}

/// Table: `proto-spec/04-messages.md#sessionaction`.
package enum SessionAction: UInt8, WireEnum {
    /// Follow the binding if there is one.
    case use = 0
    /// Bind to the placement that is chosen, before generation.
    case open
    /// Follow the binding and end it after generation; in a query: end it now.
    case close
}

/// Table: `proto-spec/04-messages.md#sessionmode`.
package enum SessionMode: UInt8, WireEnum {
    /// A full worker may be spilled from.
    case soft = 0
    /// Waits for its worker or fails.
    case hard
}

/// Layout: `proto-spec/04-messages.md#routesession`.
package struct RouteSession: WireRecord, Hashable {
    package var key = SessionKey()
    package var action = SessionAction.use
    package var mode = SessionMode.soft
    /// 0: the default.
    package var ttlSeconds: UInt32 = 0
    /// From a cookie; used if the router knows no binding.
    package var hint: PlacementRef?

    package init() {}
    package init(key: SessionKey, action: SessionAction, mode: SessionMode, ttlSeconds: UInt32, hint: PlacementRef?) {
        self.key = key
        self.action = action
        self.mode = mode
        self.ttlSeconds = ttlSeconds
        self.hint = hint
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.record("key", &key)
        try coder.choice("action", &action)
        try coder.choice("mode", &mode)
        try coder.u32("ttlSeconds", &ttlSeconds)
        try coder.optional("hint", &hint)
    }
}

/// A worker refused this request, because its rank had more waiting tokens than the router believed. Layout:
/// `proto-spec/04-messages.md#overbookedreport`.
package struct OverbookedReport: WireRecord, Hashable {
    package var workerID: UInt64 = 0
    package var generation: UInt64 = 0
    package var rank: UInt32 = 0
    /// The one that was refused; it has ended.
    package var lease: UInt64 = 0
    /// What the worker has.
    package var waitingTokens: UInt64 = 0
    /// The worker's last sequence number when it said so.
    package var streamNumber: UInt64 = 0

    package init() {}
    package init(workerID: UInt64, generation: UInt64, rank: UInt32, lease: UInt64, waitingTokens: UInt64, streamNumber: UInt64) {
        self.workerID = workerID
        self.generation = generation
        self.rank = rank
        self.lease = lease
        self.waitingTokens = waitingTokens
        self.streamNumber = streamNumber
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u64("workerID", &workerID)
        try coder.u64("generation", &generation)
        try coder.u32("rank", &rank)
        try coder.u64("lease", &lease)
        try coder.u64("waitingTokens", &waitingTokens)
        try coder.u64("streamNumber", &streamNumber)
    }
}

/// Layout: `proto-spec/04-messages.md#routeentry`.
package struct RouteEntry: WireRecord, Hashable {
    package var counter: UInt64 = 0
    /// From 1.
    package var attempt: UInt8 = 0
    package var task = RequestTask.generate
    package var wish = LegWish.any
    /// Book nothing.
    package var queryOnly = false
    /// From 1.
    package var choices: UInt8 = 0
    /// As the client wrote it.
    package var model = ""
    /// A continued request stays in its pool.
    package var pool: PoolRef?
    /// Of the hashes.
    package var blockSize: UInt32 = 0
    /// Prompt and tokens shown so far.
    package var tokenCount: UInt32 = 0
    /// That may still be produced; 0: up to the context length.
    package var maxTokens: UInt32 = 0
    /// Of all full blocks.
    package var sequenceHashes: [UInt64] = []
    /// Bits of `Capabilities` that the worker must have.
    package var needs: Capabilities = []
    /// Empty: none.
    package var loRA = ""
    package var tenant = ""
    /// > 0; the share of the queue.
    package var tenantWeight: Float = 1
    package var options = RoutingOptions()
    package var session: RouteSession?
    package var overbooked: [OverbookedReport] = []
    /// Until the request's total limit.
    package var remainingMilliseconds: UInt32 = 0
    /// How long it may be parked; 0: the router's limit.
    package var queueMilliseconds: UInt32 = 0
    /// What hashing cost the frontend, saturating.
    package var blockHashNanoseconds: UInt32 = 0
    package var sequenceHashNanoseconds: UInt32 = 0
    /// W3C `traceparent`, or empty.
    package var traceParent = ""

    package init() {}

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u64("counter", &counter)
        try coder.u8("attempt", &attempt)
        try coder.choice("task", &task)
        try coder.choice("wish", &wish)
        try coder.bool("queryOnly", &queryOnly)
        try coder.u8("choices", &choices)
        try coder.text("model", &model, atMost: Limits.nameBytes)
        try coder.optional("pool", &pool)
        try coder.u32("blockSize", &blockSize)
        try coder.u32("tokenCount", &tokenCount)
        try coder.u32("maxTokens", &maxTokens)
        try coder.u64s("sequenceHashes", &sequenceHashes, atMost: Limits.promptBlocks)
        try coder.u64("needs", &needs)
        try coder.text("loRA", &loRA, atMost: Limits.nameBytes)
        try coder.text("tenant", &tenant, atMost: Limits.labelBytes)
        try coder.f32("tenantWeight", &tenantWeight)
        try coder.record("options", &options)
        try coder.optional("session", &session)
        try coder.list("overbooked", &overbooked, atMost: Limits.overbookedReports)
        try coder.u32("remainingMilliseconds", &remainingMilliseconds)
        try coder.u32("queueMilliseconds", &queueMilliseconds)
        try coder.u32("blockHashNanoseconds", &blockHashNanoseconds)
        try coder.u32("sequenceHashNanoseconds", &sequenceHashNanoseconds)
        try coder.text("traceParent", &traceParent, atMost: Limits.traceParentBytes)
    }
}
