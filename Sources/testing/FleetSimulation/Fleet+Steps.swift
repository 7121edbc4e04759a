import ClusterModel
import Engines
import LoadGeneration
import Scheduling

// What comes of a step: tokens to frontends, news to routers, state to decode workers.

extension Fleet {
    func stepEnded(_ worker: FleetWorker) {
        let began = worker.stepBegan ?? now
        let output = worker.takeOutput()
        tellCache(output, of: worker)
        for event in output.events { take(event, at: worker, began: began) }
        let tokens = output.tokens.span
        for run in output.runs {
            guard let leg = worker.legs[run.key.rawValue] else { continue }
            let first = Int(run.first)
            produced(tokens.extracting(first..<first + Int(run.count)), run, leg, worker)
        }
        for end in output.ends { take(end, at: worker) }
        worker.giveBack(output)
        if !worker.pending.isEmpty || worker.loads != worker.saidLoads { publishSoon(worker) }
        stepIfDue(worker)
    }

    private func tellCache(_ output: borrowing StepOutput, of worker: FleetWorker) {
        for change in output.cache {
            let first = Int(change.first), hashes = output.hashes[first..<first + Int(change.count)].map(\.rawValue)
            switch change.kind {
            case .stored(let parent): worker.say(.stored(change.rank, hashes, after: parent?.rawValue))
            case .removed: worker.say(.removed(change.rank, hashes))
            case .cleared: worker.say(.cleared(change.rank))
            }
        }
    }

    private func take(_ event: EngineEvent, at worker: FleetWorker, began: Instant) {
        switch event {
        case .started(let key, let cached):
            guard let leg = worker.legs[key.rawValue] else { return }
            if leg.startedAt == nil {
                leg.startedAt = began
                if !leg.takesState, leg.request.cachedTokens == nil {
                    leg.request.cachedTokens = min(cached, leg.request.planned.promptTokens)
                }
            }
            leg.remainingTokens = leg.lease.promptTokens - min(cached, leg.lease.promptTokens)
            worker.say(.started(leg, cachedTokens: cached))
        case .prefilled(let key, _, let remaining):
            guard let leg = worker.legs[key.rawValue] else { return }
            leg.remainingTokens = remaining
            worker.say(.progress(leg, remaining: remaining))
        case .prefillDone(let key):
            guard let leg = worker.legs[key.rawValue] else { return }
            leg.remainingTokens = 0
            if leg.prefilledAt == nil { leg.prefilledAt = now }
            worker.say(.prefilled(leg, took: (leg.startedAt ?? began).duration(to: now)))
        case .preempted(let key, let remaining):
            guard let leg = worker.legs[key.rawValue] else { return }
            figures.preempted += 1
            leg.remainingTokens = remaining
            worker.say(.progress(leg, remaining: remaining))
        default: return
        }
    }

    private func produced(_ tokens: Span<TokenID>, _ run: TokenRun, _ leg: FleetLeg, _ worker: FleetWorker) {
        if leg.firstTokenAt == nil { leg.firstTokenAt = now }
        leg.lastTokenAt = now
        leg.outputTokens += UInt32(tokens.count)
        let prompt = leg.lease.promptTokens, size = options.blockSize
        // Blocks beyond those of the prompt.
        let blocks = (prompt + leg.outputTokens + size - 1) / size - (prompt + size - 1) / size
        if blocks > leg.toldBlocks {
            leg.toldBlocks = blocks
            worker.say(.grown(leg, blocks: blocks, tokens: leg.outputTokens))
        }
        self.tokens(tokens, position: Int(run.position), of: leg, isLast: run.finish != nil)
    }

    private func take(_ end: EngineEnd, at worker: FleetWorker) {
        guard let leg = worker.legs[end.key.rawValue] else { return }
        worker.forget(leg)
        leg.isOver = true
        let decode = leg.firstTokenAt.map { $0.duration(to: leg.lastTokenAt ?? $0) } ?? .zero
        var reason = LeaseRelease.finished
        switch end.reason {
        case .finished:
            // Its engine ended it before its length, at the bound of what a sequence may have.
            if leg.request.attempt == leg.attempt, leg.request.legs.last === leg { fail(leg.request, "cut_short") }
        case .handedOver: handOver(leg, end.handOver, from: worker)
        case .cancelled: reason = .cancelled
        case .failed(.unsupported(let field)):
            // No engine would take it, so it is not tried again.
            reason = .cancelled
            if leg.request.attempt == leg.attempt { fail(leg.request, "unsupported_\(field)") }
        case .failed:
            reason = .cancelled
            events.plan(.lost(leg), at: now + options.hop)
            leg.isOver = false
        }
        worker.say(.ended(leg, reason, tokens: leg.outputTokens, decode: decode))
    }

    /// The prompt's state goes to the worker that decodes. It left chunk by chunk while prefill went on: what takes time now is what had not left.
    private func handOver(_ leg: FleetLeg, _ parameters: [UInt8], from worker: FleetWorker) {
        let request = leg.request
        guard request.phase == .running, request.attempt == leg.attempt, let next = request.legs.last, next !== leg else { return }
        let tokens = Double(leg.lease.promptTokens)
        let all = tokens * options.stateBytesPerToken / options.stateBytesPerSecond
        let last = min(tokens, Double(options.room.maxBatchedTokens)) / max(tokens, 1) * all
        let prefill = Double((leg.startedAt ?? now).duration(to: now).inNanoseconds) / 1e9
        let left = min(max(last, all - prefill), FleetLimits.tail.inSeconds)
        worker.linkFree = max(worker.linkFree, now) + .nanoseconds(Int64(left * 1e9))
        events.plan(.engage(next, handOver: parameters), at: worker.linkFree + options.hop)
    }

    /// A leg that its worker had accepted and not begun.
    func endUnstarted(_ leg: FleetLeg, at worker: FleetWorker) {
        leg.isOver = true
        worker.say(.ended(leg, .cancelled, tokens: 0, decode: .zero))
        publishSoon(worker)
    }
}
