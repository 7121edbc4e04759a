/// Makes the worker known to a router, or replaces what it said before on the same link, for instance when adapters were loaded. Answered
/// by WorkerRegistered. Layout: `proto-spec/04-messages.md#registerworker`.
package struct RegisterWorker: WireMessage, Hashable {
    package static let kind = MessageKind.registerWorker

    package var endpoints = Endpoints()
    package var role = WorkerRole.aggregated
    package var state = ProcessState.starting
    /// What the worker can publish.
    package var events = EventsMode.exact
    package var card = ModelCard()
    /// Ascending, at least one.
    package var ranks: [RankCapacity] = []
    /// None: KV state cannot be exchanged.
    package var kvShape: KVShape?
    package var engineName = ""
    /// Equal builds can read one another's KV state.
    package var engineBuild = ""
    /// Last sequence number of the worker's stream.
    package var streamPosition: UInt64 = 0
    /// Its drain limit.
    package var drainMilliseconds: UInt32 = 0

    package init() {}

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.record("endpoints", &endpoints)
        try coder.choice("role", &role)
        try coder.choice("state", &state)
        try coder.choice("events", &events)
        try coder.record("card", &card)
        try coder.list("ranks", &ranks, atMost: Limits.ranks)
        try coder.optional("kvShape", &kvShape)
        try coder.text("engineName", &engineName, atMost: Limits.nameBytes)
        try coder.text("engineBuild", &engineBuild, atMost: Limits.nameBytes)
        try coder.u64("streamPosition", &streamPosition)
        try coder.u32("drainMilliseconds", &drainMilliseconds)
    }
}

/// The router knows the worker. It subscribes to the worker's feed now. Layout: `proto-spec/04-messages.md#workerregistered`.
package struct WorkerRegistered: WireMessage, Hashable {
    package static let kind = MessageKind.workerRegistered

    /// How the router will use this worker's events for now.
    package var events = EventsMode.exact
    /// A ParityProbe comes; until it is answered the worker is routed by load alone.
    package var parityFollows = false
    package var warnings: [Warning] = []

    package init() {}
    package init(events: EventsMode, parityFollows: Bool, warnings: [Warning]) {
        self.events = events
        self.parityFollows = parityFollows
        self.warnings = warnings
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.choice("events", &events)
        try coder.bool("parityFollows", &parityFollows)
        try coder.list("warnings", &warnings, atMost: Limits.warnings)
    }
}

/// An item in the prompt that is not text; its hash enters the hash of every block it touches. Layout: `proto-
/// spec/04-messages.md#multimodalitem`.
package struct MultimodalItem: WireRecord, Hashable {
    package var hash: UInt64 = 0
    /// Position in the prompt.
    package var firstToken: UInt32 = 0
    package var tokenCount: UInt32 = 0

    package init() {}
    package init(hash: UInt64, firstToken: UInt32, tokenCount: UInt32) {
        self.hash = hash
        self.firstToken = firstToken
        self.tokenCount = tokenCount
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u64("hash", &hash)
        try coder.u32("firstToken", &firstToken)
        try coder.u32("tokenCount", &tokenCount)
    }
}

/// Layout: `proto-spec/04-messages.md#paritylist`.
package struct ParityList: WireRecord, Hashable {
    package var tokens: [UInt32] = []
    package var blockSize: UInt32 = 0
    /// Empty: none.
    package var loRA = ""
    /// Empty: none.
    package var salt: [UInt8] = []
    package var multimodal: [MultimodalItem] = []

    package init() {}
    package init(tokens: [UInt32], blockSize: UInt32, loRA: String, salt: [UInt8], multimodal: [MultimodalItem]) {
        self.tokens = tokens
        self.blockSize = blockSize
        self.loRA = loRA
        self.salt = salt
        self.multimodal = multimodal
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u32s("tokens", &tokens, atMost: Limits.parityTokens)
        try coder.u32("blockSize", &blockSize)
        try coder.text("loRA", &loRA, atMost: Limits.nameBytes)
        try coder.bytes("salt", &salt, atMost: Limits.saltBytes)
        try coder.list("multimodal", &multimodal, atMost: Limits.multimodalItems)
    }
}

