import ClusterModel
import Engines
import EventLoop
import ProcessKit
import Telemetry
import Transport
import WireProtocol

/// Accepts, refuses, cancels and limits requests. Rules: `proto-spec/03-exchanges.md#a-request-at-its-worker`.
@LoopActor
final class GenerateHandler {
    private let core: WorkerCore
    /// Set when the engine has failed: nothing is accepted any more.
    private var failure: FailureDetail?

    init(_ core: WorkerCore) { self.core = core }

    private var table: RequestTable { core.table }

    // MARK: Accept or refuse

    func generate(_ batch: GenerateBatch, from link: DataLink) {
        for entry in batch.entries { take(entry, from: link) }
    }

    private func take(_ entry: GenerateEntry, from link: DataLink) {
        let id = RequestID(origin: link.origin, counter: entry.counter)
        guard (1...UInt8(Limits.attempts)).contains(entry.attempt) else {
            // Not remembered: a number out of range must not make later attempts duplicates.
            return refuse(entry, link, .of(.invalidArgument, "attempt", "from 1 to \(Limits.attempts)"))
        }
        switch table.memory.judge(id, attempt: entry.attempt, leg: entry.leg) {
        case .duplicate: return refuse(entry, link, .of(.duplicate, "attempt", "this attempt was seen before"))
        case .cancelled: return refuse(entry, link, id, .of(.cancelled, "", "its cancel came first"))
        case .new: break
        }
        for lower in table.open(id) where lower.attempt < entry.attempt { core.end(lower, .init(.superseded)) }
        if let problem = problem(with: entry, id) { return refuse(entry, link, id, problem) }
        switch core.check.constraint(of: entry) {
        case .success(let constraint): accept(entry, id, link, constraint)
        case .failure(let problem): refuse(entry, link, id, .of(.invalidArgument, "constraint", problem.description))
        }
    }

    /// A request that ran here is fetched by the worker that goes on with it: the one thing that a worker does while it leaves.
    private func isMove(_ entry: GenerateEntry, _ id: RequestID) -> Bool {
        core.state == .draining && entry.leg == .prefill && entry.room?.direction == .push && core.profile.capabilities.contains(.moves)
            && table.memory.had(id, below: entry.attempt)
    }

    private func problem(with entry: GenerateEntry, _ id: RequestID) -> FailureDetail? {
        if let failure { return failure }
        if core.state == .starting {
            return .of(.draining, "", "this worker's engine begins anew", retryAfter: WorkerLimits.engineReturn)
        }
        if core.state != .ready, !isMove(entry, id) { return .of(.draining, "", "this worker takes nothing new") }
        if entry.room != nil, core.rooms.isBuried(RequestKey(origin: id.origin, counter: id.counter, attempt: entry.attempt)) {
            return .of(.roomClosed, "room", "it is closed")
        }
        if let problem = core.check.problem(with: entry) { return problem }
        let tally = table.ranks[Int(entry.rank)]
        if entry.refuseOverbooked {
            let (most, overflow) = entry.waitingTokens.addingReportingOverflow(UInt64(tally.room.maxBatchedTokens))
            if !overflow, tally.waitingTokens > most {
                return .of(.overbooked, "waitingTokens", "\(tally.waitingTokens) tokens wait")
            }
        }
        if tally.waitingRequests >= tally.room.maxWaiting { return .of(.capacity, "rank", "\(tally.waitingRequests) requests wait") }
        return nil
    }

    private func refuse(_ entry: GenerateEntry, _ link: DataLink, _ id: RequestID, _ failure: FailureDetail) {
        table.memory.refused(id, attempt: entry.attempt, leg: entry.leg, at: core.loop.now)
        core.forgetLater()
        refuse(entry, link, failure)
    }

    private func refuse(_ entry: GenerateEntry, _ link: DataLink, _ failure: FailureDetail) {
        let rank = Int(entry.rank)
        let load = rank < table.ranks.count ? table.ranks[rank].load : RankLoad()
        link.append(
            .refusedStatus(
                RefusedStatus(
                    counter: entry.counter, attempt: entry.attempt, leg: entry.leg, failure: failure, load: load,
                    streamNumber: core.events.lastSequence)))
        core.metrics.refused(failure.code)
    }

    private func accept(_ entry: GenerateEntry, _ id: RequestID, _ link: DataLink, _ constraint: (any ReadConstraint)?) {
        let key = table.makeKey(), now = core.loop.now
        let place = core.tracer.place(under: entry.traceParent)
        let request = OpenRequest(entry, id: id, key: key, link: link, hashes: hashes(of: entry), place: place, now: now)
        request.expect(
            cachedBlocks: core.cache.mirror.prefix(of: request.hashes, rank: entry.rank), blockSize: core.model.card.blockSize)
        let waiting = table.ranks[request.rank].waitingTokens
        table.add(request)
        // A session's blocks are where decode runs; the prefill leg of a split request leaves none.
        if let key = entry.session, entry.leg != .prefill { request.session = core.sessions.began(key) }
        var admitted = EngineRequest(entry, key: key, contextLength: core.model.card.contextLength)
        admitted.readConstraint = constraint
        admitted.promptHashes = request.hashes
        if let session = request.session, session.rank == entry.rank { admitted.session = session.bindCounter }
        // Whoever the engine asks stands under this worker's span, or where the frontend's is; what is no header is not passed on as one.
        admitted.traceParent = place?.traceParent ?? TraceParent(parsing: entry.traceParent)?.text ?? ""
        link.append(
            .acceptedStatus(
                AcceptedStatus(counter: entry.counter, attempt: entry.attempt, leg: entry.leg, waitingTokens: waiting)))
        announce(request)
        core.loop.reaches("request accepted, and nobody told")
        core.limit(request)
        request.isMove = core.state == .draining
        begin(request, admitted, entry.room)
        if request.isMove { core.whenMoved?() }
    }

