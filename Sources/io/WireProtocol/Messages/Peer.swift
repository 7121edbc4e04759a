/// Makes two routers known to each other: the address of the feed is not configured. Answered by RouterRegistered. Layout: `proto-
/// spec/04-messages.md#registerrouter`.
package struct RegisterRouter: WireMessage, Hashable {
    package static let kind = MessageKind.registerRouter

    package var endpoints = Endpoints()
    package var state = ProcessState.starting
    /// Last sequence number of the sender's stream.
    package var streamPosition: UInt64 = 0

    package init() {}
    package init(endpoints: Endpoints, state: ProcessState, streamPosition: UInt64) {
        self.endpoints = endpoints
        self.state = state
        self.streamPosition = streamPosition
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.record("endpoints", &endpoints)
        try coder.choice("state", &state)
        try coder.u64("streamPosition", &streamPosition)
    }
}

/// The other half of RegisterRouter. Layout: `proto-spec/04-messages.md#routerregistered`.
package struct RouterRegistered: WireMessage, Hashable {
    package static let kind = MessageKind.routerRegistered

    package var endpoints = Endpoints()
    package var state = ProcessState.starting
    package var streamPosition: UInt64 = 0

    package init() {}
    package init(endpoints: Endpoints, state: ProcessState, streamPosition: UInt64) {
        self.endpoints = endpoints
        self.state = state
        self.streamPosition = streamPosition
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.record("endpoints", &endpoints)
        try coder.choice("state", &state)
        try coder.u64("streamPosition", &streamPosition)
    }
}
