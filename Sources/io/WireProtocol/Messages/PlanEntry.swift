package import ClusterModel

/// Table: `proto-spec/04-messages.md#planoutcome`.
package enum PlanOutcome: UInt8, WireEnum {
    /// Legs are booked.
    case placed = 1
    /// Legs are named, nothing is booked.
    case queryOnly
    /// `failure` says why.
    case failed
}

/// Table: `proto-spec/04-messages.md#handoverpath`.
package enum HandOverPath: UInt8, WireEnum {
    /// One leg, or a prefill leg alone.
    case none = 0
    /// Both legs start at once and meet in a room.
    case concurrent
    /// The decode leg starts with what the prefill leg hands over.
    case sequential
}

/// Table: `proto-spec/04-messages.md#sessionoutcome`.
package enum SessionOutcome: UInt8, WireEnum {
    /// No session, or none bound.
    case none = 0
    /// Placed where the session is.
    case bound
    /// Placed elsewhere: its worker is full, or takes no work now, and the mode is soft.
    case spilled
    /// The worker of the binding is gone; placed anew.
    case lost
}

/// Layout: `proto-spec/04-messages.md#planleg`.
package struct PlanLeg: WireRecord, Hashable {
    package var leg = Leg.aggregated
    /// Its address stands in the directory.
    package var workerID: UInt64 = 0
    package var generation: UInt64 = 0
    package var rank: UInt32 = 0
    /// 0 if nothing was booked.
    package var lease: UInt64 = 0
    /// Of the prompt, believed to be there.
    package var deviceBlocks: UInt32 = 0
    /// The following ones.
    package var hostBlocks: UInt32 = 0
    /// The following ones.
    package var diskBlocks: UInt32 = 0
    /// The following ones.
    package var externalBlocks: UInt32 = 0
    /// Prefill tokens the router believes to wait there, without this request.
    package var waitingTokens: UInt64 = 0
    /// The sequence number of the worker's stream that the belief comes from.
    package var streamNumber: UInt64 = 0

    package init() {}

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.choice("leg", &leg)
        try coder.u64("workerID", &workerID)
        try coder.u64("generation", &generation)
        try coder.u32("rank", &rank)
        try coder.u64("lease", &lease)
        try coder.u32("deviceBlocks", &deviceBlocks)
        try coder.u32("hostBlocks", &hostBlocks)
        try coder.u32("diskBlocks", &diskBlocks)
        try coder.u32("externalBlocks", &externalBlocks)
        try coder.u64("waitingTokens", &waitingTokens)
        try coder.u64("streamNumber", &streamNumber)
    }
}

/// Layout: `proto-spec/04-messages.md#planentry`.
package struct PlanEntry: WireRecord, Hashable {
    package var counter: UInt64 = 0
    package var attempt: UInt8 = 0
    package var outcome = PlanOutcome.placed
    /// Who decided.
    package var routerID: UInt64 = 0
    /// The card of the pool; zero if it failed before one was chosen.
    package var pool = Digest()
    /// Prefill before decode.
    package var legs: [PlanLeg] = []
    package var handOver = HandOverPath.none
    package var session = SessionOutcome.none
    /// Blocks of the prompt, the last one perhaps not full.
    package var promptBlocks: UInt32 = 0
    /// Parked.
    package var queueMicroseconds: UInt64 = 0
    /// From taken up to booked.
    package var decisionNanoseconds: UInt64 = 0
    /// Requests parked after this decision.
    package var queueDepth: UInt32 = 0
    /// Their prompt tokens.
    package var pendingTokens: UInt64 = 0
    package var failure: FailureDetail?

    package init() {}

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u64("counter", &counter)
        try coder.u8("attempt", &attempt)
        try coder.choice("outcome", &outcome)
        try coder.u64("routerID", &routerID)
        try coder.digest("pool", &pool)
        try coder.list("legs", &legs, atMost: Limits.planLegs)
        try coder.choice("handOver", &handOver)
        try coder.choice("session", &session)
        try coder.u32("promptBlocks", &promptBlocks)
        try coder.u64("queueMicroseconds", &queueMicroseconds)
        try coder.u64("decisionNanoseconds", &decisionNanoseconds)
        try coder.u32("queueDepth", &queueDepth)
        try coder.u64("pendingTokens", &pendingTokens)
        try coder.optional("failure", &failure)
    }
}