    /// At once, or for a leg that fills a room when its peer is ready.
    private func begin(_ request: OpenRequest, _ admitted: EngineRequest, _ plan: RoomPlan?) {
        guard let plan else { return core.steps.submit(.admit(admitted)) }
        guard let geometry = core.check.geometry(of: admitted) else {
            request.isAdmitted = false
            return core.end(request, .init(.failed, failure: .of(.incompatibleKV, "room", "this engine's state has no pages")))
        }
        switch plan.direction {
        case .receive:
            core.steps.submit(.admit(admitted))
            core.rooms.expect(request, plan, geometry)
        case .push:
            guard let address = Address(advertised: plan.peerAddress, peer: nil) else { preconditionFailure("it was checked") }
            request.isAdmitted = false
            core.rooms.push(request, admitted, plan, geometry, to: address)
        }
    }

    /// Events name leases; a request without one is nobody's booking, and shows in the loads alone.
    private func announce(_ request: OpenRequest) {
        core.events.touch()
        guard request.lease != 0 else { return }
        core.events.append(
            .requestAccepted(
                RequestAccepted(
                    lease: request.lease, request: request.request, routerID: request.routerID, rank: UInt32(request.rank),
                    leg: request.leg, promptTokens: request.promptTokens, prefillTokens: request.remainingTokens,
                    maxTokens: request.maxTokens, expectedOutputTokens: request.expectedOutputTokens)))
        var first = 0
        while first < request.hashes.count {
            let end = min(first + Limits.hashesPerEvent, request.hashes.count)
            core.events.append(
                .requestBlocks(
                    RequestBlocks(
                        lease: request.lease, rank: UInt32(request.rank), firstBlock: UInt32(first),
                        hashes: request.hashes[first..<end].map(\.rawValue))))
            first = end
        }
    }

    private func hashes(of entry: GenerateEntry) -> [SequenceHash] {
        guard core.profile.cacheReport == .exact, entry.lease != 0 else { return [] }
        let hasher = BlockHasher(blockSize: core.model.card.blockSize, adapter: entry.loRA, salt: CacheSalt(bytes: entry.salt))
        var hashes: [SequenceHash] = []
        let media = HashParity.media(
            entry.multimodal, blockSize: core.model.card.blockSize, blocks: hasher.blockCount(ofTokens: entry.promptTokens.count))
        hasher.appendSequenceHashes(of: entry.promptTokens.span, after: nil, media: media, to: &hashes)
        return hashes
    }

    // MARK: Cancel

    func cancel(_ batch: CancelBatch, from link: DataLink) {
        for entry in batch.requests { cancel(entry, from: link) }
    }

    private func cancel(_ entry: CancelEntry, from link: DataLink) {
        let id = RequestID(origin: link.origin, counter: entry.counter)
        let open = table.open(id).filter { $0.attempt <= entry.attempt }
        guard entry.choice == Self.everyChoice else {
            for request in open {
                if request.choices == 1, entry.choice == 0 {
                    core.end(request, .init(.cancelled))
                } else if entry.choice < request.choices {
                    let wasLast = request.sending?.drop(choice: entry.choice) ?? false
                    if wasLast {
                        core.end(request, .init(.cancelled))
                    } else if request.isAdmitted {
                        core.steps.submit(.cancel(request.key, choice: entry.choice))
                    }
                }
            }
            return
        }
        for request in open { core.end(request, .init(.cancelled)) }
        table.memory.cancelled(id, through: entry.attempt, at: core.loop.now)
        core.forgetLater()
    }

    private static let everyChoice: UInt8 = 255

    /// A link ended: nobody waits for what came over it.
    func lost(_ link: DataLink) {
        for request in table.open where request.link === link {
            request.link = nil
            core.end(request, .init(.linkLost))
        }
    }

    // MARK: Ends of all

    /// What still runs is to be continued elsewhere.
    func giveBack() {
        for request in table.open { core.end(request, .init(.drained)) }
        core.settle()
    }

    /// The engine is about to be closed, and will not confirm what ends here.
    func abandon() {
        giveBack()
        table.releaseAll()
    }

    /// The engine is gone, and the worker leaves: everything ends, and all that comes is refused.
    func engineFailed() {
        let failure = FailureDetail.of(.engineFailed, "worker", "the engine gave up")
        self.failure = failure
        for request in table.open { core.end(request, .init(.failed, failure: failure)) }
        table.releaseAll()
        core.settle()
    }
}
