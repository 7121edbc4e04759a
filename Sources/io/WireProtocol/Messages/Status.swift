/// An open set: values of later minors are kept. Table: `proto-spec/04-messages.md#endreason`.
package struct EndReason: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt16
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    /// Every choice ended with a finish reason.
    package static let finished = EndReason(rawValue: 1)
    /// A prefill leg gave its state to the decode leg.
    package static let handedOver = EndReason(rawValue: 2)
    /// The frontend asked.
    package static let cancelled = EndReason(rawValue: 3)
    /// `failure` says why.
    package static let failed = EndReason(rawValue: 4)
    /// A decode leg waits no longer for its prefill leg.
    package static let prefillLost = EndReason(rawValue: 5)
    /// The worker leaves; to be continued elsewhere.
    package static let drained = EndReason(rawValue: 6)
    /// A limit that came with the request ran out.
    package static let timedOut = EndReason(rawValue: 7)
    /// The frontend's link went, and with it its requests.
    package static let linkLost = EndReason(rawValue: 8)
    /// A later attempt of the same request arrived.
    package static let superseded = EndReason(rawValue: 9)
}

/// All on the worker's clock; 0 where a stage did not happen. Layout: `proto-spec/04-messages.md#workerdurations`.
package struct WorkerDurations: WireRecord, Hashable {
    /// Received to started.
    package var waitedMicroseconds: UInt64 = 0
    /// Started to the end of prefill.
    package var prefillMicroseconds: UInt64 = 0
    /// First token to the last.
    package var decodeMicroseconds: UInt64 = 0
    /// First chunk sent to the final ack.
    package var transferMicroseconds: UInt64 = 0
    /// End of prefill to the final ack.
    package var exposedTransferMicroseconds: UInt64 = 0

    package init() {}
    package init(
        waitedMicroseconds: UInt64, prefillMicroseconds: UInt64, decodeMicroseconds: UInt64, transferMicroseconds: UInt64,
        exposedTransferMicroseconds: UInt64
    ) {
        self.waitedMicroseconds = waitedMicroseconds
        self.prefillMicroseconds = prefillMicroseconds
        self.decodeMicroseconds = decodeMicroseconds
        self.transferMicroseconds = transferMicroseconds
        self.exposedTransferMicroseconds = exposedTransferMicroseconds
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u64("waitedMicroseconds", &waitedMicroseconds)
        try coder.u64("prefillMicroseconds", &prefillMicroseconds)
        try coder.u64("decodeMicroseconds", &decodeMicroseconds)
        try coder.u64("transferMicroseconds", &transferMicroseconds)
        try coder.u64("exposedTransferMicroseconds", &exposedTransferMicroseconds)
    }
}

/// Layout: `proto-spec/04-messages.md#acceptedstatus`.
package struct AcceptedStatus: WireRecord, Hashable {
    package var counter: UInt64 = 0
    package var attempt: UInt8 = 0
    package var leg = Leg.aggregated
    /// Prefill tokens in front of it on its rank.
    package var waitingTokens: UInt64 = 0

    package init() {}
    package init(counter: UInt64, attempt: UInt8, leg: Leg, waitingTokens: UInt64) {
        self.counter = counter
        self.attempt = attempt
        self.leg = leg
        self.waitingTokens = waitingTokens
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u64("counter", &counter)
        try coder.u8("attempt", &attempt)
        try coder.choice("leg", &leg)
        try coder.u64("waitingTokens", &waitingTokens)
    }
}

/// Layout: `proto-spec/04-messages.md#refusedstatus`.
package struct RefusedStatus: WireRecord, Hashable {
    package var counter: UInt64 = 0
    package var attempt: UInt8 = 0
    package var leg = Leg.aggregated
    package var failure = FailureDetail()
    /// At the moment of the refusal.
    package var load = RankLoad()
    /// The worker's last sequence number then.
    package var streamNumber: UInt64 = 0

    package init() {}
    package init(counter: UInt64, attempt: UInt8, leg: Leg, failure: FailureDetail, load: RankLoad, streamNumber: UInt64) {
        self.counter = counter
        self.attempt = attempt
        self.leg = leg
        self.failure = failure
        self.load = load
        self.streamNumber = streamNumber
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u64("counter", &counter)
        try coder.u8("attempt", &attempt)
        try coder.choice("leg", &leg)
        try coder.record("failure", &failure)
        try coder.record("load", &load)
        try coder.u64("streamNumber", &streamNumber)
    }
}

