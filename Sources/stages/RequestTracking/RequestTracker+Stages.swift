package import ClusterModel

// What the stages are made from, and how they are fitted to the moments of the request.
extension RequestTracker {
    /// A router was asked and has answered; `slice` nil: without a placement.
    package mutating func recordRoute(asked: Instant, answered: Instant, _ slice: RouterSlice?) {
        // What follows the first token is time between tokens: the place of a decode leg, say.
        if firstToken.value == nil { clock.routed(asked: asked, answered: answered, slice) }
        guard let slice else { return }
        recordHit(overlapBlocks: slice.overlapBlocks, promptBlocks: slice.promptBlocks)
        recordQueueDepth(slice.queueDepth)
    }

    /// The leg that computes the prompt counts; a decode leg may be accepted before it, or long after.
    package mutating func recordAccepted(of phase: RequestPhase, at now: Instant) { if phase != .decode { clock.accepted(at: now) } }

    /// What the worker of a leg says, all at once or piece by piece.
    package mutating func recordWorkerTimes(_ slice: WorkerSlice, of phase: RequestPhase) { clock.worker(slice, of: phase) }

    /// The client did not take what was there for it.
    package mutating func recordWrite(_ span: Duration) { clock.wrote(for: span) }

    /// What the routers of all attempts took to decide, on their own clocks.
    package var decision: Duration? { clock.decision }

    /// What the worker of the prompt has said, of the attempt that gave the first token.
    package var promptWorkerTimes: WorkerSlice { clock.prompt }

    /// What the worker of the tokens has said.
    package var outputWorkerTimes: WorkerSlice { clock.output }

    /// The stages up to now, or to the finish that was recorded last.
    package var stages: StageTimes {
        var times = StageTimes()
        times.clampedRests = clock.clampedRests
        fillUntilFirstToken(&times)
        fillAfterFirstToken(&times)
        return times
    }

    private func fillUntilFirstToken(_ times: inout StageTimes) {
        let end = firstTokenAt ?? finishAt
        var stretch = Stretch(end.map { receivedAt.span(to: $0) })
        times.tokenize = stretch.take(tokenize.value)
        times.route = stretch.take(clock.route)
        times.queue = stretch.take(clock.queue)
        var dispatch = clock.earlierDispatch
        if let answered = clock.answeredAt, let accepted = clock.acceptedAt {
            // Up to the message to the worker; the rest of the way to *accepted* is below.
            dispatch = (dispatch ?? .zero) + answered.span(to: min(clock.dispatchedAt ?? accepted, accepted))
        }
        times.dispatch = stretch.take(dispatch)
        // The worker's clock runs from the arrival of the message, so its parts come first; *accepted* overlaps with them on its way back.
        var window = stretch.part(atMost: end.flatMap { end in clock.dispatchedAt.map { $0.span(to: end) } })
        times.workerWait = window.take(clock.prompt.waited)
        times.prefill = window.take(clock.prompt.prefill)
        if firstTokenPhase.value != .prefill { times.transfer = window.take(clock.prompt.exposedTransfer) }
        if let dispatched = clock.dispatchedAt, let accepted = clock.acceptedAt, let dispatch = times.dispatch {
            times.dispatch = dispatch + window.takeWhatIsLeft(atMost: dispatched.span(to: accepted))
        }
        times.clampedRests += (stretch.isOverdrawn ? 1 : 0) + (window.isOverdrawn ? 1 : 0)
    }

    private func fillAfterFirstToken(_ times: inout StageTimes) {
        // A request that ended without a token has nothing behind the first one.
        let length = finishAt.map { finish in firstTokenAt.map { $0.span(to: finish) } ?? .zero }
        var stretch = Stretch(length)
        times.detokenize = stretch.take(detokenizeTotal)
        times.write = stretch.take(clock.write)
        if firstTokenPhase.value == .prefill, let transfer = clock.prompt.exposedTransfer {
            // The client had its first token from the prefill leg, so it was the second that waited for the transfer.
            var wait = stretch.part(atMost: firstTokenAt.flatMap { first in decodeFirstToken.value.map { first.span(to: $0) } })
            let taken = wait.take(transfer)
            times.transfer = taken
            _ = stretch.take(taken)
            times.clampedRests += wait.isOverdrawn ? 1 : 0
        }
        if firstTokenAt != nil { times.decode = length.map { _ in stretch.left ?? .zero } }
        times.clampedRests += stretch.isOverdrawn ? 1 : 0
    }
}

/// A stretch of time that parts are taken from. What it has not got it does not give; nil: its end is not known yet.
private struct Stretch {
    private(set) var left: Duration?
    private(set) var isOverdrawn = false

    init(_ length: Duration?) { left = length }

    /// One that is not longer than this.
    func part(atMost limit: Duration?) -> Stretch {
        guard let left, let limit else { return Stretch(left ?? limit) }
        return Stretch(min(left, limit))
    }

    mutating func take(_ claim: Duration?) -> Duration? {
        guard let claim else { return nil }
        let wanted = max(claim, .zero)
        if let left, wanted > left { isOverdrawn = true }
        return takeWhatIsLeft(atMost: wanted)
    }

    mutating func takeWhatIsLeft(atMost claim: Duration) -> Duration {
        guard let left else { return claim }
        let taken = min(claim, left)
        self.left = left - taken
        return taken
    }
}
