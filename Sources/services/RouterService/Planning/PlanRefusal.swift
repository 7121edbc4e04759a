import ClusterModel
import Scheduling
import WireProtocol

/// Why an entry is not placed; becomes its FailureDetail.
struct PlanRefusal: Error {
    let code: FailureCode
    var field = ""
    let reason: String
    var retryAfter = Duration.zero
    /// It is no answer: the entry waits.
    var isBusy = false

    var detail: FailureDetail {
        FailureDetail(
            code: code, retryAfterMilliseconds: UInt32(clamping: retryAfter.inMilliseconds), field: field, reason: reason)
    }
}

extension PlanRefusal {
    /// The scheduler's no, in the words of the entry.
    init(_ failure: PlacementFailure, of entry: RouteEntry) {
        func pin(_ worker: WorkerID) -> String {
            entry.options.pins.firstIndex { $0.workerID == worker.rawValue }.map { "pins[\($0)]" } ?? "pins"
        }
        // By both of its names: clients pin by number, people read the other one in logs.
        func named(_ worker: WorkerID) -> String { "worker \(worker.rawValue) (\(worker))" }
        self =
            switch failure {
            case .noWorker: PlanRefusal(code: .noWorker, reason: "no worker is eligible now", retryAfter: RouterLimits.retryAfter)
            case .busy: PlanRefusal(code: .capacity, reason: "every worker that may run this is busy", isBusy: true)
            case .unknownWorker(let worker):
                PlanRefusal(code: .unknownWorker, field: pin(worker), reason: "there is no such placement at \(named(worker))")
            case .pinConflict(let worker):
                PlanRefusal(
                    code: .pinConflict, field: pin(worker),
                    reason: "the pin to \(named(worker)) does not agree with the rest of the request")
            case .pinNeeded:
                PlanRefusal(code: .invalidArgument, field: "pins", reason: "this router sends requests only where they are pinned")
            case .badOverride(.policy):
                PlanRefusal(
                    code: .invalidArgument, field: "policy", reason: "there is no such policy; there are \(SelectionPolicy.names)")
            case .badOverride(.overlapWeight): PlanRefusal(code: .invalidArgument, field: "overlapWeight", reason: "a number, not below 0")
            case .badOverride(.temperature): PlanRefusal(code: .invalidArgument, field: "temperature", reason: "a number, not below 0")
            }
    }
}

extension PlanEntry {
    init(failed entry: RouteEntry, _ refusal: PlanRefusal, by router: UInt64) {
        self.init()
        counter = entry.counter
        attempt = entry.attempt
        routerID = router
        outcome = .failed
        failure = refusal.detail
    }
}
