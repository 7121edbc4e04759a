import ClusterModel
import EventLoop
import OpenAIDialect
import ProcessKit
import RequestTracking
import Telemetry
import WireProtocol

/// What is known of one request, as its task hears of it: its tracker, and what the metrics, the client and the frontend's stream are told.
///
/// The flow records, the answer asks. Clocks are read here: once for what happens once, twice for a batch of tokens, never for a token.
@LoopActor
final class RequestRecord {
    private(set) var tracker: RequestTracker
    /// Nil: no client asked, and nothing is counted of it.
    let meter: RequestMeter?
    private let frontend: Frontend
    private let prepared: PreparedRequest
    private let id: RequestID
    private var loop: Loop { frontend.context.loop }
    private var model: ModelCard { prepared.model.card }
    /// A plan was wanted, and is not there yet.
    private var askedAt: Instant?
    /// Text is being made.
    private var textSince: Instant?
    /// The client takes nothing.
    private var waitsSince: Instant?
    /// Of the batch that is being released.
    private var batch = Batch()
    /// Given out so far, of all choices.
    private var tokensOut = 0
    /// How its time was spent; nil until it has ended.
    private var ended: EndedStages?

    /// An object, since room for it is needed at the end alone.
    private final class EndedStages {
        let times: StageTimes

        init(_ times: StageTimes) { self.times = times }
    }

    private struct Batch {
        var arrivedAt = Instant.zero
        /// Choices that had not ended when it came.
        var choices = 1
        var text = Duration.zero
    }

    init(_ prepared: PreparedRequest, id: RequestID, meter: RequestMeter?, receivedAt: Instant, frontend: Frontend) {
        self.frontend = frontend
        self.prepared = prepared
        self.id = id
        self.meter = meter
        let loop = frontend.context.loop
        let age = receivedAt.duration(to: loop.now).inMilliseconds
        tracker = RequestTracker(receivedAt: receivedAt, epochMilliseconds: loop.wallClockMilliseconds - age)
        tracker.recordTokenize(prepared.costs.tokenizing)
        meter?.prepared(
            inputTokens: prepared.prompt.count, template: prepared.costs.rendering,
            tokenizing: prepared.costs.tokenizing - (prepared.costs.rendering ?? .zero),
            at: loop.preciseNow)
    }

    // MARK: The way to a worker

    func beginsAttempt() {
        if tracker.attempt > 0 { meter?.migrates() }
        tracker.beginAttempt()
    }

    func wantsPlan() {
        askedAt = loop.preciseNow
        frontend.planWait?(
            .began(id, tenant: prepared.tenant.name, priorityClass: prepared.generation.hints.strictPriority ?? 0))
    }

    /// No plan came of it; the time is part of the way all the same.
    func hasNoPlan() {
        guard let askedAt else { return }
        self.askedAt = nil
        frontend.planWait?(.ended(id))
        tracker.recordRoute(asked: askedAt, answered: loop.preciseNow, nil)
    }

    func hasPlan(_ plan: PlanEntry) {
        let now = loop.preciseNow, asked = askedAt ?? now
        if askedAt != nil { frontend.planWait?(.ended(id)) }
        askedAt = nil
        // A router that believes in more than there is would make a rate above 1, and perhaps a number that is none.
        let most = min(plan.promptBlocks, UInt32(clamping: prepared.hashes.count + 1))
        let overlap = min(plan.legs.first { $0.leg != .decode }?.deviceBlocks ?? 0, most)
        tracker.recordRoute(
            asked: asked, answered: now,
            RouterSlice(
                queue: .microseconds(Int64(clamping: plan.queueMicroseconds)),
                decision: .nanoseconds(Int64(clamping: plan.decisionNanoseconds)), overlapBlocks: overlap, promptBlocks: plan.promptBlocks,
                queueDepth: plan.queueDepth))
        tracker.recordInput(
            tokens: prepared.prompt.count, cachedTokens: min(Int(overlap) * Int(model.blockSize), prepared.prompt.count))
        meter?.placed(by: plan, overlapBlocks: overlap, routing: asked.duration(to: now))
    }

    /// Where a leg runs. Its phase is fixed with its task, and goes with everything that is recorded of it.
    func runs(_ leg: PlanLeg, as task: Leg) {
        let phase = task.phase
        do throws(PhaseRefusal) {
            let permit = try tracker.enter(phase)
            let conflicts = try tracker.recordWorker(
                WorkerID(leg.workerID), rank: Rank(leg.rank), type: phase == .prefill ? .prefill : .decode, permit)
            tracker.leave(permit)
            for conflict in conflicts { contradicted(conflict.description) }
        } catch { contradicted("\(error)") }
    }

    private func contradicted(_ what: String) {
        frontend.metrics.trackerConflicts.increment()
        frontend.context.log.error("a request was placed twice", ["request": .text(id.description), "conflict": .text(what)])
    }

    func isSent() {
        tracker.recordPrefillStart(at: loop.preciseNow)
        meter?.dispatched()
    }

    // MARK: What comes back

