/// Says that the sender runs, on a link that may be silent. Layout: `proto-spec/04-messages.md#heartbeat`.
package struct Heartbeat: WireMessage, Hashable {
    package static let kind = MessageKind.heartbeat

    package var number: UInt32 = 0
    /// How long the sender did not run just before this one, so that its peer can tell a pause from a loss; 0 as a rule.
    package var pausedMilliseconds: UInt32 = 0

    package init() {}

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u32("number", &number)
        try coder.u32("pausedMilliseconds", &pausedMilliseconds)
    }
}

/// Why a side ends a link on purpose.
package enum GoodbyeReason: UInt8, WireEnum { case done = 1, draining, leaving, protocolError, replaced }

/// The last message of its sender; the link closes when it is acknowledged. Layout: `proto-spec/04-messages.md#goodbye`.
package struct Goodbye: WireMessage, Hashable {
    package static let kind = MessageKind.goodbye

    package var reason = GoodbyeReason.done
    package var detail = ""

    package init() {}
    package init(_ reason: GoodbyeReason, detail: String = "") {
        self.reason = reason
        self.detail = detail
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.choice("reason", &reason)
        try coder.text("detail", &detail, atMost: Limits.reasonBytes)
    }
}

/// All that was sent before the Goodbye arrived. Layout: `proto-spec/04-messages.md#goodbyeack`.
package struct GoodbyeAck: WireMessage, Hashable {
    package static let kind = MessageKind.goodbyeAck
    package init() {}
    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {}
}

/// Why a question or request was not answered as asked. An open set; meanings and HTTP statuses: `proto-spec/06-errors.md#failure-codes`.
package struct FailureCode: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt16
    package init(rawValue: UInt16) { self.rawValue = rawValue }

    package static let unsupportedKind = FailureCode(rawValue: 1)
    package static let malformed = FailureCode(rawValue: 2)
    package static let notAllowedHere = FailureCode(rawValue: 3)
    package static let tooManyQuestions = FailureCode(rawValue: 4)
    package static let notFound = FailureCode(rawValue: 5)
    package static let invalidArgument = FailureCode(rawValue: 6)
    package static let draining = FailureCode(rawValue: 7)
    package static let timeout = FailureCode(rawValue: 8)
    package static let internalError = FailureCode(rawValue: 9)
    package static let overbooked = FailureCode(rawValue: 10)
    package static let duplicate = FailureCode(rawValue: 11)
    package static let noWorker = FailureCode(rawValue: 12)
    package static let queueFull = FailureCode(rawValue: 13)
    package static let queueTimeout = FailureCode(rawValue: 14)
    package static let deadlineUnreachable = FailureCode(rawValue: 15)
    package static let tenantLimit = FailureCode(rawValue: 16)
    package static let unknownModel = FailureCode(rawValue: 17)
    package static let unknownWorker = FailureCode(rawValue: 18)
    package static let pinConflict = FailureCode(rawValue: 19)
    package static let sessionUnsupported = FailureCode(rawValue: 20)
    package static let sessionLimit = FailureCode(rawValue: 21)
    package static let capacity = FailureCode(rawValue: 22)
    package static let roomClosed = FailureCode(rawValue: 23)
    package static let incompatibleKV = FailureCode(rawValue: 24)
    package static let checksum = FailureCode(rawValue: 25)
    package static let stalled = FailureCode(rawValue: 26)
    package static let quarantined = FailureCode(rawValue: 27)
    package static let promptTooLong = FailureCode(rawValue: 28)
    package static let cancelled = FailureCode(rawValue: 29)
    package static let engineFailed = FailureCode(rawValue: 30)
    package static let prefillLost = FailureCode(rawValue: 31)
}

/// The typed answer to any question that has no other. Layout: `proto-spec/04-messages.md#failure`.
package struct Failure: WireMessage, Hashable {
    package static let kind = MessageKind.failure

    package var code = FailureCode.internalError
    package var retryAfterMilliseconds: UInt32 = 0
    /// The field of the question that was at fault, or empty.
    package var field = ""
    package var reason = ""

    package init() {}
    package init(_ code: FailureCode, field: String = "", reason: String = "", retryAfterMilliseconds: UInt32 = 0) {
        self.code = code
        self.field = field
        self.reason = reason
        self.retryAfterMilliseconds = retryAfterMilliseconds
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u16("code", &code)
        try coder.u32("retryAfterMilliseconds", &retryAfterMilliseconds)
        try coder.text("field", &field, atMost: Limits.nameBytes)
        try coder.text("reason", &reason, atMost: Limits.reasonBytes)
    }
}
