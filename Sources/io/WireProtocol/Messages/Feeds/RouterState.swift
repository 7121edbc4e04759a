/// What changed at a router in one tick. `origin` is its generation, `number` the first change's. Layout: `proto-
/// spec/04-messages.md#routerstate`.
package struct RouterState: WireMessage, Hashable {
    package static let kind = MessageKind.routerState

    package var changes: [RouterChange] = []

    package init() {}
    package init(changes: [RouterChange]) {
        self.changes = changes
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.variants("changes", &changes, atMost: Limits.eventsPerBatch)
    }
}

/// Tags: `proto-spec/04-messages.md#routerchange`.
package enum RouterChange: WireVariant, Hashable {
    case workerEntry(WorkerEntry)
    case workerGone(WorkerGone)
    case frontendEntry(FrontendEntry)
    case frontendGone(FrontendGone)
    case modelPool(ModelPool)
    case modelPoolGone(ModelPoolGone)
    case placementLoad(PlacementLoad)
    case leaseMade(LeaseMade)
    case leaseReleased(LeaseReleased)
    case sessionPlaced(SessionPlaced)
    case sessionGone(SessionGone)
    case queueDepth(QueueDepth)
    case routeSlice(RouteSlice)
    case routerHealth(RouterHealth)
    /// What a later minor added, kept as it came.
    case unknown(tag: UInt8, bytes: [UInt8])

    package static let records: [(tag: UInt8, name: StaticString)] = [
        (1, "WorkerEntry"), (2, "WorkerGone"), (3, "FrontendEntry"), (4, "FrontendGone"), (5, "ModelPool"), (6, "ModelPoolGone"),
        (7, "PlacementLoad"), (8, "LeaseMade"), (9, "LeaseReleased"), (10, "SessionPlaced"), (11, "SessionGone"),
        (
            12,
            "QueueDepth"
        ), (13, "RouteSlice"), (14, "RouterHealth"),
    ]

    package init(tag: UInt8) {
        switch tag {
        case 1: self = .workerEntry(WorkerEntry())
        case 2: self = .workerGone(WorkerGone())
        case 3: self = .frontendEntry(FrontendEntry())
        case 4: self = .frontendGone(FrontendGone())
        case 5: self = .modelPool(ModelPool())
        case 6: self = .modelPoolGone(ModelPoolGone())
        case 7: self = .placementLoad(PlacementLoad())
        case 8: self = .leaseMade(LeaseMade())
        case 9: self = .leaseReleased(LeaseReleased())
        case 10: self = .sessionPlaced(SessionPlaced())
        case 11: self = .sessionGone(SessionGone())
        case 12: self = .queueDepth(QueueDepth())
        case 13: self = .routeSlice(RouteSlice())
        case 14: self = .routerHealth(RouterHealth())
        default: self = .unknown(tag: tag, bytes: [])
        }
    }

    package var tag: UInt8 {
        switch self {
        case .workerEntry: 1
        case .workerGone: 2
        case .frontendEntry: 3
        case .frontendGone: 4
        case .modelPool: 5
        case .modelPoolGone: 6
        case .placementLoad: 7
        case .leaseMade: 8
        case .leaseReleased: 9
        case .sessionPlaced: 10
        case .sessionGone: 11
        case .queueDepth: 12
        case .routeSlice: 13
        case .routerHealth: 14
        case .unknown(let tag, _): tag
        }
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        switch self {
        case .workerEntry(var record):
            try record.layout(&coder)
            self = .workerEntry(record)
        case .workerGone(var record):
            try record.layout(&coder)
            self = .workerGone(record)
        case .frontendEntry(var record):
            try record.layout(&coder)
            self = .frontendEntry(record)
        case .frontendGone(var record):
            try record.layout(&coder)
            self = .frontendGone(record)
        case .modelPool(var record):
            try record.layout(&coder)
            self = .modelPool(record)
        case .modelPoolGone(var record):
            try record.layout(&coder)
            self = .modelPoolGone(record)
        case .placementLoad(var record):
            try record.layout(&coder)
            self = .placementLoad(record)
        case .leaseMade(var record):
            try record.layout(&coder)
            self = .leaseMade(record)
        case .leaseReleased(var record):
            try record.layout(&coder)
            self = .leaseReleased(record)
        case .sessionPlaced(var record):
            try record.layout(&coder)
            self = .sessionPlaced(record)
        case .sessionGone(var record):
            try record.layout(&coder)
            self = .sessionGone(record)
        case .queueDepth(var record):
            try record.layout(&coder)
            self = .queueDepth(record)
        case .routeSlice(var record):
            try record.layout(&coder)
            self = .routeSlice(record)
        case .routerHealth(var record):
            try record.layout(&coder)
            self = .routerHealth(record)
        case .unknown(let tag, var bytes):
            try coder.rest("bytes", &bytes)
            self = .unknown(tag: tag, bytes: bytes)
        }
    }
}
