/// What changed at a frontend in one tick. `origin` is its generation, which is its nonce; `number` the first change's. Layout: `proto-
/// spec/04-messages.md#frontendstate`.
package struct FrontendState: WireMessage, Hashable {
    package static let kind = MessageKind.frontendState

    package var changes: [FrontendChange] = []

    package init() {}
    package init(changes: [FrontendChange]) {
        self.changes = changes
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.variants("changes", &changes, atMost: Limits.eventsPerBatch)
    }
}

/// Tags: `proto-spec/04-messages.md#frontendchange`.
package enum FrontendChange: WireVariant, Hashable {
    case requestSlice(RequestSlice)
    case tenantCharge(TenantCharge)
    case frontendLoad(FrontendLoad)
    case stateChanged(StateChanged)
    /// What a later minor added, kept as it came.
    case unknown(tag: UInt8, bytes: [UInt8])

    package static let records: [(tag: UInt8, name: StaticString)] = [
        (1, "RequestSlice"), (2, "TenantCharge"), (3, "FrontendLoad"), (4, "StateChanged"),
    ]

    package init(tag: UInt8) {
        switch tag {
        case 1: self = .requestSlice(RequestSlice())
        case 2: self = .tenantCharge(TenantCharge())
        case 3: self = .frontendLoad(FrontendLoad())
        case 4: self = .stateChanged(StateChanged())
        default: self = .unknown(tag: tag, bytes: [])
        }
    }

    package var tag: UInt8 {
        switch self {
        case .requestSlice: 1
        case .tenantCharge: 2
        case .frontendLoad: 3
        case .stateChanged: 4
        case .unknown(let tag, _): tag
        }
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        switch self {
        case .requestSlice(var record):
            try record.layout(&coder)
            self = .requestSlice(record)
        case .tenantCharge(var record):
            try record.layout(&coder)
            self = .tenantCharge(record)
        case .frontendLoad(var record):
            try record.layout(&coder)
            self = .frontendLoad(record)
        case .stateChanged(var record):
            try record.layout(&coder)
            self = .stateChanged(record)
        case .unknown(let tag, var bytes):
            try coder.rest("bytes", &bytes)
            self = .unknown(tag: tag, bytes: bytes)
        }
    }
}

/// Each measured on one clock, 0 where a stage did not happen. Layout: `proto-spec/04-messages.md#stagedurations`.
package struct StageDurations: WireRecord, Hashable {
    package var tokenizeMicroseconds: UInt64 = 0
    /// Asked to answered, as the frontend sees it.
    package var routeMicroseconds: UInt64 = 0
    package var queueMicroseconds: UInt64 = 0
    /// Plan to accepted.
    package var dispatchMicroseconds: UInt64 = 0
    package var workerWaitMicroseconds: UInt64 = 0
    package var prefillMicroseconds: UInt64 = 0
    /// Exposed.
    package var transferMicroseconds: UInt64 = 0
    package var decodeMicroseconds: UInt64 = 0
    package var detokenizeMicroseconds: UInt64 = 0
    package var writeMicroseconds: UInt64 = 0
    /// Received to first token.
    package var firstTokenMicroseconds: UInt64 = 0
    /// Received to finish.
    package var totalMicroseconds: UInt64 = 0

    package init() {}

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u64("tokenizeMicroseconds", &tokenizeMicroseconds)
        try coder.u64("routeMicroseconds", &routeMicroseconds)
        try coder.u64("queueMicroseconds", &queueMicroseconds)
        try coder.u64("dispatchMicroseconds", &dispatchMicroseconds)
        try coder.u64("workerWaitMicroseconds", &workerWaitMicroseconds)
        try coder.u64("prefillMicroseconds", &prefillMicroseconds)
        try coder.u64("transferMicroseconds", &transferMicroseconds)
        try coder.u64("decodeMicroseconds", &decodeMicroseconds)
        try coder.u64("detokenizeMicroseconds", &detokenizeMicroseconds)
        try coder.u64("writeMicroseconds", &writeMicroseconds)
        try coder.u64("firstTokenMicroseconds", &firstTokenMicroseconds)
        try coder.u64("totalMicroseconds", &totalMicroseconds)
    }
}

