import ClusterModel
import RequestTracking
import Testing

@Suite("Recordings in any order")
struct RandomRecordingTests {
    /// What a naive reading of the rules makes of the same recordings: lists of all that was offered, looked through at the end.
    private struct Model {
        var starts: [Instant] = [], firsts: [Instant] = [], finishes: [Instant] = [], depths: [UInt32] = [], outputs: [UInt64] = []
        var inputs: [Int] = [], cached: [Int] = [], overlaps: [UInt32] = []
        /// Of the present attempt, by slot: 0 prefill, 1 decode.
        var workers: [[UInt64]] = [[], []]
        var ranks: [[UInt32]] = [[], []]
        var detokenized = 0

        mutating func place(_ slot: Int, _ worker: UInt64, _ rank: UInt32?) {
            workers[slot].append(worker)
            if let rank, workers[slot][0] == worker { ranks[slot].append(rank) }
        }
    }

    private func step(_ tracker: inout RequestTracker, _ model: inout Model, _ random: inout SeededRandom) throws {
        // Moments come in no order, and durations are claims: short, long, negative.
        let now = at(Int.random(in: -20...200, using: &random)), claim = ms(Int.random(in: -5...120, using: &random))
        let number = UInt32.random(in: 0...9, using: &random)
        let phase = RequestPhase.allCases[Int(number) % 3]
        switch Int.random(in: 0..<16, using: &random) {
        case 0:
            tracker.recordPrefillStart(at: now)
            model.starts.append(now)
        case 1, 2:
            tracker.recordFirstToken(of: phase, at: now)
            model.firsts.append(now)
        case 3:
            tracker.recordFinish(at: now)
            model.finishes.append(now)
        case 4:
            tracker.recordQueueDepth(number)
            model.depths.append(number)
        case 5:
            tracker.recordOutput(tokens: UInt64(number))
            model.outputs.append(UInt64(number))
        case 6:
            let known = Bool.random(using: &random)
            tracker.recordInput(tokens: Int(number), cachedTokens: known ? Int(number) : nil)
            model.inputs.append(Int(number))
            if known { model.cached.append(Int(number)) }
        case 7:
            tracker.recordHit(overlapBlocks: number, promptBlocks: 10)
            model.overlaps.append(number)
        case 8:
            tracker.recordDetokenize(claim)
            model.detokenized += 1
        case 9:
            let worker = UInt64.random(in: 0...2, using: &random), rank = number < 3 ? nil : number % 4
            try tracker.place(phase, worker, rank: rank)
            if phase != .decode { model.place(0, worker, rank) }
            if phase != .prefill { model.place(1, worker, rank) }
        case 10:
            tracker.beginAttempt()
            model.workers = [[], []]
            model.ranks = [[], []]
        case 11: tracker.recordRoute(asked: now, answered: now + claim, number < 4 ? nil : RouterSlice(queue: claim, queueDepth: number))
        case 12: tracker.recordAccepted(of: .aggregated, at: now)
        case 13: tracker.recordWorkerTimes(WorkerSlice(waited: claim, prefill: claim, exposedTransfer: claim), of: phase)
        case 14: tracker.recordWrite(claim)
        default:
            tracker.recordTokenize(claim)
            tracker.recordPrefillComplete(at: now)
        }
        // A router's slice has a depth and an overlap of its own.
        if let depth = tracker.routerQueueDepth, model.depths.isEmpty { model.depths.append(depth) }
    }

    @Test("no order traps; first and last values are those of a naive model; parts never exceed the whole", arguments: 0..<400)
    func anyOrder(seed: UInt64) throws {
        var random = SeededRandom(seed: seed), tracker = tracker(), model = Model()
        for _ in 0..<Int.random(in: 1...60, using: &random) {
            try step(&tracker, &model, &random)
            try check(tracker, model)
        }
    }

    private func check(_ tracker: RequestTracker, _ model: Model) throws {
        let first = model.firsts.first.map { max($0, at(0)) }
        #expect(tracker.firstTokenAt == first)
        #expect(tracker.routerQueueDepth == model.depths.first && tracker.outputTokens == model.outputs.last ?? 0)
        #expect(tracker.inputTokens == model.inputs.first && tracker.cachedTokens == model.cached.first)
        #expect(tracker.detokenizeCount == UInt64(model.detokenized))
        let info = tracker.workerInfo
        #expect(info?.prefillWorker?.rawValue == model.workers[0].first && info?.decodeWorker?.rawValue == model.workers[1].first)
        #expect(info?.prefillRank?.rawValue == model.ranks[0].first && info?.decodeRank?.rawValue == model.ranks[1].first)
        if let finish = model.finishes.last, finish >= first ?? at(0), finish >= model.starts.first ?? at(0) {
            #expect(tracker.finishAt == finish)
        }
        let wait = tracker.prefillWait, prefill = tracker.prefillTime, untilFirst = tracker.timeToFirstToken, total = tracker.totalTime
        if let wait, let prefill { #expect(wait + prefill == untilFirst) }
        if let untilFirst, let total { #expect(untilFirst <= total) }
        if let wait, let total { #expect(wait <= total) }
        let stages = tracker.stages
        for stage in stages.all { #expect(stage.span ?? .zero >= .zero) }
        if let total { #expect(stages.sum <= total) }
    }
}
