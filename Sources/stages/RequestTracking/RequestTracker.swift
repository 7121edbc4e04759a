package import ClusterModel

/// What is known of one request: when what happened, where it runs, and how long each part of it took.
///
/// A plain value, owned by the one task that serves the request; it reads no clock. Instants are the owner's own; what routers and workers
/// say comes as durations. Most cells keep their first value over all attempts: the moments of the whole request are those that its client
/// saw. The finish, the count of output tokens and the phase keep the last. Workers keep the first value of the present attempt.
/// Why: `proto-spec/decisions/0008-what-a-tracker-keeps.md`.
package struct RequestTracker: Sendable {
    /// The first byte of the request.
    package let receivedAt: Instant
    /// The same moment on the wall clock, in milliseconds since 1970; 0 if that clock is before it. For people, never for a difference.
    package let receivedEpochMilliseconds: UInt64

    var prefillStart = Once<Instant>()
    var firstToken = Once<Instant>()
    /// Whose it was.
    var firstTokenPhase = Once<RequestPhase>()
    var decodeFirstToken = Once<Instant>()
    var prefillComplete = Once<Instant>()
    var finish: Instant?

    var overlapBlocks = Once<UInt32>()
    var promptBlocks = Once<UInt32>()
    var queueDepth = Once<UInt32>()
    var input = Once<Int>()
    var cached = Once<Int>()
    var tokenize = Once<Duration>()
    /// Of prompt and output, of those that have been counted.
    private var blocks: UInt64?

    var prefillSlot = WorkerSlot()
    var decodeSlot = WorkerSlot()
    private var phases = PhaseState()
    var clock = StageClock()

    /// Tokens of all choices.
    package private(set) var outputTokens: UInt64 = 0
    package private(set) var detokenizeCount: UInt64 = 0
    private var detokenizeNanoseconds: UInt64 = 0
    /// From 1; 0 before the first `beginAttempt`, which a request that is tried once need not call.
    package private(set) var attempt: UInt8 = 0

    /// Which phase was entered last, and who has the permit.
    private struct PhaseState: Sendable {
        var current = RequestPhase.aggregated
        var issued: UInt32 = 0
        var isOut = false
    }

    package init(receivedAt: Instant, epochMilliseconds: Int64) {
        self.receivedAt = receivedAt
        receivedEpochMilliseconds = UInt64(max(0, epochMilliseconds))
    }

    // MARK: Attempts and phases

    /// The request is tried anew, perhaps elsewhere: workers of the attempt before are no longer those of this request, and a permit of it
    /// is void. A transfer that was measured whole stays; half of one belongs to nobody.
    package mutating func beginAttempt() {
        attempt = attempt == .max ? .max : attempt + 1
        prefillSlot = WorkerSlot()
        decodeSlot = WorkerSlot()
        phases.isOut = false
        phases.issued &+= 1
        if kvTransferEstimate == nil {
            prefillComplete.clear()
            decodeFirstToken.clear()
        }
        clock.beginAttempt(hasFirstToken: firstToken.value != nil)
    }

    /// The phase that was entered last; aggregated before any was.
    package var phase: RequestPhase { phases.current }

    /// Gives out the permit to say where this phase's leg runs.
    package mutating func enter(_ phase: RequestPhase) throws(PhaseRefusal) -> PhasePermit {
        guard !phases.isOut else { throw .permitIsOut(phases.current) }
        phases.current = phase
        phases.isOut = true
        phases.issued &+= 1
        return PhasePermit(phase: phase, number: phases.issued)
    }

    /// Takes the permit back; one of an earlier attempt changes nothing.
    package mutating func leave(_ permit: consuming PhasePermit) {
        if permit.number == phases.issued { phases.isOut = false }
    }

    /// The worker of the permit's leg; an aggregated one is both workers. What was recorded before stays, and each cell that says otherwise
    /// is in the result. A rank that is not known may be told later.
    package mutating func recordWorker(
        _ worker: WorkerID, rank: Rank?, type: WorkerType, _ permit: borrowing PhasePermit
    ) throws(PhaseRefusal) -> [RecordingConflict] {
        guard phases.isOut, permit.number == phases.issued else { throw .permitIsOver }
        var conflicts: [RecordingConflict] = []
        if permit.phase != .decode { prefillSlot.record(worker, rank, type, as: .prefill, &conflicts) }
        if permit.phase != .prefill { decodeSlot.record(worker, rank, type, as: .decode, &conflicts) }
        return conflicts
    }

    // MARK: Moments

    /// The request leaves for a worker. The first of all attempts is the start of its prefill.
    @discardableResult
    package mutating func recordPrefillStart(at now: Instant) -> Bool {
        clock.dispatched(at: now)
        return prefillStart.record(now)
    }

    /// Output came from a leg of this phase. True if it was the request's first; a decode leg's own first one is kept beside it, since that
    /// of the prefill leg came before.
    @discardableResult
    package mutating func recordFirstToken(of phase: RequestPhase, at now: Instant) -> Bool {
        if phase == .decode { _ = decodeFirstToken.record(now) }
        guard firstToken.record(now) else { return false }
        return firstTokenPhase.record(phase)
    }

    /// The prefill leg's result is here: what the decode leg waited for is the transfer, from now on.
    @discardableResult
    package mutating func recordPrefillComplete(at now: Instant) -> Bool { prefillComplete.record(now) }

    /// The last one counts: output blocks move it on, so that averages stay current while the answer is under way.
    package mutating func recordFinish(at now: Instant) { finish = now }

    // MARK: Amounts

    /// True if neither was there.
    @discardableResult
    package mutating func recordHit(overlapBlocks: UInt32, promptBlocks: UInt32) -> Bool {
        let isFirstOverlap = self.overlapBlocks.record(overlapBlocks), isFirstPrompt = self.promptBlocks.record(promptBlocks)
        return isFirstOverlap && isFirstPrompt
    }

    /// `cachedTokens` nil: nobody looked them up.
    package mutating func recordInput(tokens: Int, cachedTokens: Int?) {
        _ = input.record(tokens)
        if let cachedTokens { _ = cached.record(cachedTokens) }
    }

    @discardableResult
    package mutating func recordQueueDepth(_ depth: UInt32) -> Bool { queueDepth.record(depth) }

    package mutating func recordOutput(tokens: UInt64) { outputTokens = tokens }

    /// So many tokens were given out in all. Where they begin a new block, or several, the count and the finish move on, and the gauge of
    /// the running average is to be set.
    package mutating func recordProgress(tokens: UInt64, blockSize: UInt32, at now: Instant) -> GaugeAction? {
        let prompt = UInt64(max(0, input.value ?? 0)), size = UInt64(max(1, blockSize))
        let before = blocks ?? Self.blocks(prompt, of: size)
        let (sum, isOver) = prompt.addingReportingOverflow(tokens)
        let present = Self.blocks(isOver ? .max : sum, of: size)
        guard present > before else { return nil }
        blocks = present
        recordOutput(tokens: tokens)
        recordFinish(at: now)
        return interTokenGauge
    }

    private static func blocks(_ tokens: UInt64, of size: UInt64) -> UInt64 { tokens / size + (tokens % size == 0 ? 0 : 1) }

    // MARK: Work of the frontend

    @discardableResult
    package mutating func recordTokenize(_ span: Duration) -> Bool { tokenize.record(max(span, .zero)) }

    /// One more piece of text was made, or the pieces of one batch. Saturating.
    package mutating func recordDetokenize(_ span: Duration) {
        let (sum, isOver) = detokenizeNanoseconds.addingReportingOverflow(UInt64(max(0, span.inNanoseconds)))
        detokenizeNanoseconds = isOver ? .max : sum
        if detokenizeCount < .max { detokenizeCount += 1 }
    }

    /// Nil where nothing was measured.
    package var detokenizeTotal: Duration? { detokenizeCount == 0 ? nil : .nanoseconds(detokenizeNanoseconds) }
}
