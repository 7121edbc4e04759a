import ClusterModel
import Engines
import EventLoop
import WireProtocol

/// Turns the output of a step into messages: statuses and tokens for each frontend, events for everybody.
@LoopActor
final class TokenStreamer {
    private let core: WorkerCore

    init(_ core: WorkerCore) { self.core = core }

    func finished(_ span: StepSpan, _ output: borrowing StepOutput) {
        core.metrics.stepped(tokens: output.tokens.count, prefillTokens: output.prefillTokens)
        // Before the rest of the step: when a follower hears that a prompt is computed, it has heard of all the blocks that came of it.
        core.cache.take(output)
        for event in output.events { take(event, span) }
        for run in output.runs { take(run, span, output) }
        // Tokens leave before what is said about the end of their request.
        core.settle()
        for end in output.ends { take(end) }
        core.table.report(output.loads)
        core.events.touch()
        core.settle()
    }

    // MARK: Before the tokens

    private func take(_ event: EngineEvent, _ span: StepSpan) {
        switch event {
        case .started(let key, let cachedTokens): if let request = open(key) { started(request, cachedTokens, span) }
        case .prefilled(let key, let computed, let remaining):
            if let request = open(key) { progressed(request, computed: computed, remaining: remaining) }
        case .prefillDone(let key): if let request = open(key) { prefilled(request, span) }
        case .preempted(let key, let remaining):
            guard let request = open(key) else { return }
            core.table.preempted(request, remaining: remaining)
            request.preemptions += 1
        case .embedded(let key, let vector):
            guard let request = open(key) else { return }
            var bytes: [UInt8] = []
            for number in vector { bytes.appendLittleEndian(number.bitPattern) }
            request.link?.append(
                .embeddingStatus(
                    EmbeddingStatus(counter: request.id.counter, attempt: request.attempt, leg: request.leg, vector: bytes)))
        case .reserved(let key, let heldBlocks):
            guard let request = open(key) else { return }
            core.table.reserved(request)
            request.receiving?.reserved(heldBlocks)
        case .exportable(let key, let blocks): open(key)?.sending?.exportable(blocks)
        case .exported(let key, let slice, let bytes): open(key)?.sending?.exported(slice, bytes)
        case .beside(let key, let handOver): open(key)?.sending?.take(beside: handOver)
        case .stored(let key, let slice): open(key)?.receiving?.stored(slice)
        case .sessionHolds(let session, let blocks): core.sessions.holds(session, blocks: blocks)
        }
    }

    private func started(_ request: OpenRequest, _ cachedTokens: UInt32, _ span: StepSpan) {
        core.table.started(request, cachedTokens: cachedTokens)
        // After a preemption it starts again; who asked has been told already.
        guard request.startedAt == nil else { return }
        request.startedAt = max(span.began, request.receivedAt)
        request.cachedTokens = cachedTokens
        let waited = request.receivedAt.microseconds(to: span.began)
        request.link?.append(
            .startedStatus(
                StartedStatus(
                    counter: request.id.counter, attempt: request.attempt, leg: request.leg, cachedTokens: cachedTokens,
                    waitedMicroseconds: waited)))
        guard request.lease != 0 else { return }
        core.events.append(
            .requestStarted(
                RequestStarted(
                    lease: request.lease, rank: UInt32(request.rank), cachedTokens: cachedTokens, waitedMicroseconds: waited)))
    }

    private func progressed(_ request: OpenRequest, computed: UInt32, remaining: UInt32) {
        core.table.progressed(request, remaining: remaining)
        request.link?.append(
            .prefillProgressStatus(
                PrefillProgressStatus(counter: request.id.counter, attempt: request.attempt, leg: request.leg, computedTokens: computed)))
        guard request.lease != 0 else { return }
        core.events.append(
            .prefillProgress(PrefillProgress(lease: request.lease, rank: UInt32(request.rank), remainingTokens: remaining)))
    }

    private func prefilled(_ request: OpenRequest, _ span: StepSpan) {
        core.table.progressed(request, remaining: 0)
        guard request.prefilledAt == nil else { return }
        request.prefilledAt = span.ended
        let took = (request.startedAt ?? span.began).microseconds(to: span.ended)
        request.link?.append(
            .prefillDoneStatus(
                PrefillDoneStatus(counter: request.id.counter, attempt: request.attempt, leg: request.leg, prefillMicroseconds: took)))
        guard request.lease != 0 else { return }
        core.events.append(.prefillDone(PrefillDone(lease: request.lease, rank: UInt32(request.rank), prefillMicroseconds: took)))
    }

    // MARK: Tokens

