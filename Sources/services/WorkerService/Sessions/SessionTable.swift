import ClusterModel
import Engines
import EventLoop
import Telemetry
import WireProtocol

/// The sessions that are bound here: this worker is the truth about them, and says each change on its stream. Rules:
/// `proto-spec/03-exchanges.md#sessions`.
@LoopActor
final class SessionTable {
    private let loop: Loop
    private let steps: Steps<EngineWork>
    private let events: EventPublisher
    private let metrics: WorkerMetrics
    private let log: Logger
    private let limits: SessionLimits
    private var byKey: [SessionKey: Session] = [:]
    private var byNumber: [UInt64: Session] = [:]
    private var lastCounter: UInt64 = 0

    init(
        loop: Loop, steps: Steps<EngineWork>, events: EventPublisher, metrics: WorkerMetrics, log: Logger, limits: SessionLimits
    ) {
        self.loop = loop
        self.steps = steps
        self.events = events
        self.metrics = metrics
        self.log = log
        self.limits = limits
    }

    var count: Int { byKey.count }

    /// In the order in which they were bound.
    var all: [Session] { byKey.values.sorted { $0.bindCounter < $1.bindCounter } }

    subscript(key: SessionKey) -> Session? { byKey[key] }

    // MARK: Open

    /// Binds the session, or renews what is bound. The question was checked against the model and the engine.
    func open(_ question: OpenSession) throws(SessionRefusal) -> SessionOpened {
        let timeToLive = limits.granted(seconds: question.ttlSeconds)
        if let session = byKey[question.key] {
            // Its blocks were computed with these: under other ones they would serve nobody.
            guard session.adapter == question.loRA else { throw SessionRefusal(.invalidArgument, "loRA", "bound with another adapter") }
            guard session.salt == question.salt else { throw SessionRefusal(.invalidArgument, "salt", "bound in another cache group") }
            session.timeToLive = timeToLive
            session.endsAfterRequests = nil
            slide(session)
            events.append(.sessionBound(session.bound))
            return Self.opened(session)
        }
        guard byKey.count < limits.sessions else {
            metrics.sessionRefused()
            throw SessionRefusal(.sessionLimit, "key", "\(limits.sessions) sessions are open")
        }
        lastCounter += 1
        let session = Session(question, bindCounter: lastCounter, timeToLive: timeToLive)
        byKey[session.key] = session
        byNumber[session.bindCounter] = session
        steps.submit(.session(.open(session: session.bindCounter, rank: Rank(session.rank))))
        slide(session)
        events.append(.sessionBound(session.bound))
        loop.reaches("session bound, and nobody told")
        metrics.sessions(byKey.count)
        return Self.opened(session)
    }

    private static func opened(_ session: Session) -> SessionOpened {
        SessionOpened(bindCounter: session.bindCounter, rank: session.rank, ttlSeconds: session.ttlSeconds)
    }

    // MARK: Use

    /// A request that names it was accepted: until its end the session does not expire. Nil for one that is not bound here: affinity to it is
    /// the router's affair, and the request runs as any other.
    func began(_ key: SessionKey) -> Session? {
        guard let session = byKey[key] else { return nil }
        session.running += 1
        loop.cancel(session.timer)
        session.timer = nil
        return session
    }

    /// Called once for each `began`, also when the session has ended meanwhile.
    func finished(_ session: Session) {
        session.running -= 1
        guard isBound(session), session.running == 0 else { return }
        if let reason = session.endsAfterRequests { end(session, reason) } else { slide(session) }
    }

    /// The engine's word on how many blocks stay.
    func holds(_ number: UInt64, blocks: UInt32) {
        guard let session = byNumber[number], session.heldBlocks != blocks else { return }
        session.heldBlocks = blocks
        events.append(.sessionBound(session.bound))
    }

    // MARK: End

    /// A client's wish. True if it was bound; with `afterRequests` it ends when its last request has.
    func close(_ question: EndSession) -> Bool {
        guard let session = byKey[question.key], question.bindCounter == 0 || question.bindCounter == session.bindCounter else {
            return false
        }
        if question.afterRequests, session.running > 0 { session.endsAfterRequests = .closed } else { end(session, .closed) }
        return true
    }

    /// A router's word: this binding has lost, or nobody else could say that it is closed. Another binding stays.
    func close(_ message: CloseSession) {
        guard let session = byKey[message.key], message.bindCounter == session.bindCounter else { return }
        end(session, message.reason)
    }

    /// The worker leaves: what is idle ends now, the rest with its last request.
    func drain() {
        for session in all {
            if session.running > 0 { session.endsAfterRequests = .drained } else { end(session, .drained) }
        }
    }

    /// Whatever runs: the worker is about to be gone.
    func endAll(_ reason: SessionEndReason) {
        for session in all { end(session, reason) }
    }

    private func end(_ session: Session, _ reason: SessionEndReason) {
        guard isBound(session) else { return }
        byKey[session.key] = nil
        byNumber[session.bindCounter] = nil
        loop.cancel(session.timer)
        session.timer = nil
        steps.submit(.session(.end(session: session.bindCounter)))
        events.append(.sessionUnbound(SessionUnbound(key: session.key, bindCounter: session.bindCounter, reason: reason)))
        metrics.sessionEnded(reason)
        metrics.sessions(byKey.count)
        if reason == .conflict {
            log.info("session given up", ["bind_counter": .unsigned(session.bindCounter), "reason": .text("conflict")])
        }
    }

    private func isBound(_ session: Session) -> Bool { byNumber[session.bindCounter] === session }

    // MARK: Expiry

    private func slide(_ session: Session) {
        loop.cancel(session.timer)
        session.timer = nil
        guard session.running == 0 else { return }
        session.timer = loop.schedule(after: session.timeToLive) { [weak self, weak session] in
            guard let self, let session else { return }
            session.timer = nil
            end(session, .expired)
        }
    }
}

/// Why a session is not bound.
struct SessionRefusal: Error {
    let failure: Failure

    init(_ code: FailureCode, _ field: String, _ reason: String) { failure = Failure(code, field: field, reason: reason) }
}

/// Bounds of what clients may keep on a worker.
struct SessionLimits: Hashable, Sendable {
    var sessions = WorkerLimits.sessions
    var timeToLive = WorkerLimits.sessionTimeToLive

    /// 0 asks for the default; more than the most is granted as the most, and the answer says so.
    func granted(seconds: UInt32) -> Duration {
        seconds == 0 ? timeToLive : min(.seconds(Int64(seconds)), WorkerLimits.longestSessionTimeToLive)
    }
}
