import ClusterModel
import EventLoop
import Scheduling
import Telemetry
import Transport
import WireProtocol

/// Sessions as this router sees them: a mirror of what the workers bound, which outlives no worker and is rebuilt from them after a restart.
///
/// Rules: `proto-spec/03-exchanges.md#sessions`.
@LoopActor
final class RouterSessions {
    private let loop: Loop
    private let publisher: StatePublisher
    private let workers: WorkerDirectory
    private let metrics: SessionMetrics
    private let log: Logger
    private(set) var mirror = SessionMirror()
    private(set) var tentative = TentativePlaces()
    private(set) var lost = LostSessions()
    /// The card of each life that registered here: it may say something of its sessions while its control link is gone.
    private var pools: [WorkerLife: Digest] = [:]
    private var changes: [SessionChange] = []
    /// With more than one binding, of which the best is of a worker that may be gone: until that is known nobody is told to give up.
    private var unsettled: Set<PooledSession> = []
    private var lastSweep = Instant.zero

    /// What nobody asks for any more is let go this often.
    private static let sweepPace = Duration.seconds(10)

    init(loop: Loop, publisher: StatePublisher, workers: WorkerDirectory, registry: MetricsRegistry, log: Logger) {
        self.loop = loop
        self.publisher = publisher
        self.workers = workers
        self.log = log
        metrics = SessionMetrics(registry: registry)
    }

    // MARK: Words of workers

    /// It has a control link now. What it may not have been told while it had none is said again.
    func registered(_ record: WorkerRecord) {
        let pool = record.registration?.card.digest
        if let known = pools[record.life], known != pool {
            // With another card its sessions are others, of which its stream tells anew.
            mirror.retain([], on: record.life, &changes)
            settle()
        }
        pools[record.life] = pool
        for binding in mirror.conflicts(of: record.life) { overrule(binding) }
    }

    func bound(_ event: SessionBound, by life: WorkerLife) {
        mirror(event, life)
        settle()
    }

    func unbound(_ event: SessionUnbound, by life: WorkerLife) {
        mirror.unbound(SessionID(event.key), on: life, counter: event.bindCounter, SessionEnd(event.reason), &changes)
        settle()
    }

    /// The sessions of a snapshot: what it does not name is no more.
    func reconcile(_ life: WorkerLife, bound: [SessionBound]) {
        var named: Set<SessionID> = []
        for event in bound {
            named.insert(SessionID(event.key))
            mirror(event, life)
        }
        mirror.retain(named, on: life, &changes)
        settle()
    }

    /// That life of the worker is over.
    func drop(_ life: WorkerLife) {
        pools[life] = nil
        mirror.drop(life, &changes)
        settle()
    }

    private func mirror(_ event: SessionBound, _ life: WorkerLife) {
        guard let pool = pools[life] else { return }
        let verdict = mirror.bound(
            SessionID(event.key), on: life, in: pool, rank: Rank(event.rank), counter: event.bindCounter, ttlSeconds: event.ttlSeconds,
            heldBlocks: event.heldBlocks, &changes)
        if verdict == .full { metrics.unmirrored.increment() }
    }

    private func settle() {
        guard !changes.isEmpty else { return }
        for change in changes {
            switch change {
            case .placed(let binding):
                tentative.settle(binding.session)
                lost.remove(binding.session)
                publisher.publish(.sessionPlaced(binding.placed))
            case .gone(let binding, let end):
                if end.isLoss { lost.insert(binding, at: loop.now) }
                publisher.publish(
                    .sessionGone(
                        SessionGone(
                            key: binding.session.id.key, workerID: binding.life.worker.rawValue, bindCounter: binding.counter,
                            reason: end.reason)))
            case .conflicts(let binding):
                metrics.conflicts.increment()
                overrule(binding)
            }
        }
        changes.removeAll(keepingCapacity: true)
        metrics.bound.set(mirror.count)
    }

    /// That binding is not the one that counts. If the one that does is of a worker that has just died, it must not take the other with it.
    private func overrule(_ binding: SessionBinding) {
        guard let winner = mirror[binding.session], isWell(winner) else {
            unsettled.insert(binding.session)
            return
        }
        log.info(
            "two workers hold a session; one is to give it up",
            ["worker": .hex(binding.life.worker.rawValue), "bind_counter": .unsigned(binding.counter)])
        close(binding, .conflict)
    }

