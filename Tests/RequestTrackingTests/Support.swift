import ClusterModel
import RequestTracking

/// Milliseconds of a request's life.
func at(_ milliseconds: Int) -> Instant { Instant(nanoseconds: Int64(milliseconds) * 1_000_000) }

func ms(_ milliseconds: Int) -> Duration { .milliseconds(milliseconds) }

/// Received at 0 on its clock, and at a moment of the wall clock that is easy to see.
func tracker(_ change: (inout RequestTracker) -> Void = { _ in }) -> RequestTracker {
    var tracker = RequestTracker(receivedAt: at(0), epochMilliseconds: 1_700_000_000_123)
    change(&tracker)
    return tracker
}

extension RequestTracker {
    /// Records the worker of one leg as its owner does: enter, record, leave.
    @discardableResult
    mutating func place(
        _ phase: RequestPhase, _ worker: UInt64, rank: UInt32? = 0, type: WorkerType = .decode
    ) throws(PhaseRefusal) -> [RecordingConflict] {
        let permit = try enter(phase)
        let conflicts = try recordWorker(WorkerID(worker), rank: rank.map(Rank.init), type: type, permit)
        leave(permit)
        return conflicts
    }
}

func conflict(_ field: RecordingConflict.Field, _ kept: String, _ offered: String) -> RecordingConflict {
    RecordingConflict(field: field, kept: kept, offered: offered)
}