/// Layout: `proto-spec/04-messages.md#startedstatus`.
package struct StartedStatus: WireRecord, Hashable {
    package var counter: UInt64 = 0
    package var attempt: UInt8 = 0
    package var leg = Leg.aggregated
    /// Really found.
    package var cachedTokens: UInt32 = 0
    /// From received to started.
    package var waitedMicroseconds: UInt64 = 0

    package init() {}
    package init(counter: UInt64, attempt: UInt8, leg: Leg, cachedTokens: UInt32, waitedMicroseconds: UInt64) {
        self.counter = counter
        self.attempt = attempt
        self.leg = leg
        self.cachedTokens = cachedTokens
        self.waitedMicroseconds = waitedMicroseconds
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u64("counter", &counter)
        try coder.u8("attempt", &attempt)
        try coder.choice("leg", &leg)
        try coder.u32("cachedTokens", &cachedTokens)
        try coder.u64("waitedMicroseconds", &waitedMicroseconds)
    }
}

/// Layout: `proto-spec/04-messages.md#prefillprogressstatus`.
package struct PrefillProgressStatus: WireRecord, Hashable {
    package var counter: UInt64 = 0
    package var attempt: UInt8 = 0
    package var leg = Leg.aggregated
    /// Of the prompt, cached ones among them.
    package var computedTokens: UInt32 = 0

    package init() {}
    package init(counter: UInt64, attempt: UInt8, leg: Leg, computedTokens: UInt32) {
        self.counter = counter
        self.attempt = attempt
        self.leg = leg
        self.computedTokens = computedTokens
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u64("counter", &counter)
        try coder.u8("attempt", &attempt)
        try coder.choice("leg", &leg)
        try coder.u32("computedTokens", &computedTokens)
    }
}

/// Layout: `proto-spec/04-messages.md#prefilldonestatus`.
package struct PrefillDoneStatus: WireRecord, Hashable {
    package var counter: UInt64 = 0
    package var attempt: UInt8 = 0
    package var leg = Leg.aggregated
    /// From started to the end of prefill.
    package var prefillMicroseconds: UInt64 = 0

    package init() {}
    package init(counter: UInt64, attempt: UInt8, leg: Leg, prefillMicroseconds: UInt64) {
        self.counter = counter
        self.attempt = attempt
        self.leg = leg
        self.prefillMicroseconds = prefillMicroseconds
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u64("counter", &counter)
        try coder.u8("attempt", &attempt)
        try coder.choice("leg", &leg)
        try coder.u64("prefillMicroseconds", &prefillMicroseconds)
    }
}

/// Layout: `proto-spec/04-messages.md#endedstatus`.
package struct EndedStatus: WireRecord, Hashable {
    package var counter: UInt64 = 0
    package var attempt: UInt8 = 0
    package var leg = Leg.aggregated
    package var reason = EndReason(rawValue: 0)
    /// As prefilled: shown tokens of earlier attempts among them.
    package var promptTokens: UInt32 = 0
    package var cachedTokens: UInt32 = 0
    /// Of this attempt, over all choices.
    package var outputTokens: UInt32 = 0
    package var preemptions: UInt32 = 0
    package var durations = WorkerDurations()
    /// As sent, after compression.
    package var transferBytes: UInt64 = 0
    /// A prefill leg of the sequential path: what the decode leg starts with.
    package var handOver: [UInt8] = []
    package var failure: FailureDetail?

    package init() {}

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u64("counter", &counter)
        try coder.u8("attempt", &attempt)
        try coder.choice("leg", &leg)
        try coder.u16("reason", &reason)
        try coder.u32("promptTokens", &promptTokens)
        try coder.u32("cachedTokens", &cachedTokens)
        try coder.u32("outputTokens", &outputTokens)
        try coder.u32("preemptions", &preemptions)
        try coder.record("durations", &durations)
        try coder.u64("transferBytes", &transferBytes)
        try coder.bytes("handOver", &handOver, atMost: Limits.handOverBytes)
        try coder.optional("failure", &failure)
    }
}

/// Layout: `proto-spec/04-messages.md#embeddingstatus`.
package struct EmbeddingStatus: WireRecord, Hashable {
    package var counter: UInt64 = 0
    package var attempt: UInt8 = 0
    package var leg = Leg.aggregated
    /// Little-endian binary32 numbers.
    package var vector: [UInt8] = []

    package init() {}
    package init(counter: UInt64, attempt: UInt8, leg: Leg, vector: [UInt8]) {
        self.counter = counter
        self.attempt = attempt
        self.leg = leg
        self.vector = vector
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u64("counter", &counter)
        try coder.u8("attempt", &attempt)
        try coder.choice("leg", &leg)
        try coder.bytes("vector", &vector, atMost: Limits.embeddingBytes)
    }
}
