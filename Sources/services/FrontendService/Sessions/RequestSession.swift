import ClusterModel
import EventLoop
import OpenAIDialect
import ProcessKit
import Scheduling
import Transport
import WireProtocol

/// The session of one request on its way: what routers are asked, when it is opened, and that it is closed whatever becomes of the request.
///
/// Rules: `proto-spec/03-exchanges.md#sessions`.
@LoopActor
final class RequestSession {
    let client: ClientSession
    private let sessions: FrontendSessions
    private var loop: Loop { sessions.frontend.context.loop }
    /// No worker of the model holds sessions: one that is only to be bound goes without.
    private var goesUnbound = false
    /// Bound by this request, in this attempt or an earlier one.
    private var wasOpened = false
    /// The worker on which it was bound is gone, as far as this frontend can see.
    private var lostItsPlace = false
    /// Where the present attempt found it, or bound it.
    private var place: WorkerClient?
    /// That is in the present attempt.
    private var isPlaced = false
    /// No router knew of it in the present attempt.
    private var isUnbound = false
    private var closing = Closing.wanted
    private var opening: Promise<Result<SessionOpened, LinkFailure>?>?

    private enum Closing { case wanted, asked }

    init(_ client: ClientSession, _ sessions: FrontendSessions) {
        self.client = client
        self.sessions = sessions
        sessions.metrics.asked(client.source)
    }

    // MARK: The plan

    /// What a router is asked; `holdsSessions` if some worker of the model does.
    func question(holdsSessions: Bool) -> RouteSession {
        isPlaced = false
        let action: SessionAction =
            switch client.action {
            case .use: .use
            case .open: .open
            case .bind: holdsSessions && !goesUnbound ? .open : .use
            case .close: .close
            }
        return RouteSession(
            key: client.key, action: action, mode: sessions.settings.mode, ttlSeconds: client.ttlSeconds, hint: client.cookie?.hint)
    }

    /// Whether a router's no is to this session alone, and the request can do without one: then it may be asked again.
    func canGoWithout(_ refusal: FailureDetail) -> Bool {
        guard refusal.code == .sessionUnsupported, client.action == .bind, !goesUnbound else { return false }
        goesUnbound = true
        return true
    }

    // MARK: An attempt

    /// The request was placed at that worker. Opens the session there if it is to be; until that is done nothing is sent, and if it has to be and
    /// cannot, the attempt fails. Returns at once when the client leaves.
    func begin(at worker: WorkerClient, _ outcome: SessionOutcome, _ entry: inout GenerateEntry, until deadline: Instant)
        async
        throws(AttemptFailure)
    {
        isUnbound = outcome == .none || outcome == .lost
        place = outcome == .bound ? worker : nil
        isPlaced = place != nil
        guard worker.holdsSessions else { return }
        entry.session = client.key
        guard opens(outcome) else { return }
        let question = OpenSession(
            key: client.key, rank: entry.rank, ttlSeconds: client.ttlSeconds, pool: entry.pool, loRA: entry.loRA, salt: entry.salt)
        let answer = await ask(question, worker, until: deadline)
        switch answer {
        case nil: break  // the client left
        case .success:
            sessions.metrics.opened(.opened)
            place = worker
            isPlaced = true
            wasOpened = true
            lostItsPlace = false
        case .failure(let failure):
            // What is not known to have failed is taken back, so that nothing stays bound of which nobody knows.
            if case .timedOut = failure, outcome != .bound { sessions.takeBack(at: worker, closeQuestion) }
            try failed(failure)
        }
    }

    private func opens(_ outcome: SessionOutcome) -> Bool {
        // Bound elsewhere: that binding stays, unless its worker is gone and only this side knows.
        if outcome == .spilled { return lostItsPlace && client.action != .close }
        return switch client.action {
        case .open: !wasOpened || outcome != .bound
        case .bind: outcome != .bound
        case .use: outcome == .lost || lostItsPlace && outcome != .bound
        case .close: false
        }
    }

    private func ask(_ question: OpenSession, _ worker: WorkerClient, until deadline: Instant) async -> Result<SessionOpened, LinkFailure>?
    {
        let promise = Promise<Result<SessionOpened, LinkFailure>?>(on: loop)
        opening = promise
        worker.sessions.open(question, until: deadline, isWanted: { !promise.isFulfilled }, done: { promise.fulfil(.some($0)) })
        let answer = await promise.wait(until: deadline)
        opening = nil
        return answer ?? .failure(.timedOut)
    }

