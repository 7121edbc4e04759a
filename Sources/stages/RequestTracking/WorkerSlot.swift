import ClusterModel

/// Which worker serves one phase, in one attempt.
struct WorkerSlot: Sendable {
    private(set) var worker = Once<WorkerID>()
    private(set) var rank = Once<Rank>()
    private(set) var type = Once<WorkerType>()

    /// The names of its cells.
    struct Fields {
        let worker: RecordingConflict.Field
        let rank: RecordingConflict.Field
        let type: RecordingConflict.Field

        static let prefill = Fields(worker: .prefillWorker, rank: .prefillRank, type: .prefillType)
        static let decode = Fields(worker: .decodeWorker, rank: .decodeRank, type: .decodeType)
    }

    /// First wins, cell by cell. A rank that is not known leaves its cell free; rank and type of another worker than the one that is there
    /// fill no cell, since they would be said of the wrong one.
    mutating func record(
        _ worker: WorkerID, _ rank: Rank?, _ type: WorkerType, as fields: Fields, _ conflicts: inout [RecordingConflict]
    ) {
        var isAnother = false
        if case .conflict(let kept) = self.worker.offer(worker) {
            isAnother = true
            conflicts.append(.init(field: fields.worker, kept: "\(kept.rawValue)", offered: "\(worker.rawValue)"))
        }
        if let rank, !isAnother || self.rank.value != nil, case .conflict(let kept) = self.rank.offer(rank) {
            conflicts.append(.init(field: fields.rank, kept: kept.description, offered: rank.description))
        }
        if case .conflict(let kept) = self.type.offer(type) {
            conflicts.append(.init(field: fields.type, kept: kept.description, offered: type.description))
        }
    }
}
