package import ClusterModel

/// Requests to start: what one turn of the frontend's loop gathered for this worker. `origin` is the frontend's nonce. Every entry is
/// answered by statuses in StatusBatch, first AcceptedStatus or RefusedStatus, last RefusedStatus or EndedStatus. Layout: `proto-
/// spec/04-messages.md#generatebatch`.
package struct GenerateBatch: WireMessage, Hashable {
    package static let kind = MessageKind.generateBatch

    package var entries: [GenerateEntry] = []

    package init() {}
    package init(entries: [GenerateEntry]) {
        self.entries = entries
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.sizedList("entries", &entries, atMost: Limits.batchEntries)
    }
}

/// What became of requests, apart from their tokens: one message a step and frontend. `origin` is the frontend's nonce. Statuses of a
/// request come in order, and in order with its tokens: the last frame comes before EndedStatus. Layout: `proto-
/// spec/04-messages.md#statusbatch`.
package struct StatusBatch: WireMessage, Hashable {
    package static let kind = MessageKind.statusBatch

    package var entries: [StatusEntry] = []

    package init() {}
    package init(entries: [StatusEntry]) {
        self.entries = entries
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.variants("entries", &entries, atMost: Limits.batchEntries)
    }
}

/// An open set: values of later minors are kept. Table: `proto-spec/04-messages.md#cancelreason`.
package struct CancelReason: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt16
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    /// The client left.
    package static let clientGone = CancelReason(rawValue: 1)
    /// The frontend found a stop string: the choice is complete.
    package static let stopMatched = CancelReason(rawValue: 2)
    /// A limit of the frontend ran out.
    package static let timedOut = CancelReason(rawValue: 3)
    /// The other leg failed.
    package static let legFailed = CancelReason(rawValue: 4)
    /// The request goes on elsewhere.
    package static let moved = CancelReason(rawValue: 5)
    /// The frontend ends.
    package static let shutdown = CancelReason(rawValue: 6)
}

/// Layout: `proto-spec/04-messages.md#cancelentry`.
package struct CancelEntry: WireRecord, Hashable {
    package var counter: UInt64 = 0
    /// Every attempt up to this one.
    package var attempt: UInt8 = 0
    /// 255: all of the request.
    package var choice: UInt8 = 0
    package var reason = CancelReason(rawValue: 0)

    package init() {}
    package init(counter: UInt64, attempt: UInt8, choice: UInt8, reason: CancelReason) {
        self.counter = counter
        self.attempt = attempt
        self.choice = choice
        self.reason = reason
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u64("counter", &counter)
        try coder.u8("attempt", &attempt)
        try coder.u8("choice", &choice)
        try coder.u16("reason", &reason)
    }
}

/// Ends requests or choices. `origin` is the frontend's nonce. Not answered but by EndedStatus; frames that were under way may still come.
/// Layout: `proto-spec/04-messages.md#cancelbatch`.
package struct CancelBatch: WireMessage, Hashable {
    package static let kind = MessageKind.cancelBatch

    package var requests: [CancelEntry] = []

    package init() {}
    package init(requests: [CancelEntry]) {
        self.requests = requests
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.list("requests", &requests, atMost: Limits.batchEntries)
    }
}

/// Opens a session on the worker, before the request that opens it is sent. Answered by SessionOpened or Failure. A repeat renews the time
/// to live. Layout: `proto-spec/04-messages.md#opensession`.
package struct OpenSession: WireMessage, Hashable {
    package static let kind = MessageKind.openSession

    package var key = SessionKey()
    package var rank: UInt32 = 0
    /// 0: the default.
    package var ttlSeconds: UInt32 = 0
    package var pool = Digest()
    package var loRA = ""
    package var salt: [UInt8] = []

    package init() {}
    package init(key: SessionKey, rank: UInt32, ttlSeconds: UInt32, pool: Digest, loRA: String, salt: [UInt8]) {
        self.key = key
        self.rank = rank
        self.ttlSeconds = ttlSeconds
        self.pool = pool
        self.loRA = loRA
        self.salt = salt
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.record("key", &key)
        try coder.u32("rank", &rank)
        try coder.u32("ttlSeconds", &ttlSeconds)
        try coder.digest("pool", &pool)
        try coder.text("loRA", &loRA, atMost: Limits.nameBytes)
        try coder.bytes("salt", &salt, atMost: Limits.saltBytes)
    }
}

/// The session is bound. Layout: `proto-spec/04-messages.md#sessionopened`.
package struct SessionOpened: WireMessage, Hashable {
    package static let kind = MessageKind.sessionOpened

    /// Ascends on this worker; of two bindings of a session the smaller (bindCounter, worker id) wins.
    package var bindCounter: UInt64 = 0
    package var rank: UInt32 = 0
    /// As granted.
    package var ttlSeconds: UInt32 = 0

    package init() {}
    package init(bindCounter: UInt64, rank: UInt32, ttlSeconds: UInt32) {
        self.bindCounter = bindCounter
        self.rank = rank
        self.ttlSeconds = ttlSeconds
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u64("bindCounter", &bindCounter)
        try coder.u32("rank", &rank)
        try coder.u32("ttlSeconds", &ttlSeconds)
    }
}

/// Ends a session. Answered by SessionEnded. Layout: `proto-spec/04-messages.md#endsession`.
package struct EndSession: WireMessage, Hashable {
    package static let kind = MessageKind.endSession

    package var key = SessionKey()
    /// 0: whichever.
    package var bindCounter: UInt64 = 0
    /// Only when its running requests have ended.
    package var afterRequests = false

    package init() {}
    package init(key: SessionKey, bindCounter: UInt64, afterRequests: Bool) {
        self.key = key
        self.bindCounter = bindCounter
        self.afterRequests = afterRequests
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.record("key", &key)
        try coder.u64("bindCounter", &bindCounter)
        try coder.bool("afterRequests", &afterRequests)
    }
}

/// The session has ended, or will when its requests have. Layout: `proto-spec/04-messages.md#sessionended`.
package struct SessionEnded: WireMessage, Hashable {
    package static let kind = MessageKind.sessionEnded

    package var existed = false

    package init() {}
    package init(existed: Bool) {
        self.existed = existed
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.bool("existed", &existed)
    }
}
