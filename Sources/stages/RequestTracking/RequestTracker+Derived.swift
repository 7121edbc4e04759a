package import ClusterModel

// What follows from what was recorded. Nil wherever a part of it is missing.
extension RequestTracker {
    // Moments in their order, whatever was recorded: the first token is not before the request, prefill starts between them, and the finish
    // is behind all. So the wait and the prefill are the time to first token, and that is not above the total.

    /// Of the whole request.
    package var firstTokenAt: Instant? { firstToken.value.map { max($0, receivedAt) } }

    package var prefillStartAt: Instant? {
        prefillStart.value.map { start in min(max(start, receivedAt), firstTokenAt ?? max(start, receivedAt)) }
    }

    package var finishAt: Instant? {
        finish.map { max($0, firstTokenAt ?? receivedAt, prefillStartAt ?? receivedAt) }
    }

    package var prefillWait: Duration? { prefillStartAt.map { receivedAt.duration(to: $0) } }

    package var prefillTime: Duration? {
        guard let start = prefillStartAt, let first = firstTokenAt else { return nil }
        return start.duration(to: first)
    }

    package var timeToFirstToken: Duration? { firstTokenAt.map { receivedAt.duration(to: $0) } }

    package var totalTime: Duration? { finishAt.map { receivedAt.duration(to: $0) } }

    /// From the first token to the finish, by the tokens after the first; nil below two tokens. Tokens of all choices count.
    package var averageInterTokenMilliseconds: Double? {
        guard let first = firstTokenAt, let finish = finishAt, outputTokens >= 2 else { return nil }
        return first.duration(to: finish).milliseconds / Double(outputTokens - 1)
    }

    /// Of the prompt's blocks, those that the router believed to be cached; from 0 to 1.
    package var hitRate: Double? {
        guard let overlap = overlapBlocks.value, let all = promptBlocks.value, all > 0 else { return nil }
        return Double(overlap) / Double(all)
    }

    /// An upper bound: prefill's result was here, to the first token of the decode leg. It holds dispatch, network, transfer and one step. Not
    /// below 0: a decode leg may be faster than the news.
    package var kvTransferEstimate: Duration? {
        guard let complete = prefillComplete.value, let first = decodeFirstToken.value else { return nil }
        return complete.span(to: first)
    }

    package var inputTokens: Int? { input.value }
    package var cachedTokens: Int? { cached.value }
    package var routerQueueDepth: UInt32? { queueDepth.value }
    package var tokenizeTime: Duration? { tokenize.value }
    package var decodeFirstTokenAt: Instant? { decodeFirstToken.value }
    package var prefillWorkerType: WorkerType? { prefillSlot.type.value }
    package var decodeWorkerType: WorkerType? { decodeSlot.type.value }

    /// Nil until some worker is known.
    package var workerInfo: WorkerInfo? {
        guard prefillSlot.worker.value != nil || decodeSlot.worker.value != nil else { return nil }
        return WorkerInfo(
            prefillWorker: prefillSlot.worker.value, prefillRank: prefillSlot.rank.value, decodeWorker: decodeSlot.worker.value,
            decodeRank: decodeSlot.rank.value)
    }

    package var timing: TimingInfo {
        TimingInfo(
            requestReceived: receivedEpochMilliseconds, prefillWait: prefillWait?.milliseconds, prefill: prefillTime?.milliseconds,
            timeToFirstToken: timeToFirstToken?.milliseconds, total: totalTime?.milliseconds, hitRate: hitRate,
            routerQueueDepth: routerQueueDepth, kvTransferEstimate: kvTransferEstimate?.milliseconds)
    }

    // MARK: Gauges

    /// To be set at the first token; none without a worker that computed the prompt.
    package var firstTokenGauges: [GaugeAction] {
        guard let worker = prefillSlot.worker.value else { return [] }
        func action(_ gauge: GaugeAction.Gauge, _ value: Double) -> GaugeAction {
            GaugeAction(
                gauge: gauge, worker: worker, rank: prefillSlot.rank.value, workerType: prefillSlot.type.value ?? .prefill, value: value)
        }
        var actions: [GaugeAction] = []
        actions.reserveCapacity(2)
        if let time = timeToFirstToken { actions.append(action(.lastTimeToFirstTokenSeconds, time.milliseconds / 1_000)) }
        if let input = input.value { actions.append(action(.lastInputSequenceTokens, Double(input))) }
        return actions
    }

    /// To be set at each output block and at the end; none without a worker that made the tokens.
    package var interTokenGauge: GaugeAction? {
        guard let worker = decodeSlot.worker.value, let average = averageInterTokenMilliseconds else { return nil }
        return GaugeAction(
            gauge: .lastInterTokenLatencySeconds, worker: worker, rank: decodeSlot.rank.value,
            workerType: decodeSlot.type.value ?? .decode, value: average / 1_000)
    }
}

extension Duration {
    /// As all times are told to clients: milliseconds with a fraction, exact to the nanosecond.
    package var milliseconds: Double { Double(inNanoseconds) / 1_000_000 }
}
