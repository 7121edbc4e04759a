import ClusterModel
import EventLoop
import HTTPServing
import OpenAIDialect
import RequestTracking
import WireProtocol

/// The legs of one attempt: what their workers say, which of it the client gets, and how long each thing is waited for.
@LoopActor
final class AttemptLegs {
    private(set) var all: [AttemptLeg] = [] { didSet { sort() } }
    /// The leg whose tokens the client gets to the end; nil while there is only a prefill leg.
    private(set) var main: AttemptLeg?
    private(set) var prefill: AttemptLeg?
    /// How the state gets from one leg to the other.
    private(set) var path = HandOverPath.none
    let request: ClientRequest
    /// Of all legs, from when the first ones were accepted.
    private var firstTokenDue: Instant?
    private var silenceDue = Instant.zero
    /// As counted among what the frontend holds.
    private var keptRuns = 0
    /// What came last. It stands here and not in the task that waits for more: a task keeps to its end what it held once, several times over.
    private var arrivals = Arrivals()
    /// Of it the client has had what stands before this.
    private var place = ReleasedAnswer.Place()
    private(set) var isMove = false

    var frontend: Frontend { request.frontend }
    private var loop: Loop { request.loop }
    private var limits: FrontendLimits { request.limits }
    var released: ReleasedAnswer { request.released }

    init(_ request: ClientRequest) { self.request = request }

    /// Kept, since they are asked for with each batch of tokens.
    private func sort() {
        main = all.first { $0.task != .prefill }
        prefill = all.first { $0.task == .prefill }
    }

    /// No leg brings anything: each does the whole of it.
    func makeAggregated() {
        for leg in all { leg.task = .aggregated }
        sort()
    }

    // MARK: Places

    @discardableResult
    func add(_ placed: Placing.Placed) -> [AttemptLeg] {
        let fresh = placed.plan.legs.map { AttemptLeg($0, from: placed.router) }
        all = all.isEmpty ? fresh : all + fresh
        if path == .none { path = placed.plan.handOver }
        return fresh
    }

    /// The worker that drains computes the little that is not in its cache, and brings the rest: the prefill leg of a split attempt. It is in
    /// nobody's plan, so it has no lease.
    func addSource(_ placement: PlanLeg) {
        var placement = placement
        placement.leg = .prefill
        placement.lease = 0
        all.insert(AttemptLeg(placement, from: nil), at: 0)
        path = .concurrent
        isMove = true
    }

    /// That worker is gone, and what it would have brought: the other one computes all of it.
    func drop(source: AttemptLeg) {
        all.removeAll { $0 === source }
        makeAggregated()
        path = .none
        isMove = false
    }

    /// Where each leg runs.
    func tellWorkers() {
        for leg in all where !leg.isSent { request.record.runs(leg.placement, as: leg.task) }
        request.tellWorkers()
    }

    /// Where a leg meets the other one; nil where it does not.
    func room(for leg: AttemptLeg) -> RoomPlan? {
        guard path == .concurrent, let other = all.first(where: { $0 !== leg }), leg.task != .aggregated else { return nil }
        let calls = leg.task == .prefill
        return RoomPlan(
            direction: calls ? .push : .receive, peerWorkerID: other.placement.workerID, peerGeneration: other.placement.generation,
            peerAddress: calls ? other.worker?.entry.endpoints.linkAddress ?? "" : "",
            rendezvousMilliseconds: limits.rendezvous.wireMilliseconds)
    }

    // MARK: Time

    /// Of the time that all legs together have for the first token.
    var firstTokenLeft: Duration { firstTokenDue.map { loop.now.duration(to: $0) } ?? limits.firstToken }

    /// Nobody computes while a leg has no place.
    func wasParked(for span: Duration) { firstTokenDue = firstTokenDue.map { $0 + span } }

