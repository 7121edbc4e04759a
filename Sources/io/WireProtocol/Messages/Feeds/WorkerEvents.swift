/// What changed in one engine step. `origin` is the worker's generation, `number` the first event's; each event takes one number. Layout:
/// `proto-spec/04-messages.md#workerevents`.
package struct WorkerEvents: WireMessage, Hashable {
    package static let kind = MessageKind.workerEvents

    package var events: [WorkerEvent] = []

    package init() {}
    package init(events: [WorkerEvent]) {
        self.events = events
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.variants("events", &events, atMost: Limits.eventsPerBatch)
    }
}

/// Tags: `proto-spec/04-messages.md#workerevent`.
package enum WorkerEvent: WireVariant, Hashable {
    case blocksStored(BlocksStored)
    case blocksRemoved(BlocksRemoved)
    case rankCleared(RankCleared)
    case requestAccepted(RequestAccepted)
    case requestBlocks(RequestBlocks)
    case requestStarted(RequestStarted)
    case prefillProgress(PrefillProgress)
    case prefillDone(PrefillDone)
    case blocksGrown(BlocksGrown)
    case requestEnded(RequestEnded)
    case sessionBound(SessionBound)
    case sessionUnbound(SessionUnbound)
    case rankLoad(RankLoad)
    case stateChanged(StateChanged)
    /// What a later minor added, kept as it came.
    case unknown(tag: UInt8, bytes: [UInt8])

    package static let records: [(tag: UInt8, name: StaticString)] = [
        (1, "BlocksStored"), (2, "BlocksRemoved"), (3, "RankCleared"), (4, "RequestAccepted"), (5, "RequestBlocks"),
        (
            6,
            "RequestStarted"
        ), (7, "PrefillProgress"), (8, "PrefillDone"), (9, "BlocksGrown"), (10, "RequestEnded"),
        (
            11,
            "SessionBound"
        ), (12, "SessionUnbound"), (13, "RankLoad"), (14, "StateChanged"),
    ]

    package init(tag: UInt8) {
        switch tag {
        case 1: self = .blocksStored(BlocksStored())
        case 2: self = .blocksRemoved(BlocksRemoved())
        case 3: self = .rankCleared(RankCleared())
        case 4: self = .requestAccepted(RequestAccepted())
        case 5: self = .requestBlocks(RequestBlocks())
        case 6: self = .requestStarted(RequestStarted())
        case 7: self = .prefillProgress(PrefillProgress())
        case 8: self = .prefillDone(PrefillDone())
        case 9: self = .blocksGrown(BlocksGrown())
        case 10: self = .requestEnded(RequestEnded())
        case 11: self = .sessionBound(SessionBound())
        case 12: self = .sessionUnbound(SessionUnbound())
        case 13: self = .rankLoad(RankLoad())
        case 14: self = .stateChanged(StateChanged())
        default: self = .unknown(tag: tag, bytes: [])
        }
    }

    package var tag: UInt8 {
        switch self {
        case .blocksStored: 1
        case .blocksRemoved: 2
        case .rankCleared: 3
        case .requestAccepted: 4
        case .requestBlocks: 5
        case .requestStarted: 6
        case .prefillProgress: 7
        case .prefillDone: 8
        case .blocksGrown: 9
        case .requestEnded: 10
        case .sessionBound: 11
        case .sessionUnbound: 12
        case .rankLoad: 13
        case .stateChanged: 14
        case .unknown(let tag, _): tag
        }
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        switch self {
        case .blocksStored(var record):
            try record.layout(&coder)
            self = .blocksStored(record)
        case .blocksRemoved(var record):
            try record.layout(&coder)
            self = .blocksRemoved(record)
        case .rankCleared(var record):
            try record.layout(&coder)
            self = .rankCleared(record)
        case .requestAccepted(var record):
            try record.layout(&coder)
            self = .requestAccepted(record)
        case .requestBlocks(var record):
            try record.layout(&coder)
            self = .requestBlocks(record)
        case .requestStarted(var record):
            try record.layout(&coder)
            self = .requestStarted(record)
        case .prefillProgress(var record):
            try record.layout(&coder)
            self = .prefillProgress(record)
        case .prefillDone(var record):
            try record.layout(&coder)
            self = .prefillDone(record)
        case .blocksGrown(var record):
            try record.layout(&coder)
            self = .blocksGrown(record)
        case .requestEnded(var record):
            try record.layout(&coder)
            self = .requestEnded(record)
        case .sessionBound(var record):
            try record.layout(&coder)
            self = .sessionBound(record)
        case .sessionUnbound(var record):
            try record.layout(&coder)
            self = .sessionUnbound(record)
        case .rankLoad(var record):
            try record.layout(&coder)
            self = .rankLoad(record)
        case .stateChanged(var record):
            try record.layout(&coder)
            self = .stateChanged(record)
        case .unknown(let tag, var bytes):
            try coder.rest("bytes", &bytes)
            self = .unknown(tag: tag, bytes: bytes)
        }
    }
}

/// The publisher lives, and this is the last number it gave. Sent every 250 ms. `origin` is its generation, `number` is `lastSequence`.
/// Layout: `proto-spec/04-messages.md#beat`.
package struct Beat: WireMessage, Hashable {
    package static let kind = MessageKind.beat

    /// Its id.
    package var publisher: UInt64 = 0
    /// 0: nothing was published yet.
    package var lastSequence: UInt64 = 0
    package var state = ProcessState.starting
    /// How long the publisher did not run just before; 0 as a rule.
    package var pausedMilliseconds: UInt32 = 0

    package init() {}
    package init(publisher: UInt64, lastSequence: UInt64, state: ProcessState, pausedMilliseconds: UInt32) {
        self.publisher = publisher
        self.lastSequence = lastSequence
        self.state = state
        self.pausedMilliseconds = pausedMilliseconds
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        try coder.u64("publisher", &publisher)
        try coder.u64("lastSequence", &lastSequence)
        try coder.choice("state", &state)
        try coder.u32("pausedMilliseconds", &pausedMilliseconds)
    }
}
