/// Layout: `proto-spec/04-messages.md#sessionbound`.
package struct SessionBound: WireRecord, Hashable {
    package var key = SessionKey()
    package var rank: UInt32 = 0
    /// Ascends on this worker.
    package var bindCounter: UInt64 = 0
    package var ttlSeconds: UInt32 = 0
    package var heldBlocks: UInt32 = 0

    package init() {}
    package init(key: SessionKey, rank: UInt32, bindCounter: UInt64, ttlSeconds: UInt32, heldBlocks: UInt32) {
        self.key = key
        self.rank = rank
        self.bindCounter = bindCounter
        self.ttlSeconds = ttlSeconds
        self.heldBlocks = heldBlocks
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.record("key", &key)
        try coder.u32("rank", &rank)
        try coder.u64("bindCounter", &bindCounter)
        try coder.u32("ttlSeconds", &ttlSeconds)
        try coder.u32("heldBlocks", &heldBlocks)
    }
}

/// Layout: `proto-spec/04-messages.md#sessionunbound`.
package struct SessionUnbound: WireRecord, Hashable {
    package var key = SessionKey()
    /// Of the binding that ended.
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

/// Layout: `proto-spec/04-messages.md#rankload`.
package struct RankLoad: WireRecord, Hashable {
    package var rank: UInt32 = 0
    /// Prefill tokens not yet computed.
    package var waitingTokens: UInt64 = 0
    package var waitingRequests: UInt32 = 0
    package var runningRequests: UInt32 = 0
    /// Held by requests.
    package var activeBlocks: UInt32 = 0
    /// Held by requests or cached.
    package var usedBlocks: UInt32 = 0
    package var totalBlocks: UInt32 = 0
    /// Held by sessions.
    package var sessionBlocks: UInt32 = 0

    package init() {}
    package init(
        rank: UInt32, waitingTokens: UInt64, waitingRequests: UInt32, runningRequests: UInt32, activeBlocks: UInt32, usedBlocks: UInt32,
        totalBlocks: UInt32, sessionBlocks: UInt32
    ) {
        self.rank = rank
        self.waitingTokens = waitingTokens
        self.waitingRequests = waitingRequests
        self.runningRequests = runningRequests
        self.activeBlocks = activeBlocks
        self.usedBlocks = usedBlocks
        self.totalBlocks = totalBlocks
        self.sessionBlocks = sessionBlocks
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u32("rank", &rank)
        try coder.u64("waitingTokens", &waitingTokens)
        try coder.u32("waitingRequests", &waitingRequests)
        try coder.u32("runningRequests", &runningRequests)
        try coder.u32("activeBlocks", &activeBlocks)
        try coder.u32("usedBlocks", &usedBlocks)
        try coder.u32("totalBlocks", &totalBlocks)
        try coder.u32("sessionBlocks", &sessionBlocks)
    }
}

/// Layout: `proto-spec/04-messages.md#statechanged`.
package struct StateChanged: WireRecord, Hashable {
    package var state = ProcessState.starting
    package var reason = ""

    package init() {}
    package init(state: ProcessState, reason: String) {
        self.state = state
        self.reason = reason
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.choice("state", &state)
        try coder.text("reason", &reason, atMost: Limits.reasonBytes)
    }
}
