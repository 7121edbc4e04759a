import ClusterModel
import Engines
import EventLoop
import ProcessKit
import Telemetry
import WireProtocol

/// What the parts of a worker share once its engine stands: who it is, what it serves, what runs, and the ways out.
@LoopActor
final class WorkerCore {
    let loop: Loop
    let log: Logger
    let tracer: Tracer
    let identity: Identity
    let profile: EngineProfile
    let model: WorkerModel
    let metrics: WorkerMetrics
    let table: RequestTable
    let events: EventPublisher
    let cache: CachePublisher
    let snapshots: StreamSnapshots
    let steps: Steps<EngineWork>
    let sessions: SessionTable
    let check: EntryCheck
    /// KV state on its way to other workers, and from them.
    private(set) lazy var rooms = RoomBook(self, pool: pool, settings: roomSettings, metrics: metrics.kv)
    private let pool: WorkPool
    private let roomSettings: RoomSettings
    /// The engine gave up: nothing brings this worker back.
    var hasFailed = false
    private(set) var state = ProcessState.starting
    private(set) var stateReason = ""
    /// What operators should know of a worker that is ready; empty: nothing.
    var readyReason = ""
    /// Why an engine elsewhere takes no requests at the moment; nil: it does.
    var awayReason: String?
    /// Told each time the last open request has ended.
    var whenQuiet: (@LoopActor () -> Void)?
    /// Told of each leg that gives the state of an earlier request to another worker while this one leaves.
    var whenMoved: (@LoopActor () -> Void)?
    /// Links that have something to send, in the order in which they got it.
    private var touched: [DataLink] = []
    private var expiry: TimerHandle?

    init(
        loop: Loop, log: Logger, tracer: Tracer, identity: Identity, profile: EngineProfile, model: WorkerModel, metrics: WorkerMetrics,
        table: RequestTable, events: EventPublisher, steps: Steps<EngineWork>, sessions: SessionTable, pool: WorkPool,
        rooms: RoomSettings
    ) {
        self.pool = pool
        roomSettings = rooms
        self.loop = loop
        self.log = log
        self.tracer = tracer
        self.identity = identity
        self.profile = profile
        self.model = model
        self.metrics = metrics
        self.table = table
        self.events = events
        self.steps = steps
        self.sessions = sessions
        cache = CachePublisher(ranks: profile.ranks.count, events: events, metrics: metrics.stream)
        snapshots = StreamSnapshots(loop: loop)
        check = EntryCheck(profile, model.card)
    }

    var eventsMode: EventsMode { EventsMode(profile.cacheReport) }

    /// The stream says so at once; a repeat says nothing.
    func become(_ state: ProcessState, reason: String = "") {
        guard self.state != state || stateReason != reason else { return }
        self.state = state
        stateReason = reason
        events.say(state, reason: reason)
        log.info("state", ["state": .text("\(state)"), "reason": .text(reason)])
    }

    /// In service, as far as the engine is.
    func becomeAble() {
        if let awayReason { become(.starting, reason: awayReason) } else { become(.ready, reason: readyReason) }
    }

    // MARK: Limits

    /// One timer a request. When it fires early, because tokens came meanwhile, it is set anew; the first token brings the next limit nearer.
    ///
    /// The table holds the request until its end, which cancels the timer. A weak reference would make each count of references to it, of which
    /// every token takes some, several times as long.
    func limit(_ request: OpenRequest) {
        loop.cancel(request.timer)
        request.timer = loop.schedule(at: request.deadline) { [weak self, unowned request] in
            guard let self, !request.isClosing else { return }
            request.timer = nil
            guard request.deadline <= loop.now else { return limit(request) }
            end(request, End(.timedOut, failure: .of(.timeout, "", "a limit of the request ran out on the worker")))
            settle()
        }
    }

    // MARK: Ends

    /// How a request ends, whoever decided so.
    struct End {
        var reason: EndReason
        var failure: FailureDetail?
        var handOver: [UInt8] = []

        init(_ reason: EndReason, failure: FailureDetail? = nil, handOver: [UInt8] = []) {
            self.reason = reason
            self.failure = failure
            self.handOver = handOver
        }
    }

    /// The one end of a request: its frontend, the stream, the ledger and the metrics hear of it. Where the engine did not say so itself it
    /// is told to let go, and what it still says of the request is dropped.
    func end(_ request: OpenRequest, _ end: End, byEngine: Bool = false) {
        guard !request.isClosing else { return }
        loop.cancel(request.timer)
        request.timer = nil
        rooms.requestEnded(request, end)
        let now = loop.now, durations = request.durations
        if let link = request.link {
            var status = EndedStatus()
            status.counter = request.id.counter
            status.attempt = request.attempt
            status.leg = request.leg
            status.reason = end.reason
            status.promptTokens = request.promptTokens
            status.cachedTokens = request.cachedTokens
            status.outputTokens = request.outputTokens
            status.preemptions = request.preemptions
            status.durations = durations
            status.transferBytes = request.transfer.sentBytes
            status.handOver = end.handOver
            status.failure = end.failure
            link.append(.endedStatus(status))
        }
        table.close(request, at: now)
        loop.reaches("request ended at its worker, and nobody told")
        if !byEngine, request.isAdmitted { steps.submit(.cancel(request.key, choice: nil)) }
        if request.lease != 0 {
            events.append(
                .requestEnded(
                    RequestEnded(
                        lease: request.lease, request: request.request, rank: UInt32(request.rank), leg: request.leg, reason: end.reason,
                        promptTokens: request.promptTokens, cachedTokens: request.cachedTokens, outputTokens: request.outputTokens,
                        durations: durations)))
        }
        if let session = request.session {
            request.session = nil
            sessions.finished(session)
        }
        if let place = request.place { LegSpans(request, at: place, tracer).record(end, at: now) }
        events.touch()
        metrics.ended(end.reason)
        // The engine never heard of it, and has nothing to let go.
        if !request.isAdmitted { table.release(request) }
        forgetLater()
        if table.openCount == 0 { whenQuiet?() }
    }

    /// One timer, for the oldest of all that is remembered.
    func forgetLater() {
        guard expiry == nil, let next = table.memory.nextExpiry else { return }
        expiry = loop.schedule(at: next) { [weak self] in
            guard let self else { return }
            expiry = nil
            table.memory.expire(at: loop.now)
            forgetLater()
        }
    }

    // MARK: Ways out

    func touch(_ link: DataLink) { touched.append(link) }

    /// Sends what the links have: at the end of whatever put it there.
    func settle() {
        rooms.settle()
        guard !touched.isEmpty else { return }
        // Sending puts nothing there.
        for link in touched { link.leave() }
        touched.removeAll(keepingCapacity: true)
    }

    func stop() {
        loop.cancel(expiry)
        expiry = nil
        snapshots.stop()
        rooms.stop()
    }
}
