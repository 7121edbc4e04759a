import ClusterModel
import Scheduling

/// One leg of one attempt, from its plan to its end at a worker.
final class FleetLeg {
    let request: FleetRequest
    let attempt: UInt8
    let role: PlacementRole
    /// Of a split request.
    let isHalf: Bool
    let lease: Lease
    let worker: Int
    /// What the router believed to wait there.
    let believedTokens: UInt64
    /// What its worker calls it.
    var key: UInt64 = 0
    /// Its worker has it.
    var isEngaged = false
    var isOver = false
    /// Prefill that its worker has yet to do for it, as the worker knows.
    var remainingTokens: UInt32 = 0
    /// Output positions that it was given at the begin.
    var shownBefore = 0
    var receivedAt = Instant.zero
    var startedAt: Instant?
    var prefilledAt: Instant?
    var firstTokenAt: Instant?
    var lastTokenAt: Instant?
    var outputTokens: UInt32 = 0
    /// Of its output, as was last published.
    var toldBlocks: UInt32 = 0

    init(_ request: FleetRequest, role: PlacementRole, isHalf: Bool, lease: Lease, worker: Int, believedTokens: UInt64) {
        self.request = request
        attempt = request.attempt
        self.role = role
        self.isHalf = isHalf
        self.lease = lease
        self.worker = worker
        self.believedTokens = believedTokens
    }

    /// Goes on with state that another leg made.
    var takesState: Bool { isHalf && role == .decode }
    var isCurrent: Bool { !isOver && request.phase == .running && request.attempt == attempt }
}
