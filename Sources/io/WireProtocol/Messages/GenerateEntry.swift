package import ClusterModel

/// Table: `proto-spec/04-messages.md#roomdirection`.
package enum RoomDirection: UInt8, WireEnum {
    /// The reader of the request dials `peerAddress` and sends KV state.
    case push = 1
    /// The reader of the request reserves blocks and is dialled.
    case receive
}

/// Layout: `proto-spec/04-messages.md#roomplan`.
package struct RoomPlan: WireRecord, Hashable {
    package var direction = RoomDirection.push
    package var peerWorkerID: UInt64 = 0
    package var peerGeneration: UInt64 = 0
    /// Where the peer accepts links.
    package var peerAddress = ""
    /// How long either side waits for the other.
    package var rendezvousMilliseconds: UInt32 = 0

    package init() {}
    package init(
        direction: RoomDirection, peerWorkerID: UInt64, peerGeneration: UInt64, peerAddress: String, rendezvousMilliseconds: UInt32
    ) {
        self.direction = direction
        self.peerWorkerID = peerWorkerID
        self.peerGeneration = peerGeneration
        self.peerAddress = peerAddress
        self.rendezvousMilliseconds = rendezvousMilliseconds
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.choice("direction", &direction)
        try coder.u64("peerWorkerID", &peerWorkerID)
        try coder.u64("peerGeneration", &peerGeneration)
        try coder.text("peerAddress", &peerAddress, atMost: Limits.addressBytes)
        try coder.u32("rendezvousMilliseconds", &rendezvousMilliseconds)
    }
}

/// What a later attempt must know of one choice. Layout: `proto-spec/04-messages.md#continuedchoice`.
package struct ContinuedChoice: WireRecord, Hashable {
    package var choice: UInt8 = 0
    /// Nothing more is wanted of it.
    package var finished = false
    /// Produced by earlier attempts; the next token's position follows them.
    package var shownTokens: [UInt32] = []
    package var remainingMaxTokens: UInt32 = 0
    package var remainingMinTokens: UInt32 = 0
    /// The position from which penalties count: the length of the original prompt.
    package var penaltyOrigin: UInt32 = 0
    /// The first position whose logprobs are still wanted.
    package var logprobOffset: UInt32 = 0
    /// What an engine said of its stop matcher; empty: start it over the shown tokens.
    package var stopState: [UInt8] = []

    package init() {}
    package init(
        choice: UInt8, finished: Bool, shownTokens: [UInt32], remainingMaxTokens: UInt32, remainingMinTokens: UInt32, penaltyOrigin: UInt32,
        logprobOffset: UInt32, stopState: [UInt8]
    ) {
        self.choice = choice
        self.finished = finished
        self.shownTokens = shownTokens
        self.remainingMaxTokens = remainingMaxTokens
        self.remainingMinTokens = remainingMinTokens
        self.penaltyOrigin = penaltyOrigin
        self.logprobOffset = logprobOffset
        self.stopState = stopState
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u8("choice", &choice)
        try coder.bool("finished", &finished)
        try coder.u32s("shownTokens", &shownTokens, atMost: Limits.promptTokens)
        try coder.u32("remainingMaxTokens", &remainingMaxTokens)
        try coder.u32("remainingMinTokens", &remainingMinTokens)
        try coder.u32("penaltyOrigin", &penaltyOrigin)
        try coder.u32("logprobOffset", &logprobOffset)
        try coder.bytes("stopState", &stopState, atMost: Limits.stopStateBytes)
    }
}

/// Layout: `proto-spec/04-messages.md#generateentry`.
package struct GenerateEntry: WireRecord, Hashable {
    package var counter: UInt64 = 0
    /// From 1.
    package var attempt: UInt8 = 0
    package var task = RequestTask.generate
    /// From 1.
    package var choices: UInt8 = 0
    package var leg = Leg.aggregated
    package var rank: UInt32 = 0
    /// 0: sent without a router's plan.
    package var lease: UInt64 = 0
    /// Who gave the lease.
    package var routerID: UInt64 = 0
    /// Refuse if more waits than `waitingTokens` and one batch.
    package var refuseOverbooked = false
    /// What the router believed.
    package var waitingTokens: UInt64 = 0
    /// And where that came from.
    package var streamNumber: UInt64 = 0
    /// Until the request's total limit.
    package var remainingMilliseconds: UInt32 = 0
    package var firstTokenMilliseconds: UInt32 = 0
    /// Between tokens.
    package var silenceMilliseconds: UInt32 = 0
    /// The card the request was made for.
    package var pool = Digest()
    /// Empty: none.
    package var loRA = ""
    /// Of the cache group; empty: none.
    package var salt: [UInt8] = []
    package var priority: Float = 0
    /// The original prompt.
    package var promptTokens: [UInt32] = []
    package var multimodal: [MultimodalItem] = []
    package var sampling = Sampling()
    package var constraint: Constraint?
    /// Empty: nothing was shown yet.
    package var continuation: [ContinuedChoice] = []
    /// The concurrent path.
    package var room: RoomPlan?
    /// The sequential path: what the prefill leg ended with.
    package var handOver: [UInt8] = []
    package var session: SessionKey?
    package var expectedOutputTokens: UInt32?
    package var traceParent = ""

    package init() {}

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u64("counter", &counter)
        try coder.u8("attempt", &attempt)
        try coder.choice("task", &task)
        try coder.u8("choices", &choices)
        try coder.choice("leg", &leg)
        try coder.u32("rank", &rank)
        try coder.u64("lease", &lease)
        try coder.u64("routerID", &routerID)
        try coder.bool("refuseOverbooked", &refuseOverbooked)
        try coder.u64("waitingTokens", &waitingTokens)
        try coder.u64("streamNumber", &streamNumber)
        try coder.u32("remainingMilliseconds", &remainingMilliseconds)
        try coder.u32("firstTokenMilliseconds", &firstTokenMilliseconds)
        try coder.u32("silenceMilliseconds", &silenceMilliseconds)
        try coder.digest("pool", &pool)
        try coder.text("loRA", &loRA, atMost: Limits.nameBytes)
        try coder.bytes("salt", &salt, atMost: Limits.saltBytes)
        try coder.f32("priority", &priority)
        try coder.u32s("promptTokens", &promptTokens, atMost: Limits.promptTokens)
        try coder.list("multimodal", &multimodal, atMost: Limits.multimodalItems)
        try coder.record("sampling", &sampling)
        try coder.optional("constraint", &constraint)
        try coder.list("continuation", &continuation, atMost: Limits.choices)
        try coder.optional("room", &room)
        try coder.bytes("handOver", &handOver, atMost: Limits.handOverBytes)
        try coder.optional("session", &session)
        try coder.optionalU32("expectedOutputTokens", &expectedOutputTokens)
        try coder.text("traceParent", &traceParent, atMost: Limits.traceParentBytes)
    }
}
