/// Tags: `proto-spec/04-messages.md#statusentry`.
package enum StatusEntry: WireVariant, Hashable {
    case acceptedStatus(AcceptedStatus)
    case refusedStatus(RefusedStatus)
    case startedStatus(StartedStatus)
    case prefillProgressStatus(PrefillProgressStatus)
    case prefillDoneStatus(PrefillDoneStatus)
    case endedStatus(EndedStatus)
    case embeddingStatus(EmbeddingStatus)
    /// What a later minor added, kept as it came.
    case unknown(tag: UInt8, bytes: [UInt8])

    package static let records: [(tag: UInt8, name: StaticString)] = [
        (1, "AcceptedStatus"), (2, "RefusedStatus"), (3, "StartedStatus"), (4, "PrefillProgressStatus"), (5, "PrefillDoneStatus"),
        (6, "EndedStatus"), (7, "EmbeddingStatus"),
    ]

    package init(tag: UInt8) {
        switch tag {
        case 1: self = .acceptedStatus(AcceptedStatus())
        case 2: self = .refusedStatus(RefusedStatus())
        case 3: self = .startedStatus(StartedStatus())
        case 4: self = .prefillProgressStatus(PrefillProgressStatus())
        case 5: self = .prefillDoneStatus(PrefillDoneStatus())
        case 6: self = .endedStatus(EndedStatus())
        case 7: self = .embeddingStatus(EmbeddingStatus())
        default: self = .unknown(tag: tag, bytes: [])
        }
    }

    package var tag: UInt8 {
        switch self {
        case .acceptedStatus: 1
        case .refusedStatus: 2
        case .startedStatus: 3
        case .prefillProgressStatus: 4
        case .prefillDoneStatus: 5
        case .endedStatus: 6
        case .embeddingStatus: 7
        case .unknown(let tag, _): tag
        }
    }

    package mutating func layout<C: FieldCoder & ~Escapable>(_ coder: inout C) throws(WireError) {
        switch self {
        case .acceptedStatus(var record):
            try record.layout(&coder)
            self = .acceptedStatus(record)
        case .refusedStatus(var record):
            try record.layout(&coder)
            self = .refusedStatus(record)
        case .startedStatus(var record):
            try record.layout(&coder)
            self = .startedStatus(record)
        case .prefillProgressStatus(var record):
            try record.layout(&coder)
            self = .prefillProgressStatus(record)
        case .prefillDoneStatus(var record):
            try record.layout(&coder)
            self = .prefillDoneStatus(record)
        case .endedStatus(var record):
            try record.layout(&coder)
            self = .endedStatus(record)
        case .embeddingStatus(var record):
            try record.layout(&coder)
            self = .embeddingStatus(record)
        case .unknown(let tag, var bytes):
            try coder.rest("bytes", &bytes)
            self = .unknown(tag: tag, bytes: bytes)
        }
    }
}