    @inline(__always)
    private func take(_ run: TokenRun, _ span: StepSpan, _ output: borrowing StepOutput) {
        guard let request = open(run.key) else { return }
        if let link = request.link {
            let first = Int(run.first), finish = run.finish.map(FinishReason.init)
            if run.count == 1, run.firstLogprob < 0 {
                link.append(
                    request, choice: run.choice, position: run.position, token: output.tokens[first], finish: finish, step: span.number)
            } else {
                link.append(
                    request, choice: run.choice, position: run.position, tokens: output.tokens[first..<(first + Int(run.count))],
                    logprobs: Self.logprobs(of: run, output), finish: finish, step: span.number)
            }
        }
        if run.count > 0, let room = request.sending { room.produced(Self.firstToken(of: run, output)) }
        let isFirst = request.firstTokenAt == nil
        let hasGrown = request.produced(
            UInt32(run.count), choice: run.choice, blockSize: core.model.card.blockSize, at: span.ended)
        if isFirst { core.limit(request) }
        guard hasGrown, request.lease != 0 else { return }
        core.events.append(
            .blocksGrown(
                BlocksGrown(
                    lease: request.lease, rank: UInt32(request.rank), outputBlocks: request.outputBlocks,
                    outputTokens: request.outputTokens)))
    }

    private static func logprobs(of run: TokenRun, _ output: borrowing StepOutput) -> [TokenLogprob]? {
        guard run.firstLogprob >= 0 else { return nil }
        let stride = Int(run.topCount) + 1
        return (0..<Int(run.count)).map { index in
            let first = Int(run.firstLogprob) + index * stride
            return TokenLogprob(
                chosen: output.logprobs[first].logprob,
                top: output.logprobs[(first + 1)..<(first + stride)].map { TopLogprob(token: $0.token, logprob: $0.logprob) })
        }
    }

    /// What a decode leg elsewhere begins with.
    private static func firstToken(of run: TokenRun, _ output: borrowing StepOutput) -> FirstToken {
        FirstToken(
            choice: run.choice, token: output.tokens[Int(run.first)], finish: run.count == 1 ? run.finish.map(FinishReason.init) : nil,
            logprob: logprobs(of: run, output)?.first)
    }

    // MARK: After the tokens

    private func take(_ end: EngineEnd) {
        guard let request = core.table[end.key] else { return }
        if !request.isClosing {
            request.preemptions = max(request.preemptions, end.preemptions)
            // Some engines learn only at the end what was found when it started; one that was cut off may not have learned it.
            request.cachedTokens = end.reason == .finished ? end.cachedTokens : max(request.cachedTokens, end.cachedTokens)
            core.end(request, WorkerCore.End(end), byEngine: true)
        }
        core.table.release(request)
    }

    /// What is still anybody's business.
    @inline(__always)
    private func open(_ key: EngineRequestKey) -> OpenRequest? {
        guard let request = core.table[key], !request.isClosing else { return nil }
        return request
    }
}

extension WorkerCore.End {
    init(_ end: EngineEnd) {
        switch end.reason {
        case .finished: self.init(.finished)
        case .handedOver where end.handOver.count > Limits.handOverBytes:
            self.init(.failed, failure: .of(.engineFailed, "handOver", "the engine's parameters are longer than a message takes"))
        case .handedOver: self.init(.handedOver, handOver: end.handOver)
        case .cancelled: self.init(.cancelled)
        case .failed(.capacity): self.init(.failed, failure: .of(.capacity, "rank", "too many requests wait"))
        // All of the rank's blocks would not hold them: that is asked wrongly, and no fault of the worker's.
        case .failed(.unsupported("choices")):
            self.init(.failed, failure: .of(.invalidArgument, "choices", "the engine cannot run so many answers, or such long ones"))
        case .failed(.unsupported(let field)): self.init(.failed, failure: .of(.invalidArgument, field, "the engine cannot do this"))
        case .failed(.incompatible(let part)):
            self.init(.failed, failure: .of(.incompatibleKV, "handOver", "the state that was handed over has other \(part)"))
        case .failed(.failed(let reason)): self.init(.failed, failure: .of(.engineFailed, "", reason))
        case .failed(.lost(let reason)):
            self.init(.failed, failure: .of(.engineFailed, "", reason, retryAfter: WorkerLimits.engineReturn))
        }
    }
}

extension FinishReason {
    fileprivate init(_ finish: EngineFinish) {
        switch finish {
        case .endOfText: self = .endOfText
        case .stopToken: self = .stopToken
        case .stopSequence: self = .stopSequence
        case .length: self = .length
        case .contentFilter: self = .contentFilter
        }
    }
}
