import OpenAIDialect
import RequestTracking
import WireProtocol

/// How legs end, and what is learned of it.
extension AttemptLegs {
    /// Remembers whose fault it is.
    func fail(_ leg: AttemptLeg, _ failure: AttemptFailure) -> AttemptFailure {
        leg.fault = failure.fault.lease
        return failure
    }

    private func failed(_ leg: AttemptLeg) -> FailedLeg {
        let partner = path == .concurrent ? all.first { $0 !== leg }?.placement : nil
        let isMovable = leg.hasOutput && request.prepared.choices == 1 && leg.worker?.entry.capabilities.contains(.moves) ?? false
        return FailedLeg(
            placement: leg.placement, isPrefill: leg.task == .prefill, partner: partner, hasOutput: leg.hasOutput, canMove: isMovable)
    }

    /// Both legs may be refused at once; something is learned of each.
    func refusals(_ arrivals: borrowing Arrivals) throws(AttemptFailure) {
        var failure: AttemptFailure?
        for leg in all {
            guard let refusal = arrivals[leg.task].refusal else { continue }
            failure = fail(leg, request.history.refused(failed(leg), refusal, in: request.prepared.words))
        }
        if let failure { throw failure }
    }

    func late(_ leg: AttemptLeg, _ kind: LegWait) -> AttemptFailure { fail(leg, request.history.late(failed(leg), kind)) }

    /// Looks at the last words of all workers. What the decode worker says of itself counts before what the prefill worker says of it, and
    /// both before what the decode worker says of the other. The state that a prefill leg gave, if the attempt goes on with it.
    func ends(_ arrivals: borrowing Arrivals) throws(AttemptFailure) -> [UInt8]? {
        var state: [UInt8]?, gaveUp = false
        if let main {
            let news = arrivals[main.task]
            if news.ended?.reason == .prefillLost, prefill != nil {
                gaveUp = true
            } else if news.ended?.reason != .finished || released.keptRuns == 0 {
                // One that has finished may have said all, while what belongs before it is under way.
                try ends(main, news)
            }
        }
        if let prefill {
            let news = arrivals[.prefill]
            if let ended = news.ended, ended.reason == .handedOver {
                // In a room the decode worker has got it already.
                if main == nil { state = try handedOver(prefill, ended) }
            } else if !(main?.hasStarted ?? false) {
                // Once the state is with the decode leg, nothing depends on the prefill leg any more.
                try ends(prefill, news)
            }
            if gaveUp {
                throw fail(
                    prefill,
                    request.history.prefillLost(FailedLeg(placement: prefill.placement, isPrefill: true, partner: main?.placement)))
            }
            // It ended, and what it owed did not come.
            if !prefill.isRunning, released.keptRuns > 0 { throw fail(prefill, request.history.tokensLost()) }
        }
        return state
    }

    private func handedOver(_ leg: AttemptLeg, _ ended: EndedStatus) throws(AttemptFailure) -> [UInt8] {
        // Nothing is no state.
        guard !ended.handOver.isEmpty else { throw fail(leg, request.history.gaveNothing(failed(leg))) }
        return ended.handOver
    }

    private func ends(_ leg: AttemptLeg, _ news: LegNews) throws(AttemptFailure) {
        if let ended = news.ended, !ended.isLoss {
            throw fail(leg, request.history.ended(failed(leg), ended, in: request.prepared.words))
        }
        if let loss = news.loss { throw fail(leg, request.history.lost(failed(leg), loss)) }
    }

    // MARK: The end

    /// Whatever still runs runs for nobody: all workers are told in this turn, and routers what became of leases.
    func end(_ end: AttemptEnd) {
        released.dropKept()
        countKept()
        if isMove { frontend.metrics.splits.moved(end, isDone: main?.hasOutput ?? false) }
        switch end {
        case .finished:
            for leg in all {
                leg.finished(request.active)
                if let worker = leg.worker { frontend.workers.endedWell(worker) }
            }
        case .clientGone: for leg in all { leg.clientGone(request.active) }
        case .failed(let failure):
            // What has no leg to blame is said of the one that there is.
            if all.count == 1, all[0].fault == nil { all[0].fault = failure.fault.lease }
            let reason: CancelReason = request.isLate ? .timedOut : all.count == 1 ? .moved : .legFailed
            for leg in all { leg.giveUp(reason, of: request.active) }
            if prefill?.fault == nil { request.session?.attemptFailed(failure.fault) }
            blame(for: failure)
        }
    }

    private func blame(for failure: AttemptFailure) {
        let blamed = request.history.takeBlamed()
        guard failure.countsAgainstWorker, !request.prepared.isSpeculative else { return }
        for leg in all where blamed.contains(leg.placement.workerID) {
            guard let worker = leg.worker else { continue }
            if worker.breaker.takeTrial() { request.history.failedAsTrial() }
            frontend.workers.failed(worker)
        }
    }
}