    /// Only a client that asked for an open session is told; for another one the request is what counts.
    private func failed(_ failure: LinkFailure) throws(AttemptFailure) {
        if case .failed = failure { sessions.metrics.opened(.refused) } else { sessions.metrics.opened(.failed) }
        guard client.action == .open, !wasOpened else { return }
        switch failure {
        case .failed(let refusal):
            var told = AttemptFailure(FailureDetail(refusal), .sessionRefused)
            if told.failure.param != nil { told = told.naming("nvext.session_control") }
            throw told
        case .ended, .malformed: throw AttemptFailure(.workerLost, .unreachable)
        case .timedOut: throw AttemptFailure(.workerLost, .sessionNotOpened)
        }
    }

    func clientGone() { opening?.fulfil(nil) }

    /// The worker has the request: a session that ends with it is told so now, since nobody may be here to tell it later.
    func accepted(by worker: WorkerClient) {
        guard client.action == .close, closing == .wanted, place === worker else { return }
        closing = .asked
        sessions.close(at: worker, closeQuestion)
    }

    /// An attempt ended that did not end the request.
    func attemptFailed(_ fault: AttemptFault) {
        guard isPlaced, fault.losesWorker else { return }
        lostItsPlace = true
        place = nil
    }

    /// The request has ended, however it did. A client that closes its session has it closed also where the request never ran.
    func ended(asking question: @LoopActor () -> RouteEntry) {
        guard client.action == .close, closing == .wanted, !isUnbound else { return }
        closing = .asked
        if let place { return sessions.close(at: place, closeQuestion) }
        var entry = question()
        entry.queryOnly = true
        entry.session?.action = .close
        sessions.closeAnywhere(entry)
    }

    private var closeQuestion: EndSession { EndSession(key: client.key, bindCounter: 0, afterRequests: true) }
}

extension FrontendSessions {
    private func key(of query: RouteEntry) -> UInt64 {
        RouterChoice.key(
            session: query.session.map { ($0.key.tenant, $0.key.id) }, sequenceHashes: [], blockSize: 0,
            otherwise: RequestID(origin: frontend.context.identity.generation, counter: query.counter))
    }

    /// A router knows where a session is: a query with this action has it tell the worker.
    func closeAnywhere(_ query: RouteEntry) {
        guard let router = frontend.cluster.router(for: key(of: query)) else { return metrics.closed(told: false) }
        closing += 1
        let limit = frontend.context.loop.now + frontend.limits.dispatch
        frontend.context.loop.spawn { [self] in
            var isTold = true
            do throws(PlanFailure) {
                let question = try router.ask(query)
                _ = await question.answer.wait(until: limit)
                _ = try router.take(question)
            } catch {
                // It has looked at the session before it looked for a worker.
                if case .refused = error { isTold = true } else { isTold = false }
            }
            closing -= 1
            metrics.closed(told: isTold)
        }
    }

    /// The answer comes at once, the session's end with its last request's. A worker whose link is gone has ended it, or will.
    func close(at worker: WorkerClient, _ question: EndSession) {
        closing += 1
        worker.sessions.end(question, until: frontend.context.loop.now + frontend.limits.dispatch) { [self] isTold in
            closing -= 1
            metrics.closed(told: isTold)
        }
    }

    /// A session of which nobody knows whether it was opened.
    func takeBack(at worker: WorkerClient, _ question: EndSession) {
        closing += 1
        worker.sessions.end(question, until: frontend.context.loop.now + frontend.limits.dispatch) { [self] _ in closing -= 1 }
    }
}

extension AttemptFault {
    /// Whether what the worker held for the request is taken for gone.
    fileprivate var losesWorker: Bool {
        switch self {
        case .unreachable, .notAccepted, .workerLost, .silent, .noFirstToken, .drained, .sessionNotOpened: true
        default: false
        }
    }
}

extension AttemptFailure {
    /// The same, about a member of the client's body.
    fileprivate func naming(_ param: String) -> AttemptFailure {
        var failure = failure
        failure.param = param
        return AttemptFailure(failure, fault, isFinal: isFinal)
    }
}

extension FailureDetail {
    fileprivate init(_ failure: Failure) {
        self.init(code: failure.code, retryAfterMilliseconds: failure.retryAfterMilliseconds, field: failure.field, reason: failure.reason)
    }
}
