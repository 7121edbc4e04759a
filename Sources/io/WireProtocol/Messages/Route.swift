/// Makes a frontend known to a router. Answered by FrontendRegistered. Layout: `proto-spec/04-messages.md#registerfrontend`.
package struct RegisterFrontend: WireMessage, Hashable {
    package static let kind = MessageKind.registerFrontend

    /// Only `feedAddress` is set.
    package var endpoints = Endpoints()
    /// Where clients connect, for display.
    package var httpAddress = ""
    package var state = ProcessState.starting
    /// Last sequence number of the frontend's stream.
    package var streamPosition: UInt64 = 0

    package init() {}
    package init(endpoints: Endpoints, httpAddress: String, state: ProcessState, streamPosition: UInt64) {
        self.endpoints = endpoints
        self.httpAddress = httpAddress
        self.state = state
        self.streamPosition = streamPosition
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.record("endpoints", &endpoints)
        try coder.text("httpAddress", &httpAddress, atMost: Limits.addressBytes)
        try coder.choice("state", &state)
        try coder.u64("streamPosition", &streamPosition)
    }
}

/// The router knows the frontend; the frontend subscribes to the router's feed now. Layout: `proto-spec/04-messages.md#frontendregistered`.
package struct FrontendRegistered: WireMessage, Hashable {
    package static let kind = MessageKind.frontendRegistered

    /// The router's.
    package var endpoints = Endpoints()
    /// Last sequence number of the router's stream.
    package var streamPosition: UInt64 = 0
    package var warnings: [Warning] = []

    package init() {}
    package init(endpoints: Endpoints, streamPosition: UInt64, warnings: [Warning]) {
        self.endpoints = endpoints
        self.streamPosition = streamPosition
        self.warnings = warnings
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.record("endpoints", &endpoints)
        try coder.u64("streamPosition", &streamPosition)
        try coder.list("warnings", &warnings, atMost: Limits.warnings)
    }
}

/// Table: `proto-spec/04-messages.md#leaseend`.
package enum LeaseEnd: UInt8, WireEnum {
    /// The request ended as asked.
    case finished = 1
    /// The frontend cancelled.
    case cancelled
    /// Nothing was sent to the worker.
    case neverDispatched
    /// The worker refused.
    case refused
    /// The frontend's link to the worker went.
    case workerLost
    /// Not accepted in time.
    case expired
}

/// Layout: `proto-spec/04-messages.md#endedlease`.
package struct EndedLease: WireRecord, Hashable {
    package var lease: UInt64 = 0
    package var workerID: UInt64 = 0
    package var generation: UInt64 = 0
    package var rank: UInt32 = 0
    package var reason = LeaseEnd.finished

    package init() {}
    package init(lease: UInt64, workerID: UInt64, generation: UInt64, rank: UInt32, reason: LeaseEnd) {
        self.lease = lease
        self.workerID = workerID
        self.generation = generation
        self.rank = rank
        self.reason = reason
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u64("lease", &lease)
        try coder.u64("workerID", &workerID)
        try coder.u64("generation", &generation)
        try coder.u32("rank", &rank)
        try coder.choice("reason", &reason)
    }
}

/// Requests that want a placement: what one turn of the frontend's loop gathered. `origin` is the frontend's nonce. Every entry is answered
/// once, in any order, by an entry of a PlanBatch. The leases are taken first. Layout: `proto-spec/04-messages.md#routebatch`.
package struct RouteBatch: WireMessage, Hashable {
    package static let kind = MessageKind.routeBatch

    /// What the frontend saw end.
    package var endedLeases: [EndedLease] = []
    package var entries: [RouteEntry] = []

    package init() {}
    package init(endedLeases: [EndedLease], entries: [RouteEntry]) {
        self.endedLeases = endedLeases
        self.entries = entries
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.list("endedLeases", &endedLeases, atMost: Limits.batchEntries)
        try coder.sizedList("entries", &entries, atMost: Limits.batchEntries)
    }
}

/// Answers to route requests. `origin` is the frontend's nonce. Layout: `proto-spec/04-messages.md#planbatch`.
package struct PlanBatch: WireMessage, Hashable {
    package static let kind = MessageKind.planBatch

    package var entries: [PlanEntry] = []

    package init() {}
    package init(entries: [PlanEntry]) {
        self.entries = entries
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.sizedList("entries", &entries, atMost: Limits.batchEntries)
    }
}

/// Requests whose plan is no longer wanted. A parked one leaves the queue; a lease that was made and not accepted is released. `origin` is
/// the frontend's nonce. Not answered. Layout: `proto-spec/04-messages.md#cancelroute`.
package struct CancelRoute: WireMessage, Hashable {
    package static let kind = MessageKind.cancelRoute

    package var requests: [RequestRef] = []

    package init() {}
    package init(requests: [RequestRef]) {
        self.requests = requests
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.list("requests", &requests, atMost: Limits.batchEntries)
    }
}

/// Leases that the frontend saw end, when there is no RouteBatch to carry them. Not answered. Layout: `proto-
/// spec/04-messages.md#leasesended`.
package struct LeasesEnded: WireMessage, Hashable {
    package static let kind = MessageKind.leasesEnded

    package var leases: [EndedLease] = []

    package init() {}
    package init(leases: [EndedLease]) {
        self.leases = leases
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.list("leases", &leases, atMost: Limits.batchEntries)
    }
}

/// Asks for the record of a decision. Answered by ExplainAnswer, or by Failure notFound if the ring no longer has it. Layout: `proto-
/// spec/04-messages.md#explainquestion`.
package struct ExplainQuestion: WireMessage, Hashable {
    package static let kind = MessageKind.explainQuestion

    /// Attempt 0: the last one.
    package var request = RequestKey()
    /// Name placements by ordinals, not by ids.
    package var ordinals = false

    package init() {}
    package init(request: RequestKey, ordinals: Bool) {
        self.request = request
        self.ordinals = ordinals
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.record("request", &request)
        try coder.bool("ordinals", &ordinals)
    }
}

/// The record of a decision. Layout: `proto-spec/04-messages.md#explainanswer`.
package struct ExplainAnswer: WireMessage, Hashable {
    package static let kind = MessageKind.explainAnswer

    package var routerID: UInt64 = 0
    /// JSON: inputs, candidates with each cost term, choice, queue time.
    package var decision: [UInt8] = []

    package init() {}
    package init(routerID: UInt64, decision: [UInt8]) {
        self.routerID = routerID
        self.decision = decision
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u64("routerID", &routerID)
        try coder.bytes("decision", &decision, atMost: Limits.explainBytes)
    }
}
