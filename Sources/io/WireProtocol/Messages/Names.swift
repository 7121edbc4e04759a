package import ClusterModel

/// Table: `proto-spec/04-messages.md#leg`.
public enum Leg: UInt8, WireEnum {
    /// Prefill and decode on one worker.
    case aggregated = 0
    /// The prefill of a split request.
    case prefill
    /// The decode of a split request.
    case decode
}

/// Table: `proto-spec/04-messages.md#requesttask`.
package enum RequestTask: UInt8, WireEnum {
    /// Tokens.
    case generate = 1
    /// One vector.
    case embed

    /// Tokens that the model's context must have room for behind the prompt.
    package var leastOutput: Int { self == .generate ? 1 : 0 }
}

/// A request of the frontend whose nonce is the header's `origin`. Layout: `proto-spec/04-messages.md#requestref`.
package struct RequestRef: WireRecord, Hashable {
    package var counter: UInt64 = 0
    /// From 1.
    package var attempt: UInt8 = 0

    package init() {}
    package init(counter: UInt64, attempt: UInt8) {
        self.counter = counter
        self.attempt = attempt
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u64("counter", &counter)
        try coder.u8("attempt", &attempt)
    }
}

/// A request where the header does not name its frontend. Layout: `proto-spec/04-messages.md#requestkey`.
package struct RequestKey: WireRecord, Hashable {
    /// The frontend's nonce.
    package var origin: UInt64 = 0
    package var counter: UInt64 = 0
    /// From 1.
    package var attempt: UInt8 = 0

    package init() {}
    package init(origin: UInt64, counter: UInt64, attempt: UInt8) {
        self.origin = origin
        self.counter = counter
        self.attempt = attempt
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u64("origin", &origin)
        try coder.u64("counter", &counter)
        try coder.u8("attempt", &attempt)
    }
}

/// Two tenants may use the same session id. Layout: `proto-spec/04-messages.md#sessionkey`.
package struct SessionKey: WireRecord, Hashable {
    /// Empty: the default tenant.
    package var tenant = ""
    package var id = ""

    package init() {}
    package init(tenant: String, id: String) {
        self.tenant = tenant
        self.id = id
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.text("tenant", &tenant, atMost: Limits.labelBytes)
        try coder.text("id", &id, atMost: Limits.labelBytes)
    }
}

/// Table: `proto-spec/04-messages.md#sessionendreason`.
package enum SessionEndReason: UInt8, WireEnum {
    /// Asked for.
    case closed = 1
    /// Its time to live ran out.
    case expired
    /// An older binding of the same session exists elsewhere.
    case conflict
    /// The worker needed the room.
    case evicted
    /// Its worker leaves.
    case drained
}

/// Layout: `proto-spec/04-messages.md#placementref`.
package struct PlacementRef: WireRecord, Hashable {
    package var workerID: UInt64 = 0
    package var rank: UInt32?

    package init() {}
    package init(workerID: UInt64, rank: UInt32?) {
        self.workerID = workerID
        self.rank = rank
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u64("workerID", &workerID)
        try coder.optionalU32("rank", &rank)
    }
}

/// Layout: `proto-spec/04-messages.md#poolref`.
package struct PoolRef: WireRecord, Hashable {
    /// Of the card.
    package var digest = Digest()

    package init() {}
    package init(digest: Digest) {
        self.digest = digest
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.digest("digest", &digest)
    }
}

/// Layout: `proto-spec/04-messages.md#label`.
package struct Label: WireRecord, Hashable {
    package var text = ""

    package init() {}
    package init(text: String) {
        self.text = text
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.text("text", &text, atMost: Limits.nameBytes)
    }
}

/// An address is `scheme://host:port`. An empty host means: the host at which the reader of this record is connected to the writer. Layout:
/// `proto-spec/04-messages.md#endpoints`.
package struct Endpoints: WireRecord, Hashable {
    /// Where links are accepted; empty: none.
    package var linkAddress = ""
    /// The PUB socket.
    package var feedAddress = ""

    package init() {}
    package init(linkAddress: String, feedAddress: String) {
        self.linkAddress = linkAddress
        self.feedAddress = feedAddress
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.text("linkAddress", &linkAddress, atMost: Limits.addressBytes)
        try coder.text("feedAddress", &feedAddress, atMost: Limits.addressBytes)
    }
}

/// Layout: `proto-spec/04-messages.md#failuredetail`.
package struct FailureDetail: WireRecord, Hashable {
    package var code = FailureCode(rawValue: 0)
    /// 0: no advice.
    package var retryAfterMilliseconds: UInt32 = 0
    /// The field at fault, or empty.
    package var field = ""
    /// For people; no prompt text.
    package var reason = ""

    package init() {}
    package init(code: FailureCode, retryAfterMilliseconds: UInt32, field: String, reason: String) {
        self.code = code
        self.retryAfterMilliseconds = retryAfterMilliseconds
        self.field = field
        self.reason = reason
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u16("code", &code)
        try coder.u32("retryAfterMilliseconds", &retryAfterMilliseconds)
        try coder.text("field", &field, atMost: Limits.nameBytes)
        try coder.text("reason", &reason, atMost: Limits.reasonBytes)
    }
}

/// Table: `proto-spec/04-messages.md#processstate`.
package enum ProcessState: UInt8, WireEnum {
    /// Not yet able to serve.
    case starting = 1
    /// Serves.
    case ready
    /// Finishes what it has, takes nothing new.
    case draining
    /// Serves with a loss that the reason names.
    case degraded
    /// Serves no more; the last thing a stream says.
    case stopped
}

/// An open set: values of later minors are kept. Table: `proto-spec/04-messages.md#warningcode`.
package struct WarningCode: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt16
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    /// Workers of this model name have other card digests; this one is in a pool of its own.
    package static let poolSplit = WarningCode(rawValue: 1)
    /// This worker is routed in approximate mode.
    package static let approximate = WarningCode(rawValue: 2)
    /// The link speaks a minor older than the router's.
    package static let oldMinor = WarningCode(rawValue: 3)
    /// No worker of the other role can take this worker's KV state.
    package static let incompatibleKV = WarningCode(rawValue: 4)
    /// Salted tenants are routed approximately on this worker.
    package static let saltUnknown = WarningCode(rawValue: 5)
}

/// Layout: `proto-spec/04-messages.md#warning`.
package struct Warning: WireRecord, Hashable {
    package var code = WarningCode(rawValue: 0)
    package var detail = ""

    package init() {}
    package init(code: WarningCode, detail: String) {
        self.code = code
        self.detail = detail
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u16("code", &code)
        try coder.text("detail", &detail, atMost: Limits.reasonBytes)
    }
}
