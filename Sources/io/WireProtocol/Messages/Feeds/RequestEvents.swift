/// Layout: `proto-spec/04-messages.md#requestaccepted`.
package struct RequestAccepted: WireRecord, Hashable {
    package var lease: UInt64 = 0
    package var request = RequestKey()
    /// Who gave the lease.
    package var routerID: UInt64 = 0
    package var rank: UInt32 = 0
    package var leg = Leg.aggregated
    package var promptTokens: UInt32 = 0
    /// Of those, to be computed, as the worker sees it now.
    package var prefillTokens: UInt32 = 0
    package var maxTokens: UInt32 = 0
    package var expectedOutputTokens: UInt32?

    package init() {}
    package init(
        lease: UInt64, request: RequestKey, routerID: UInt64, rank: UInt32, leg: Leg, promptTokens: UInt32, prefillTokens: UInt32,
        maxTokens: UInt32, expectedOutputTokens: UInt32?
    ) {
        self.lease = lease
        self.request = request
        self.routerID = routerID
        self.rank = rank
        self.leg = leg
        self.promptTokens = promptTokens
        self.prefillTokens = prefillTokens
        self.maxTokens = maxTokens
        self.expectedOutputTokens = expectedOutputTokens
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u64("lease", &lease)
        try coder.record("request", &request)
        try coder.u64("routerID", &routerID)
        try coder.u32("rank", &rank)
        try coder.choice("leg", &leg)
        try coder.u32("promptTokens", &promptTokens)
        try coder.u32("prefillTokens", &prefillTokens)
        try coder.u32("maxTokens", &maxTokens)
        try coder.optionalU32("expectedOutputTokens", &expectedOutputTokens)
    }
}

/// The full blocks of a request's prompt: one or several events before *started*. Layout: `proto-spec/04-messages.md#requestblocks`.
package struct RequestBlocks: WireRecord, Hashable {
    package var lease: UInt64 = 0
    package var rank: UInt32 = 0
    /// Index of the first hash in the prompt.
    package var firstBlock: UInt32 = 0
    /// Sequence hashes.
    package var hashes: [UInt64] = []

    package init() {}
    package init(lease: UInt64, rank: UInt32, firstBlock: UInt32, hashes: [UInt64]) {
        self.lease = lease
        self.rank = rank
        self.firstBlock = firstBlock
        self.hashes = hashes
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u64("lease", &lease)
        try coder.u32("rank", &rank)
        try coder.u32("firstBlock", &firstBlock)
        try coder.u64s("hashes", &hashes, atMost: Limits.hashesPerEvent)
    }
}

/// Layout: `proto-spec/04-messages.md#requeststarted`.
package struct RequestStarted: WireRecord, Hashable {
    package var lease: UInt64 = 0
    package var rank: UInt32 = 0
    /// Really found.
    package var cachedTokens: UInt32 = 0
    package var waitedMicroseconds: UInt64 = 0

    package init() {}
    package init(lease: UInt64, rank: UInt32, cachedTokens: UInt32, waitedMicroseconds: UInt64) {
        self.lease = lease
        self.rank = rank
        self.cachedTokens = cachedTokens
        self.waitedMicroseconds = waitedMicroseconds
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u64("lease", &lease)
        try coder.u32("rank", &rank)
        try coder.u32("cachedTokens", &cachedTokens)
        try coder.u64("waitedMicroseconds", &waitedMicroseconds)
    }
}

/// Layout: `proto-spec/04-messages.md#prefillprogress`.
package struct PrefillProgress: WireRecord, Hashable {
    package var lease: UInt64 = 0
    package var rank: UInt32 = 0
    /// Replaces what was known.
    package var remainingTokens: UInt32 = 0

    package init() {}
    package init(lease: UInt64, rank: UInt32, remainingTokens: UInt32) {
        self.lease = lease
        self.rank = rank
        self.remainingTokens = remainingTokens
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u64("lease", &lease)
        try coder.u32("rank", &rank)
        try coder.u32("remainingTokens", &remainingTokens)
    }
}

/// Layout: `proto-spec/04-messages.md#prefilldone`.
package struct PrefillDone: WireRecord, Hashable {
    package var lease: UInt64 = 0
    package var rank: UInt32 = 0
    package var prefillMicroseconds: UInt64 = 0

    package init() {}
    package init(lease: UInt64, rank: UInt32, prefillMicroseconds: UInt64) {
        self.lease = lease
        self.rank = rank
        self.prefillMicroseconds = prefillMicroseconds
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u64("lease", &lease)
        try coder.u32("rank", &rank)
        try coder.u64("prefillMicroseconds", &prefillMicroseconds)
    }
}

/// Layout: `proto-spec/04-messages.md#blocksgrown`.
package struct BlocksGrown: WireRecord, Hashable {
    package var lease: UInt64 = 0
    package var rank: UInt32 = 0
    /// Held beyond the prompt now: replaces, never adds.
    package var outputBlocks: UInt32 = 0
    /// Now.
    package var outputTokens: UInt32 = 0

    package init() {}
    package init(lease: UInt64, rank: UInt32, outputBlocks: UInt32, outputTokens: UInt32) {
        self.lease = lease
        self.rank = rank
        self.outputBlocks = outputBlocks
        self.outputTokens = outputTokens
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u64("lease", &lease)
        try coder.u32("rank", &rank)
        try coder.u32("outputBlocks", &outputBlocks)
        try coder.u32("outputTokens", &outputTokens)
    }
}

/// Layout: `proto-spec/04-messages.md#requestended`.
package struct RequestEnded: WireRecord, Hashable {
    package var lease: UInt64 = 0
    package var request = RequestKey()
    package var rank: UInt32 = 0
    package var leg = Leg.aggregated
    package var reason = EndReason(rawValue: 0)
    package var promptTokens: UInt32 = 0
    package var cachedTokens: UInt32 = 0
    package var outputTokens: UInt32 = 0
    package var durations = WorkerDurations()

    package init() {}
    package init(
        lease: UInt64, request: RequestKey, rank: UInt32, leg: Leg, reason: EndReason, promptTokens: UInt32, cachedTokens: UInt32,
        outputTokens: UInt32, durations: WorkerDurations
    ) {
        self.lease = lease
        self.request = request
        self.rank = rank
        self.leg = leg
        self.reason = reason
        self.promptTokens = promptTokens
        self.cachedTokens = cachedTokens
        self.outputTokens = outputTokens
        self.durations = durations
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u64("lease", &lease)
        try coder.record("request", &request)
        try coder.u32("rank", &rank)
        try coder.choice("leg", &leg)
        try coder.u16("reason", &reason)
        try coder.u32("promptTokens", &promptTokens)
        try coder.u32("cachedTokens", &cachedTokens)
        try coder.u32("outputTokens", &outputTokens)
        try coder.record("durations", &durations)
    }
}
