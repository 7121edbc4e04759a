import ClusterModel
import EventLoop
import HTTPServing
import OpenAIDialect
import RequestTracking
import WireProtocol

/// The legs of one attempt: what their workers say, which of it the client gets, and how long each thing is waited for.
@LoopActor
final class AttemptLegs {
    private(set) var all: [AttemptLeg] = []
    /// How the state gets from one leg to the other.
    private(set) var path = HandOverPath.none
    private let request: ClientRequest
    /// Of all legs, from when the first ones were accepted.
    private var firstTokenDue: Instant?
    private var silenceDue = Instant.zero
    /// As counted among what the frontend holds.
    private var keptRuns = 0
    private(set) var isMove = false

    private var frontend: Frontend { request.frontend }
    private var loop: Loop { request.loop }
    private var limits: FrontendLimits { request.limits }
    private var released: ReleasedAnswer { request.released }

    init(_ request: ClientRequest) { self.request = request }

    /// The leg whose tokens the client gets to the end; nil while there is only a prefill leg.
    private var main: AttemptLeg? { all.first { $0.task != .prefill } }
    var prefill: AttemptLeg? { all.first { $0.task == .prefill } }

    // MARK: Places

    @discardableResult
    func add(_ placed: Placing.Placed) -> [AttemptLeg] {
        let fresh = placed.plan.legs.map { AttemptLeg($0, from: placed.router) }
        all += fresh
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
        for leg in all { leg.task = .aggregated }
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
        if let leg = all.first(where: { $0.isRunning && !$0.isAccepted }) { return (.acceptance, leg, leg.sentAt + limits.dispatch) }
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
        var arrivals = Arrivals()
        while true {
            let wait = wait
            await request.active.next(&arrivals, until: min(wait.until, request.deadline))
            if request.isClientGone { throw .clientGone }
            let isQuiet = arrivals.isEmpty
            // What came before the end of a link counts. Statuses and frames of one leg are told apart by kind: a refusal has no frames, an end
            // comes after them.
            let isOwed = prefill?.isRunning ?? false
            for leg in all where leg.isRunning { hear(arrivals[leg.task], of: leg, placing) }
            try refusals(arrivals)
            if !arrivals.runs.isEmpty {
                try await release(arrivals, isOwed: isOwed)
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
            if isQuiet, self.wait.until <= loop.now { throw late() }
        }
    }

    private func hear(_ news: LegNews, of leg: AttemptLeg, _ placing: Placing) {
        let hadToken = request.record.tracker.firstTokenAt != nil
        request.record.hears(news, of: leg.task.phase)
        request.trace.spans?.hears(news, of: leg.task)
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

    /// Gives the client what came, as fast as it takes it. Meanwhile more waits as ids, and costs nobody else anything.
    private func release(_ arrivals: borrowing Arrivals, isOwed: Bool) async throws(AttemptFailure) {
        request.beginAnswer()
        request.record.beginsBatch(choices: released.unfinished)
        defer { request.record.endsBatch(tokens: request.answer.usage.completionTokens) }
        try await give(arrivals, isOwed)
        var kept = Arrivals()
        while released.takeKept(&kept) { try await give(kept, isOwed) }
        countKept()
    }

    private func give(_ arrivals: borrowing Arrivals, _ isOwed: Bool) async throws(AttemptFailure) {
        var place = ReleasedAnswer.Place()
        while place.run < arrivals.runs.count {
            switch released.release(arrivals, at: &place, isOwed: isOwed) {
            case .fine: break
            case .stopped(let choice): stopped(choice)
            case .hole: throw request.history.tokensLost()
            }
            if released.unfinished == 0 { return }
            while request.answer.isBackedUp {
                // Cut off for being too far behind: its connection tells of it only at the end of the turn.
                if request.answer.isGone { request.clientGone() }
                if request.isClientGone { throw .clientGone }
                if request.isLate { throw AttemptFailure(.timeout, .timedOut, isFinal: true) }
                request.record.waitsForClient()
                await request.answer.roomToWrite(until: request.deadline)
                request.record.clientTookSome()
            }
        }
        if request.isClientGone { throw .clientGone }
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

    private func countKept() {
        frontend.keptRuns += released.keptRuns - keptRuns
        keptRuns = released.keptRuns
    }

    // MARK: How legs end

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
    private func refusals(_ arrivals: borrowing Arrivals) throws(AttemptFailure) {
        var failure: AttemptFailure?
        for leg in all {
            guard let refusal = arrivals[leg.task].refusal else { continue }
            failure = fail(leg, request.history.refused(failed(leg), refusal, in: request.prepared.words))
        }
        if let failure { throw failure }
    }

    private func late() -> AttemptFailure {
        let wait = wait
        return fail(wait.leg, request.history.late(failed(wait.leg), wait.kind))
    }

    /// Looks at the last words of all workers. What the decode worker says of itself counts before what the prefill worker says of it, and
    /// both before what the decode worker says of the other. The state that a prefill leg gave, if the attempt goes on with it.
    private func ends(_ arrivals: borrowing Arrivals) throws(AttemptFailure) -> [UInt8]? {
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
        if let ended = news.ended {
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
        case .finished: for leg in all { leg.finished(request.active) }
        case .clientGone: for leg in all { leg.clientGone(request.active) }
        case .failed(let failure):
            // What has no leg to blame is said of the one that there is.
            if all.count == 1, all[0].fault == nil { all[0].fault = failure.fault.lease }
            let reason: CancelReason = request.isLate ? .timedOut : all.count == 1 ? .moved : .legFailed
            for leg in all { leg.giveUp(reason, of: request.active) }
            if prefill?.fault == nil { request.session?.attemptFailed(failure.fault) }
        }
    }
}