/// What a frontend knows of a request that ended. Layout: `proto-spec/04-messages.md#requestslice`.
package struct RequestSlice: WireRecord, Hashable {
    package var counter: UInt64 = 0
    package var attempts: UInt8 = 0
    package var model = ""
    package var tenant = ""
    /// HTTP status.
    package var status: UInt16 = 0
    /// 0: none.
    package var failure = FailureCode(rawValue: 0)
    package var streaming = false
    package var choices: UInt8 = 0
    package var promptTokens: UInt32 = 0
    package var cachedTokens: UInt32 = 0
    package var outputTokens: UInt32 = 0
    package var prefill: PlacementRef?
    package var decode: PlacementRef?
    /// Wall clock, for people.
    package var receivedEpochMilliseconds: UInt64 = 0
    package var durations = StageDurations()

    package init() {}

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u64("counter", &counter)
        try coder.u8("attempts", &attempts)
        try coder.text("model", &model, atMost: Limits.nameBytes)
        try coder.text("tenant", &tenant, atMost: Limits.labelBytes)
        try coder.u16("status", &status)
        try coder.u16("failure", &failure)
        try coder.bool("streaming", &streaming)
        try coder.u8("choices", &choices)
        try coder.u32("promptTokens", &promptTokens)
        try coder.u32("cachedTokens", &cachedTokens)
        try coder.u32("outputTokens", &outputTokens)
        try coder.optional("prefill", &prefill)
        try coder.optional("decode", &decode)
        try coder.u64("receivedEpochMilliseconds", &receivedEpochMilliseconds)
        try coder.record("durations", &durations)
    }
}

/// Totals since the frontend's generation began, so that a lost message costs nothing. Layout: `proto-spec/04-messages.md#tenantcharge`.
package struct TenantCharge: WireRecord, Hashable {
    package var tenant = ""
    package var requests: UInt64 = 0
    package var promptTokens: UInt64 = 0
    package var outputTokens: UInt64 = 0
    /// Now.
    package var running: UInt32 = 0

    package init() {}
    package init(tenant: String, requests: UInt64, promptTokens: UInt64, outputTokens: UInt64, running: UInt32) {
        self.tenant = tenant
        self.requests = requests
        self.promptTokens = promptTokens
        self.outputTokens = outputTokens
        self.running = running
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.text("tenant", &tenant, atMost: Limits.labelBytes)
        try coder.u64("requests", &requests)
        try coder.u64("promptTokens", &promptTokens)
        try coder.u64("outputTokens", &outputTokens)
        try coder.u32("running", &running)
    }
}

/// Layout: `proto-spec/04-messages.md#frontendload`.
package struct FrontendLoad: WireRecord, Hashable {
    package var connections: UInt32 = 0
    /// Running.
    package var requests: UInt32 = 0
    /// Of those, streaming.
    package var streams: UInt32 = 0
    /// Not yet taken by clients.
    package var bufferedBytes: UInt64 = 0
    /// Since the generation began.
    package var requestsTotal: UInt64 = 0
    /// Given out since then.
    package var tokensTotal: UInt64 = 0

    package init() {}
    package init(connections: UInt32, requests: UInt32, streams: UInt32, bufferedBytes: UInt64, requestsTotal: UInt64, tokensTotal: UInt64)
    {
        self.connections = connections
        self.requests = requests
        self.streams = streams
        self.bufferedBytes = bufferedBytes
        self.requestsTotal = requestsTotal
        self.tokensTotal = tokensTotal
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u32("connections", &connections)
        try coder.u32("requests", &requests)
        try coder.u32("streams", &streams)
        try coder.u64("bufferedBytes", &bufferedBytes)
        try coder.u64("requestsTotal", &requestsTotal)
        try coder.u64("tokensTotal", &tokensTotal)
    }
}
