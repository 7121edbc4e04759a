import ClusterModel
import LoadGeneration
import Scheduling

/// One request as its frontend sees it: what is planned, what was shown, where it runs.
final class FleetRequest {
    enum Phase { case due, asking, running, over }

    let number: Int
    let planned: PlannedRequest
    let hashes: [UInt64]
    var phase = Phase.due
    /// From 1 on.
    var attempt: UInt8 = 0
    var router = 0
    /// Workers that refused or lost it.
    var excluded: [UInt64] = []
    var refusesOverbooked = true
    /// Tokens of its answer, over all attempts.
    var shown: [TokenID] = []
    var legs: [FleetLeg] = []
    var firstTokenAt: Instant?
    var lastTokenAt: Instant?
    var cachedTokens: UInt32?
    /// In a router's queue, since then.
    var ticket: QueueTicket?
    var parkedAt: Instant?
    var waitedInQueue = Duration.zero

    init(number: Int, _ planned: PlannedRequest, hashes: [UInt64]) {
        self.number = number
        self.planned = planned
        self.hashes = hashes
    }

    var id: RequestID { RequestID(origin: 1, counter: UInt64(number) + 1) }
    var isComplete: Bool { shown.count >= Int(planned.outputTokens) }
}