/// Asks the worker to hash lists of tokens in the way its cache events are hashed. Answered by ParityAnswer, or by Failure unsupportedKind
/// if the worker cannot. Layout: `proto-spec/04-messages.md#parityprobe`.
package struct ParityProbe: WireMessage, Hashable {
    package static let kind = MessageKind.parityProbe

    /// The golden lists of `05-block-hash` and random ones.
    package var lists: [ParityList] = []

    package init() {}
    package init(lists: [ParityList]) {
        self.lists = lists
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.list("lists", &lists, atMost: Limits.parityLists)
    }
}

/// Layout: `proto-spec/04-messages.md#parityhashes`.
package struct ParityHashes: WireRecord, Hashable {
    package var blockHashes: [UInt64] = []
    package var sequenceHashes: [UInt64] = []

    package init() {}
    package init(blockHashes: [UInt64], sequenceHashes: [UInt64]) {
        self.blockHashes = blockHashes
        self.sequenceHashes = sequenceHashes
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u64s("blockHashes", &blockHashes, atMost: Limits.promptBlocks)
        try coder.u64s("sequenceHashes", &sequenceHashes, atMost: Limits.promptBlocks)
    }
}

/// The hashes of a ParityProbe, list by list. One that differs puts the worker into `loadOnly`, with a reason that names list and block.
/// Layout: `proto-spec/04-messages.md#parityanswer`.
package struct ParityAnswer: WireMessage, Hashable {
    package static let kind = MessageKind.parityAnswer

    /// As many as were asked, in that order.
    package var lists: [ParityHashes] = []

    package init() {}
    package init(lists: [ParityHashes]) {
        self.lists = lists
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.list("lists", &lists, atMost: Limits.parityLists)
    }
}

/// Table: `proto-spec/04-messages.md#drainreason`.
package enum DrainReason: UInt8, WireEnum {
    /// The process was told to end.
    case shutdown = 1
    /// The worker takes another role.
    case roleChange
    /// Asked for on the admin side; may be undone.
    case byOperator
}

/// The worker takes nothing new from now on. Its stream says the same; this is earlier. Layout: `proto-spec/04-messages.md#drainnotice`.
package struct DrainNotice: WireMessage, Hashable {
    package static let kind = MessageKind.drainNotice

    package var reason = DrainReason.shutdown
    /// Until it moves what still runs.
    package var remainingMilliseconds: UInt32 = 0
    package var runningRequests: UInt32 = 0
    package var waitingRequests: UInt32 = 0

    package init() {}
    package init(reason: DrainReason, remainingMilliseconds: UInt32, runningRequests: UInt32, waitingRequests: UInt32) {
        self.reason = reason
        self.remainingMilliseconds = remainingMilliseconds
        self.runningRequests = runningRequests
        self.waitingRequests = waitingRequests
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.choice("reason", &reason)
        try coder.u32("remainingMilliseconds", &remainingMilliseconds)
        try coder.u32("runningRequests", &runningRequests)
        try coder.u32("waitingRequests", &waitingRequests)
    }
}

/// Ends a session's binding on this worker: it lost a conflict, or a client closed it where the frontend could not. The stream's
/// SessionUnbound is the answer. Layout: `proto-spec/04-messages.md#closesession`.
package struct CloseSession: WireMessage, Hashable {
    package static let kind = MessageKind.closeSession

    package var key = SessionKey()
    /// Only this binding; a later one stays.
    package var bindCounter: UInt64 = 0
    package var reason = SessionEndReason.closed

    package init() {}
    package init(key: SessionKey, bindCounter: UInt64, reason: SessionEndReason) {
        self.key = key
        self.bindCounter = bindCounter
        self.reason = reason
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.record("key", &key)
        try coder.u64("bindCounter", &bindCounter)
        try coder.choice("reason", &reason)
    }
}