    /// `phase` is that of the leg that it comes from.
    func hears(_ news: borrowing LegNews, of phase: RequestPhase) {
        if news.isAccepted {
            tracker.recordAccepted(of: phase, at: loop.now)
            meter?.accepted()
        }
        if let times = news.times.slice { tracker.recordWorkerTimes(times, of: phase) }
        // Its first output is its result, and comes with the news that prefill is done; a leg that has no token to show hands over at once.
        if phase == .prefill, news.hasTokens || news.ended?.reason == .handedOver { tracker.recordPrefillComplete(at: loop.now) }
        guard news.hasTokens, tracker.recordFirstToken(of: phase, at: loop.now) else { return }
        for action in tracker.firstTokenGauges { show(action) }
    }

    /// A batch of tokens becomes text.
    func beginsBatch(choices: Int) {
        batch = Batch(arrivedAt: loop.now, choices: choices)
        textSince = loop.preciseNow
    }

    /// What is there waits for the client to take some of it.
    func waitsForClient() {
        let now = loop.preciseNow
        textEnded(now)
        waitsSince = now
    }

    func clientTookSome() {
        let now = loop.preciseNow
        if let waitsSince { tracker.recordWrite(waitsSince.duration(to: now)) }
        waitsSince = nil
        textSince = now
    }

    /// The batch is text; `tokens` were given out in all.
    func endsBatch(tokens: Int) {
        textEnded(loop.preciseNow)
        let fresh = tokens - tokensOut
        tokensOut = tokens
        meter?.tokens(fresh, choices: batch.choices, at: batch.arrivedAt)
        meter?.detokenized(fresh, in: batch.text)
        if let action = tracker.recordProgress(tokens: UInt64(max(0, tokens)), blockSize: model.blockSize, at: batch.arrivedAt) {
            show(action)
        }
    }

    private func textEnded(_ now: Instant) {
        guard let since = textSince else { return }
        textSince = nil
        let span = since.duration(to: now)
        batch.text += span
        tracker.recordDetokenize(span)
    }

    private func show(_ action: GaugeAction) {
        if meter != nil { frontend.metrics.workers.show(action) }
    }

    // MARK: What is told

    /// A choice ends, or the whole answer: that is the finish, until another one ends.
    func choiceEnds() {
        let now = loop.preciseNow
        if textSince != nil {
            textEnded(now)
            textSince = now
        }
        tracker.recordFinish(at: now)
    }

    /// What the client wants to hear of times, as far as they are known.
    func tellTimes(in told: inout ResponseExtension) {
        if prepared.wantsTiming { told.timing = tracker.timing.json }
        if prepared.wantsStages { told.others.insert(.init(name: "stages", json: tracker.stages.json), at: 0) }
    }

    /// Asked for several times at the end, when they change no more.
    private var stages: StageTimes { ended?.times ?? tracker.stages }

    /// The value of the header.
    var serverTiming: String { ServerTiming(stages, total: tracker.totalTime).description }

    // MARK: The end

    /// Nothing comes any more, however it ended.
    func ends(tokens: Int) {
        hasNoPlan()
        tracker.recordOutput(tokens: UInt64(max(0, tokens)))
        choiceEnds()
        ended = EndedStages(tracker.stages)
        if let action = tracker.interTokenGauge { show(action) }
    }

    /// Each thing that is counted once a request.
    func count(_ outcome: RequestOutcome) {
        var end = RequestMeter.End(status: outcome.status, at: tracker.finishAt ?? loop.now)
        let stages = stages
        end.cachedTokens = outcome.cachedTokensFound ? outcome.usage.cachedTokens : nil
        end.cacheTransfer = tracker.kvTransferEstimate
        end.roundtrip = tracker.prefillTime
        if let text = tracker.detokenizeTotal { end.postprocessing = text + (stages.write ?? .zero) }
        end.stages = stages
        meter?.ended(end)
    }

    /// What the frontend's stream says of it.
    func slice(_ outcome: RequestOutcome) -> RequestSlice {
        var slice = RequestSlice()
        slice.counter = id.counter
        slice.attempts = outcome.attempts
        slice.model = model.name
        slice.tenant = prepared.tenant.name
        slice.status = UInt16(clamping: outcome.status)
        slice.streaming = prepared.delivery.isStreamed
        slice.choices = UInt8(clamping: prepared.choices)
        slice.promptTokens = UInt32(clamping: prepared.prompt.count)
        slice.cachedTokens = UInt32(clamping: outcome.usage.cachedTokens)
        slice.outputTokens = UInt32(clamping: outcome.usage.completionTokens)
        let workers = tracker.workerInfo
        slice.decode = workers?.decodeWorker.map { PlacementRef(workerID: $0.rawValue, rank: workers?.decodeRank?.rawValue) }
        let prefill = workers?.prefillWorker.map { PlacementRef(workerID: $0.rawValue, rank: workers?.prefillRank?.rawValue) }
        if prefill != slice.decode { slice.prefill = prefill }
        slice.receivedEpochMilliseconds = tracker.receivedEpochMilliseconds
        slice.durations = StageDurations(stages, tracker)
        return slice
    }
}
