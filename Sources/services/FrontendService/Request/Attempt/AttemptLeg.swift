import ClusterModel
import EventLoop
import RequestTracking
import WireProtocol

/// One leg of an attempt, from its place in a plan to the last word of its worker.
@LoopActor
final class AttemptLeg {
    /// What the worker is told to do. A place that was booked for a decode leg may run the whole of a continued request.
    var task: Leg
    let placement: PlanLeg
    /// Who booked it; nil: it runs without a lease.
    let router: RouterClient?
    /// Once there is a link to it.
    var worker: WorkerClient?
    private(set) var isSent = false
    private(set) var sentAt = Instant.zero
    private(set) var isAccepted = false
    /// It has begun: of a decode leg, the state is there.
    private(set) var hasStarted = false
    /// The client has seen tokens of it, or could have.
    private(set) var hasOutput = false
    /// Its worker says nothing more of it.
    private(set) var isOver = false
    /// It made its attempt fail, and that is what became of its lease.
    var fault: LeaseEnd?

    init(_ placement: PlanLeg, from router: RouterClient?) {
        self.placement = placement
        self.router = router
        task = placement.leg
    }

    var isRunning: Bool { isSent && !isOver }
    var place: PlacementRef { PlacementRef(workerID: placement.workerID, rank: placement.rank) }

    func isSent(at now: Instant) {
        isSent = true
        sentAt = now
    }

    /// What its worker said. True if that it has taken the leg on is new.
    func hears(_ news: borrowing LegNews) -> Bool {
        let isNew = news.isAccepted && !isAccepted
        isAccepted = isAccepted || news.isAccepted || news.hasTokens || news.embedding != nil || news.ended != nil
        hasStarted = hasStarted || news.cachedTokens != nil || news.hasTokens
        hasOutput = hasOutput || news.hasTokens
        isOver = isOver || news.isLast
        return isNew
    }

    // MARK: Its end

    /// The attempt failed, with this leg or without its doing. The lease of one that had done its part was ended by its worker.
    func giveUp(_ reason: CancelReason, of request: ActiveRequest) {
        if isRunning { worker?.cancel(request, attempt: request.attempt, reason: reason) }
        if fault != nil || !isOver { release(isSent ? fault ?? .cancelled : .neverDispatched) }
    }

    /// The client left: the router was told already, of what a worker was asked for.
    func clientGone(_ request: ActiveRequest) {
        if isSent { worker?.cancel(request, attempt: request.attempt, reason: .clientGone) } else { release(.neverDispatched) }
    }

    /// The answer is complete, and with it what the worker does; one that was not even asked need not be.
    func finished(_ request: ActiveRequest) {
        guard let worker, isSent, worker.forget(request, task) else { return release(.neverDispatched) }
    }

    private func release(_ reason: LeaseEnd) { router?.release(placement.lease(reason)) }
}

extension PlanEntry {
    /// Whether it is what was asked for; whatever else was booked is of no use. The second half of an attempt is a decode leg and nothing else.
    func fits(_ wish: LegWish, isSecond: Bool) -> Bool {
        // The usual one needs no list to be made.
        if legs.count == 1, legs[0].leg == .aggregated { return handOver == .none && wish != .prefill && !isSecond }
        return switch (legs.map(\.leg), handOver) {
        case ([.prefill, .decode], .concurrent), ([.prefill], .sequential): wish == .any
        // Who only asks is told of both.
        case ([.prefill, .decode], .sequential): wish == .any && outcome == .queryOnly
        case ([.decode], .none): wish == .decode
        default: false
        }
    }
}