    private func isWell(_ binding: SessionBinding) -> Bool {
        guard let record = workers[binding.life.worker], record.life == binding.life else { return false }
        return record.isAttached && !record.isSuspected
    }

    /// A worker without a control link here is told when it has one; until then another router may have told it.
    private func close(_ binding: SessionBinding, _ reason: SessionEndReason) {
        guard let record = workers[binding.life.worker], record.life == binding.life, record.isAttached, let link = record.link else {
            return
        }
        link.send(CloseSession(key: binding.session.id.key, bindCounter: binding.counter, reason: reason))
    }

    // MARK: Requests

    /// What the choice for a request is to follow: its session's binding; else where others are about to bind it; else what its cookie says, if
    /// that worker takes work.
    func resolve(_ asked: RouteSession, for entry: RouteEntry, in pool: Pool) throws(SessionUnsupported) -> SessionResolution {
        let session = PooledSession(SessionID(asked.key), in: pool.digest), isHard = asked.mode == .hard, now = loop.now
        var resolution = SessionResolution(session: session, action: asked.action)
        // Of several the best one of a worker that is there.
        let bindings = mirror.bindings(of: session)
        if let binding = bindings.first(where: isWell) ?? bindings.first {
            resolution.binding = binding
            resolution.place = SessionPlace(target: PlacementTarget(worker: binding.life.worker, rank: binding.rank), isHard: isHard)
            if entry.queryOnly, asked.action == .close { closeForClient(binding) }
            return resolution
        }
        if asked.action == .open, !pool.candidates.isEmpty, !pool.candidates.contains(where: \.holdsSessions) { throw SessionUnsupported() }
        resolution.isLost = lost.contains(session, at: now)
        if let place = tentative.place(of: session, at: now), let record = workers[place.life.worker], record.life == place.life {
            resolution.place = SessionPlace(target: PlacementTarget(worker: place.life.worker, rank: place.rank), isHard: isHard)
        } else if let hint = asked.hint, workers[WorkerID(hint.workerID)]?.takesWork ?? false {
            // A hint is no promise of anybody's: it binds no one.
            resolution.place = SessionPlace(target: PlacementTarget(hint), isHard: false)
        }
        return resolution
    }

    /// The request was placed: says how that agrees with its session, and remembers where the session is about to be bound.
    func placed(_ resolution: SessionResolution, on leg: PlanLeg) -> SessionOutcome {
        let outcome = resolution.outcome(on: leg)
        metrics.placed(outcome)
        if resolution.opens {
            let life = WorkerLife(worker: WorkerID(leg.workerID), generation: Generation(leg.generation))
            tentative.opens(resolution.session, at: .init(life: life, rank: Rank(leg.rank)), lease: leg.lease, at: loop.now)
        }
        return outcome
    }

    /// A lease ended. If its request was to open a session, and nobody else is, the session's next request is placed freely.
    func ended(_ lease: UInt64) { tentative.ended(lease) }

    /// A query with the action `close` asks for that: its frontend did not get as far as the session's worker.
    private func closeForClient(_ binding: SessionBinding) {
        metrics.closed.increment()
        close(binding, .closed)
    }

    // MARK: Now and then

    func sweep() {
        if !unsettled.isEmpty { judge() }
        guard lastSweep + Self.sweepPace <= loop.now else { return }
        lastSweep = loop.now
        tentative.expire(at: loop.now)
        lost.expire(at: loop.now)
    }

    /// Workers that were in doubt are well again, or gone.
    private func judge() {
        // Order: each is judged by itself, and what is said of it goes to its own workers.
        for session in unsettled {
            let bindings = mirror.bindings(of: session)
            if bindings.count > 1, !isWell(bindings[0]) { continue }
            unsettled.remove(session)
            for binding in bindings.dropFirst() { overrule(binding) }
        }
    }

    /// For snapshots of the router's stream.
    var entries: [SnapshotEntry] { mirror.all.map { .sessionPlaced($0.placed) } }
}

extension Candidate {
    fileprivate var holdsSessions: Bool { capabilities & Capabilities.sessions.rawValue != 0 }
}