    /// What is waited for, whose fault it is if it does not come, and until when.
    private var wait: (kind: LegWait, leg: AttemptLeg, until: Instant) {
        for leg in all where leg.isRunning && !leg.isAccepted { return (.acceptance, leg, leg.sentAt + limits.dispatch) }
        let answering = main ?? all[0]
        // What the decode leg gave waits for a token that the prefill leg owes.
        if released.keptRuns > 0, let prefill, prefill.isRunning { return (.firstToken, prefill, firstTokenDue ?? loop.now) }
        if answering.hasOutput { return (.nextToken, answering, silenceDue) }
        let owing = prefill.flatMap { $0.isRunning ? $0 : nil } ?? answering
        return (.firstToken, owing, firstTokenDue ?? loop.now)
    }

    // MARK: What comes back

    enum Progress {
        /// The client has its whole answer.
        case complete
        /// The prefill leg has ended, and this is what a decode leg starts with.
        case handedOver([UInt8])
    }

    /// Follows all legs until the answer is complete, or the next one can be placed.
    func follow(_ placing: Placing) async throws(AttemptFailure) -> Progress {
        while true {
            if request.active.isAwaited {
                await withUnsafeContinuation { request.active.resume($0, until: due) }
            }
            // Plain calls as a rule: an async one costs as much as making text of a token.
            let isOwed = prefill?.isRunning ?? false
            if try take(placing, isOwed: isOwed) == false { try await releaseRest(isOwed: isOwed) }
            if let progress = try progress() { return progress }
        }
    }

    private var due: Instant { min(wait.until, request.deadline) }

    /// Takes what came, and gives the client its tokens. False if those are not all: see `releaseAtOnce`.
    @inline(never)
    private func take(_ placing: Placing, isOwed: Bool) throws(AttemptFailure) -> Bool {
        request.active.take(&arrivals)
        place = ReleasedAnswer.Place()
        if request.isClientGone { throw .clientGone }
        return try looking { arrivals throws(AttemptFailure) in
            // What came before the end of a link counts. Statuses and frames of one leg are told apart by kind: a refusal has no frames, an end
            // comes after them.
            for leg in all where leg.isRunning { hear(arrivals[leg.task], of: leg, placing) }
            try refusals(arrivals)
            return arrivals.runs.isEmpty ? true : try releaseAtOnce(arrivals, isOwed: isOwed)
        }
    }

    /// Looks at what came, which nobody else changes meanwhile.
    private func looking<Result>(_ look: (borrowing Arrivals) throws(AttemptFailure) -> Result) throws(AttemptFailure) -> Result {
        var arrivals = Arrivals()
        swap(&arrivals, &self.arrivals)
        defer { swap(&arrivals, &self.arrivals) }
        return try look(arrivals)
    }

    /// How far the attempt is, once all that came was looked at; nil while it goes on.
    @inline(never)
    private func progress() throws(AttemptFailure) -> Progress? {
        try looking { arrivals throws(AttemptFailure) in
            if !arrivals.runs.isEmpty {
                if released.unfinished == 0 { return .complete }
                if arrivals.hasTokens { silenceDue = loop.now + limits.silence }
            }
            if let vector = arrivals[.aggregated].embedding {
                try take(embedding: vector)
                return .complete
            }
            if let state = try ends(arrivals) { return .handedOver(state) }
            if request.isLate { throw AttemptFailure(.timeout, .timedOut, isFinal: true) }
            // A client that takes its time holds up what is read, not what came: nobody is late before it was looked at.
            if arrivals.isEmpty {
                let wait = self.wait
                if wait.until <= loop.now { throw late(wait.leg, wait.kind) }
            }
            return nil
        }
    }

    private func hear(_ news: borrowing LegNews, of leg: AttemptLeg, _ placing: Placing) {
        let hadToken = request.record.tracker.firstTokenAt != nil
        request.record.hears(news, of: leg.task.phase)
        request.trace.spans?.hears(news, of: leg.task)
        let hadOutput = leg.hasOutput
        defer { if !hadOutput, leg.hasOutput, let worker = leg.worker { frontend.workers.gaveTokens(worker) } }
        if leg.hears(news), let worker = leg.worker, leg.task != .prefill, let session = request.session {
            // The client hears of its placement before it hears of its answer.
            session.accepted(by: worker)
            request.answer.cookie = frontend.sessions.cookieField(for: session.client, at: leg.place)
        }
        if all.allSatisfy(\.isAccepted) {
            firstTokenDue = firstTokenDue ?? loop.now + limits.firstToken
            request.beginAnswer()
            placing.accepted()
        }
        // What a decode leg has was brought there, and what a later attempt finds cached may be of the answer.
        if let cached = news.cachedTokens, !hadToken, leg.task != .decode { request.found(cachedTokens: cached) }
        // Some engines learn only at the end what they had found when they began.
        if let ended = news.ended, ended.cachedTokens > 0, leg.task != .decode, request.active.attempt == 1 {
            request.found(cachedTokens: ended.cachedTokens)
        }
    }

