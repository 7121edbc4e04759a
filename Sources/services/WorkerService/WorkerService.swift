import ClusterModel
package import EngineAdapters
package import Engines
package import EventLoop
package import ProcessKit
import ServiceRuntime
import Telemetry
package import Transport
import WireProtocol

/// A worker process: one engine, its requests, its stream, and its registration with every router.
@LoopActor
package final class WorkerService {
    package let name = "worker"
    /// An engine that runs elsewhere has that long to stand, and then what is here a little more.
    package nonisolated static let startLimit = WorkerLimits.engineReached + .seconds(60)
    /// Told once if the engine gives up: the process has no reason to go on.
    package var whenFailed: (@LoopActor (String) -> Void)?
    /// Called when an injected fault asks for the end of the process in this moment: it is not to come back, or at least to kill.
    /// Where it is not set, the engine has failed.
    package var whenCrashed: (@LoopActor () -> Void)?

    private let config: WorkerConfig
    let context: ProcessContext
    private let loop: Loop
    private let log: Logger
    private let metrics: WorkerMetrics
    let policy: LinkPolicy

    private var endpoint: LinkEndpoint?
    private var linkAddress: Address?
    private var steps: Steps<EngineWork>?
    /// The engine, where it runs elsewhere.
    private var remote: (any RemoteEngine)?
    /// Why it takes no requests at the moment: it may say so before everything here stands.
    private var awayReason: String?
    private var engineStands: Promise<Result<EngineProfile, StepFailure>>
    private var quiet: Signal
    private var parts: Parts?
    private(set) var registrations: [Registration] = []
    private(set) var dataLinks: [DataLink] = []
    private(set) var recoveryLinks: [RecoveryLink] = []
    /// From workers that hand their state over to this one.
    private(set) var kvLinks: [ReceivingLink] = []
    private var lastKVLink: UInt64 = 0
    private var rejections = RateLimit(lines: WorkerLimits.logLines, perMilliseconds: WorkerLimits.logMilliseconds)
    private var isStopped = false

    /// What exists once the engine stands.
    private struct Parts {
        let core: WorkerCore
        let handler: GenerateHandler
        let streamer: TokenStreamer
        let drain: Drain
    }

    package init(_ config: WorkerConfig, _ context: ProcessContext) {
        self.config = config
        self.context = context
        loop = context.loop
        log = context.log
        policy = context.policy
        metrics = WorkerMetrics(registry: context.metrics)
        engineStands = Promise(on: context.loop)
        quiet = Signal(on: context.loop)
    }

    /// Neither starting nor draining.
    package var takesWork: Bool { core?.state == .ready }
    var core: WorkerCore? { parts?.core }
    var drainControl: Drain? { isStopped ? nil : parts?.drain }
    var drainLimit: Duration { config.drainLimit }

    /// Where frontends and routers open links; nil before the start.
    package var address: Address? { linkAddress }
    /// Where the stream is; nil before the start.
    package var feedAddress: Address? { parts?.core.events.address }
    /// Accepted and not ended.
    package var openRequests: Int { parts?.core.table.openCount ?? 0 }
    package var registeredRouters: Int { registrations.filter(\.isRegistered).count }
    /// What operators should know of an engine elsewhere.
    var engineRemarks: [String] { remote?.remarks ?? [] }
    /// Nothing runs, nothing is left of what ran but tombstones, and nothing waits to be sent.
    package var isIdle: Bool {
        guard let parts, let steps else { return true }
        return parts.core.table.isEmpty && parts.core.rooms.openCount == 0 && steps.isIdle && dataLinks.allSatisfy(\.isEmpty)
    }

    // MARK: Service

    package func start() async throws {
        let selection = config.engine
        if !selection.faults.isEmpty {
            log.warning("the engine fails on purpose", ["faults": .text(selection.faults.joined(separator: ", "))])
        }
        let reached = try await reach(selection)
        let steps: Steps<EngineWork> = loop.steps("engine", at: selection.place, for: self) { EngineWork(try selection.make(reached?())) }
        self.steps = steps
        var stands: Result<EngineProfile, StepFailure>?
        // The group bounds the start; a stop meanwhile ends this wait.
        while stands == nil, !isStopped { stands = await engineStands.wait(until: loop.now + WorkerLimits.total) }
        guard let stands, !isStopped else { throw WorkerStartError("stopped while the engine was loading") }
        var profile = try stands.get()
        profile.build = profile.build.cut(toBytes: Limits.nameBytes)
        profile.name = profile.name.cut(toBytes: Limits.nameBytes)
        if let reason = profile.keepsItsState(credits: config.rooms.credits) {
            log.warning("state is not handed over page by page", ["reason": .text(reason)])
            profile.capabilities.subtract([.concurrentHandOver, .moves])
        }
        let model = WorkerModel(profile, servedNames: config.servedNames)
        let table = RequestTable(profile.ranks), metrics = metrics
        let gauges = table.ranks.map { metrics.gauges(of: $0.load.rank) }
        let events = EventPublisher(try feed(), ring: config.ring, loop: loop, metrics: metrics.stream) {
            let loads = table.ranks.map(\.load)
            for (gauges, load) in zip(gauges, loads) { gauges.show(load) }
            return loads
        }
        let sessions = SessionTable(loop: loop, steps: steps, events: events, metrics: metrics, log: log, limits: config.sessions)
        let core = WorkerCore(
            loop: loop, log: log, tracer: context.tracer, identity: policy.identity, profile: profile, model: model, metrics: metrics,
            table: table,
            events: events, steps: steps, sessions: sessions, pool: context.pool, rooms: config.rooms)
        let handler = GenerateHandler(core)
        let drain = Drain(core, handler, role: config.role) { [weak self] in self?.registrations ?? [] }
        parts = Parts(core: core, handler: handler, streamer: TokenStreamer(core), drain: drain)
        core.whenQuiet = { [weak drain] in drain?.look() }
        core.whenMoved = { [weak drain] in drain?.moveArrived() }
        try open(core)
        core.readyReason = engineRemarks.first ?? ""
        core.awayReason = awayReason
        core.becomeAble()
        for address in config.routers {
            guard let endpoint else { break }
            let registration = Registration(
                address, endpoint: endpoint, core: core, describe: { [weak self] in self?.registration ?? RegisterWorker() },
                drainReason: { drain.purpose?.reason ?? .shutdown })
            registrations.append(registration)
            registration.start()
        }
        sayWhatIsThere(core, config)
    }

    /// An engine that runs elsewhere, once it has said what it is; nil for the others.
    private func reach(_ selection: EngineSelection) async throws -> (@Sendable () -> RemoteEngineSteps)? {
        let surroundings = EngineSurroundings(
            loop: loop, sockets: context.sockets, pool: context.pool, log: log, metrics: context.metrics)
        guard let remote = selection.remote(surroundings) else { return nil }
        self.remote = remote
        remote.listener = self
        let profile = try await remote.begin(until: loop.now + WorkerLimits.engineReached)
        guard !isStopped else { throw WorkerStartError("stopped while the engine was reached") }
        return { RemoteEngineSteps(remote, profile) }
    }

    /// Takes nothing new, lets what runs end, gives back what the limit leaves, and takes leave of every peer.
    package func drain() async -> Bool {
        guard let parts, !isStopped else { return true }
        let core = parts.core
        let turn = parts.drain.beginShutdown(within: config.drainLimit)
        guard await parts.drain.finish(turn), !isStopped else { return false }
        // The last thing that the stream says, while there is time for it to be heard.
        core.become(.stopped, reason: "drained")
        return await takeLeave()
    }

    package func stop() {
        guard !isStopped else { return }
        isStopped = true
        parts?.drain.abandon()
        endpoint?.stopListening()
        for registration in registrations { registration.stop() }
        for link in dataLinks { link.link.abort() }
        for link in recoveryLinks { link.link.abort() }
        for link in kvLinks { link.link.abort() }
        remote?.close()
        if steps?.close(within: WorkerLimits.engineClose) == false {
            log.error("the engine did not stop", ["within": .duration(WorkerLimits.engineClose)])
        }
        if let parts {
            parts.handler.abandon()
            if parts.core.state != .stopped { parts.core.become(.stopped) }
            parts.core.events.close()
            parts.core.stop()
        }
        quiet.wake()
        engineStands.fulfil(.failure(StepFailure(WorkerStartError("stopped"))))
    }

    /// True if every peer acknowledged, or was gone.
    private func takeLeave() async -> Bool {
        for registration in registrations { registration.stop() }
        for link in dataLinks { link.link.goodbye(.draining) }
        for link in recoveryLinks { link.link.goodbye(.draining) }
        for link in kvLinks { link.link.goodbye(.draining) }
        parts?.core.rooms.takeLeave()
        let deadline = loop.now + TransportLimits.goodbye + TransportLimits.goodbye
        while loop.now < deadline, !isStopped, !hasNoLinks { await quiet.pause(until: deadline) }
        return hasNoLinks
    }

    private var hasNoLinks: Bool { dataLinks.isEmpty && recoveryLinks.isEmpty && kvLinks.isEmpty }

    /// The stream's socket, spoilt if that was asked for.
    private func feed() throws(TransportError) -> FeedPublisher {
        var socket = try context.network.publisher(on: config.publish)
        if config.eventFaults.isActive {
            log.warning("the stream of events is spoilt, as the options of faults say")
            socket = FaultyPublisher(socket, config.eventFaults, metrics: metrics.stream)
        }
        return FeedPublisher(
            over: socket, kind: .workerEvents, publisher: policy.identity.id, generation: policy.identity.generation,
            dialect: policy.dialect, loop: loop)
    }

    // MARK: Links

    private func open(_ core: WorkerCore) throws(TransportError) {
        var policy = policy
        policy.accepts = [.data: [.frontend, .tool], .recovery: [.router, .frontend, .tool]]
        if core.profile.kvShape != nil {
            policy.accepts[.kv] = [.worker, .tool]
            policy.credits = config.rooms.credits
        }
        policy.judge = { [weak self] hello in self?.judge(hello) }
        let endpoint = LinkEndpoint(loop: loop, network: context.network, policy: policy)
        self.endpoint = endpoint
        core.rooms.endpoint = endpoint
        linkAddress = try endpoint.listen(
            on: config.listen, accepted: { [weak self] in self?.accepted($0) },
            rejected: { [weak self] end, peer in self?.rejected(end, peer) })
    }

    /// Everybody has been told goodbye, or is being told. Whoever dials again all the same would keep the process from its end.
    private var isLeaving: Bool { isStopped || parts?.core.state == .stopped }

    /// The last word on a Hello that is fine otherwise.
    private func judge(_ hello: Hello) -> Refuse? {
        if isLeaving || (parts?.core.state == .draining && hello.link == .data) {
            return Refuse(.draining, retryable: true, reason: "this worker leaves")
        }
        let identity = hello.identity
        if hello.link == .data, identity.role == .frontend,
            dataLinks.contains(where: { link in
                link.link.peer.role == .frontend && link.link.peer.id == identity.id
                    && link.link.peer.generation != identity.generation
            })
        {
            return Refuse(.duplicateIdentity, retryable: true, field: "id", reason: "another life of this frontend is still linked")
        }
        if hello.link == .kv, kvLinks.count >= WorkerLimits.kvLinks {
            return Refuse(.busy, retryable: true, reason: "\(WorkerLimits.kvLinks) kv links are open")
        }
        if dataLinks.count + recoveryLinks.count >= WorkerLimits.links {
            return Refuse(.busy, retryable: true, reason: "\(WorkerLimits.links) links are open")
        }
        return nil
    }

    private func accepted(_ link: Link) {
        guard let parts, !isLeaving else { return link.goodbye(.leaving) }
        switch link.kind {
        case .data:
            let data = DataLink(link, core: parts.core, handler: parts.handler) { [weak self] data, end in
                self?.dataLinks.removeAll { $0 === data }
                self?.ended(data.link, end)
            }
            link.handler = data
            dataLinks.append(data)
        case .recovery:
            let recovery = RecoveryLink(link, core: parts.core) { [weak self] recovery, end in
                self?.recoveryLinks.removeAll { $0 === recovery }
                self?.ended(recovery.link, end)
            }
            link.handler = recovery
            recoveryLinks.append(recovery)
        case .kv:
            lastKVLink += 1
            let kv = ReceivingLink(link, number: lastKVLink, book: parts.core.rooms) { [weak self] kv, end in
                self?.kvLinks.removeAll { $0 === kv }
                self?.ended(kv.link, end)
            }
            link.handler = kv
            kvLinks.append(kv)
        case .control, .route, .peer: return link.goodbye(.leaving)  // the policy accepts none of these
        }
        countLinks()
        log.debug("link open", Self.fields(of: link))
    }

    private func ended(_ link: Link, _ end: LinkEnd) {
        countLinks()
        quiet.wake()
        let fields = Self.fields(of: link).adding(["end": .text("\(end)")])
        if case .goodbye = end { log.debug("link ended", fields) } else { log.info("link ended", fields) }
    }

    /// Both sides of a refusal log it: whoever looks for the reason may look here first.
    private func rejected(_ end: LinkEnd, _ peer: Address?) {
        metrics.rejectedLink()
        let verdict = rejections.admit(peer?.host ?? "unknown", atMilliseconds: loop.now.nanoseconds / 1_000_000)
        log.limited(verdict)?.warning("link refused", ["peer": .text(peer?.description ?? "unknown"), "end": .text("\(end)")])
    }

    private func countLinks() {
        metrics.links(.data, dataLinks.count)
        metrics.links(.recovery, recoveryLinks.count)
        metrics.links(.kv, kvLinks.count)
    }

    private static func fields(of link: Link) -> LogFields {
        ["kind": .text("\(link.kind)"), "role": .text("\(link.peer.role)"), "peer": .hex(link.peer.id)]
    }

    // MARK: Registration

    private var registration: RegisterWorker {
        var registration = RegisterWorker()
        guard let core = parts?.core, let linkAddress else { return registration }
        core.events.publish()
        registration.endpoints = Endpoints(
            linkAddress: context.advertised(linkAddress), feedAddress: context.advertised(core.events.address))
        registration.role = parts?.drain.role ?? config.role
        registration.state = core.state
        registration.events = core.eventsMode
        registration.card = core.model.card
        registration.ranks = core.profile.ranks.enumerated().map { RankCapacity(rank: UInt32($0.offset), $0.element) }
        registration.kvShape = core.profile.kvShape.map(KVShape.init)
        registration.engineName = core.profile.name
        registration.engineBuild = core.profile.build
        registration.streamPosition = core.events.lastSequence
        registration.drainMilliseconds = UInt32(clamping: config.drainLimit.inMilliseconds)
        return registration
    }
}