    /// Numbers that are none could not be told.
    private func take(embedding vector: [UInt8]) throws(AttemptFailure) {
        let card = request.prepared.model.card
        guard EmbeddingVector.isWhole(vector, dimensions: Int(card.embeddingDimensions)) else {
            throw fail(all[0], AttemptFailure(.engineFailed, .engineFailed))
        }
        request.answer.embedding = vector
    }

    // MARK: Tokens

    /// Gives the client what came. False if that is not all: the client has to take some first, or one leg's tokens wait for another's.
    private func releaseAtOnce(_ arrivals: borrowing Arrivals, isOwed: Bool) throws(AttemptFailure) -> Bool {
        request.beginAnswer()
        request.record.beginsBatch(choices: released.unfinished)
        var isDone = true
        defer { if isDone { endBatch() } }
        isDone = try give(arrivals, isOwed) && released.keptRuns == 0 && keptRuns == 0
        return isDone
    }

    /// The rest, as fast as the client takes it. Meanwhile more waits as ids, and costs nobody else anything.
    private func releaseRest(isOwed: Bool) async throws(AttemptFailure) {
        defer { endBatch() }
        repeat { try await roomToWrite() } while try give(isOwed) == false
        var kept = Arrivals()
        while released.takeKept(&kept) {
            place = ReleasedAnswer.Place()
            while try give(kept, isOwed) == false { try await roomToWrite() }
        }
        countKept()
    }

    @inline(never)
    private func give(_ isOwed: Bool) throws(AttemptFailure) -> Bool {
        try looking { arrivals throws(AttemptFailure) in try give(arrivals, isOwed) }
    }

    private func endBatch() { request.record.endsBatch(tokens: request.answer.usage.completionTokens) }

    /// Gives the client the runs from `place` on. False where it stops because the client has not taken what it got before.
    private func give(_ arrivals: borrowing Arrivals, _ isOwed: Bool) throws(AttemptFailure) -> Bool {
        while place.run < arrivals.runs.count, released.unfinished > 0 {
            switch released.release(arrivals, at: &place, isOwed: isOwed) {
            case .fine: break
            case .stopped(let choice): stopped(choice)
            case .hole: throw request.history.tokensLost()
            }
            if released.unfinished > 0, request.answer.isBackedUp { return false }
        }
        if released.unfinished > 0, request.isClientGone { throw .clientGone }
        return true
    }

    private func roomToWrite() async throws(AttemptFailure) {
        // Who has all of its answer is not waited for.
        while released.unfinished > 0, request.answer.isBackedUp {
            // Cut off for being too far behind: its connection tells of it only at the end of the turn.
            if request.answer.isGone { request.clientGone() }
            if request.isClientGone { throw .clientGone }
            if request.isLate { throw AttemptFailure(.timeout, .timedOut, isFinal: true) }
            request.record.waitsForClient()
            await request.answer.roomToWrite(until: request.deadline)
            request.record.clientTookSome()
        }
    }

    /// The end of a choice was found here: no leg goes on with it.
    private func stopped(_ choice: UInt8) {
        var told: [WorkerClient] = []
        for leg in all where leg.isRunning {
            guard let worker = leg.worker, !told.contains(where: { $0 === worker }) else { continue }
            told.append(worker)
            worker.cancel(choice: choice, of: request.active)
        }
    }

    func countKept() {
        frontend.keptRuns += released.keptRuns - keptRuns
        keptRuns = released.keptRuns
    }
}