extension WorkerService: @LoopActor Service {}

// MARK: - Steps

extension WorkerService: StepReader {
    package typealias Work = EngineWork

    package func steps(began profile: EngineProfile) { engineStands.fulfil(.success(profile)) }

    package func steps(finished span: StepSpan, _ output: inout StepOutput) { parts?.streamer.finished(span, output) }

    package func steps(failed failure: StepFailure) {
        if let whenCrashed, let failure = failure.cause as? EngineFailure, failure.isCrash { return whenCrashed() }
        engineStands.fulfil(.failure(failure))
        guard let parts else { return }
        log.error("engine failed", ["reason": .text(failure.description)])
        parts.core.hasFailed = true
        parts.handler.engineFailed()
        // Routers give no new plan to a worker that drains.
        parts.core.become(.draining, reason: "the engine failed")
        whenFailed?(failure.description)
    }
}

// MARK: - An engine that runs elsewhere

extension WorkerService: RemoteEngineListener {
    package func engineHasNews() { steps?.wake() }

    /// Routers give no plan to a worker that starts, and it refuses what comes all the same, so that it is placed elsewhere or waits.
    package func engineIs(_ condition: EngineCondition) {
        guard !isStopped else { return }
        switch condition {
        case .serving: awayReason = nil
        case .away(let reason): awayReason = reason
        }
        guard let core else { return }
        core.awayReason = awayReason
        // One that leaves goes on leaving, and hears of it when it is called back.
        if core.state == .ready || core.state == .starting { core.becomeAble() }
    }
}

/// Why a worker did not start.
package struct WorkerStartError: Error, Hashable, Sendable, CustomStringConvertible {
    package let description: String
    init(_ description: String) { self.description = description }
}
