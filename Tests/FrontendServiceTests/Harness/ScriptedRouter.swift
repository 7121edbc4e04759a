import ClusterModel
import EventLoop
import Transport
import WireProtocol

/// The router's side of a route link, as a test wants it.
@LoopActor
final class ScriptedRouter: LinkHandler {
    /// Answers an entry; nil: not yet, or never.
    var plan: (@LoopActor (ScriptedRouter, RouteEntry) -> PlanEntry?)?
    /// What is told of the cluster, in this order.
    private(set) var workers: [WorkerEntry] = []
    private(set) var pools: [ModelPool] = []
    private(set) var health = RouterHealth(state: .ready, reason: "", workers: 0, resyncing: 0, leases: 0, indexedBlocks: 0)
    /// The record of a decision; nil: there is none.
    var explains: (@LoopActor (ExplainQuestion) -> [UInt8]?)?
    private(set) var explained: [ExplainQuestion] = []
    /// Answers a snapshot question in its own way; nil: as usual.
    var page: (@LoopActor (SnapshotQuestion) -> SnapshotPage?)?
    /// Entries of the snapshot in one page; less makes more pages.
    var pageEntries = 100
    /// While false questions are read and not answered.
    var answersQuestions = true

    private(set) var asked: [RouteEntry] = []
    private(set) var routeBatches: [RouteBatch] = []
    private(set) var cancelled: [RequestRef] = []
    private(set) var endedLeases: [EndedLease] = []
    private(set) var snapshotQuestions = 0
    private(set) var registrations: [RegisterFrontend] = []
    private(set) var ends: [LinkEnd] = []
    private(set) var link: Link?
    let identity: Identity
    let loop: Loop
    private let endpoint: LinkEndpoint
    private let feed: FeedPublisher
    private var leases: UInt64 = 0
    private var nextWorker = 0

    init(_ number: Int, generation: UInt64, host: SimulatedHost, loop: VirtualLoop, policy base: LinkPolicy) {
        self.loop = loop
        identity = Identity(role: .router, id: UInt64(number), generation: generation, name: host.name)
        var policy = base
        policy.identity = identity
        policy.accepts = [.route: [.frontend]]
        endpoint = LinkEndpoint(loop: loop, network: host, policy: policy)
        do {
            feed = try FeedPublisher(
                on: Address(host: host.name, port: 8101), kind: .routerState, generation: generation, loop: loop, network: host)
            try endpoint.listen(
                on: Address(host: host.name, port: 8100),
                accepted: { [weak self] link in
                    self?.link = link
                    link.handler = self
                })
        } catch { preconditionFailure("\(error)") }
    }

    // MARK: What a test has it do

    /// Tells of a change on the feed, and keeps it for snapshots.
    func tell(_ changes: [RouterChange]) {
        for change in changes { keep(change) }
        feed.publish(count: changes.count) { Codec.appendBody(RouterState(changes: changes), to: &$0) }
    }

    /// Changes what snapshots say without a word on the feed but its number: what a subscriber sees that lost messages.
    func tellUnheard(_ changes: [RouterChange]) {
        for change in changes { keep(change) }
        unheard += UInt64(changes.count)
    }
    private var unheard: UInt64 = 0

    /// A message that says what it likes.
    func publish(count: Int, _ body: [UInt8]) { feed.publish(count: count) { $0.append(contentsOf: body) } }

    /// A whole request on one worker, or the decode leg that was asked for.
    func place(_ entry: RouteEntry, on worker: UInt64, lease: UInt64? = nil) -> PlanEntry {
        plan(entry, [leg(entry.wish == .decode ? .decode : .aggregated, on: worker, lease: lease)])
    }

    /// Both legs at once, or the prefill leg alone with `decode` nil.
    func split(_ entry: RouteEntry, prefill: UInt64, decode: UInt64?) -> PlanEntry {
        var plan = plan(entry, [leg(.prefill, on: prefill)] + (decode.map { [leg(.decode, on: $0)] } ?? []))
        plan.handOver = decode == nil ? .sequential : .concurrent
        return plan
    }

    private func plan(_ entry: RouteEntry, _ legs: [PlanLeg]) -> PlanEntry {
        var plan = PlanEntry()
        plan.counter = entry.counter
        plan.attempt = entry.attempt
        plan.routerID = identity.id
        plan.pool = entry.pool?.digest ?? Digest()
        plan.legs = legs
        return plan
    }

    private func leg(_ kind: Leg, on worker: UInt64, lease: UInt64? = nil) -> PlanLeg {
        var leg = PlanLeg()
        leg.leg = kind
        leg.workerID = worker
        leg.generation = workers.first { $0.workerID == worker }?.generation ?? 0
        leases += 1
        leg.lease = lease ?? leases
        leg.waitingTokens = 1000
        leg.streamNumber = 7
        return leg
    }

    func fail(_ entry: RouteEntry, _ code: FailureCode, retryAfter: UInt32 = 0) -> PlanEntry {
        var plan = PlanEntry()
        plan.counter = entry.counter
        plan.attempt = entry.attempt
        plan.outcome = .failed
        plan.failure = FailureDetail(code: code, retryAfterMilliseconds: retryAfter, field: "", reason: "scripted")
        return plan
    }

    /// Workers that may be chosen, in turns.
    func placeAnywhere(_ entry: RouteEntry) -> PlanEntry {
        let options = entry.options
        let eligible = workers.filter {
            $0.state == .ready && !options.excludedWorkers.contains($0.workerID) && !options.unreachableWorkers.contains($0.workerID)
        }
        guard !eligible.isEmpty else { return fail(entry, .noWorker) }
        nextWorker += 1
        return place(entry, on: eligible[(nextWorker - 1) % eligible.count].workerID)
    }

    func answer(_ plan: PlanEntry) {
        guard let link else { return }
        link.send(PlanBatch(entries: [plan]), origin: link.peer.generation)
    }

    var sequence: UInt64 { feed.nextSequence - 1 }

    // MARK: LinkHandler

    func link(_ link: Link, ended: LinkEnd) {
        ends.append(ended)
        if self.link === link { self.link = nil }
    }

    func link(_ link: Link, received header: MessageHeader, body: RawSpan) {
        do throws(WireError) {
            switch header.kind {
            case .registerFrontend:
                registrations.append(try Codec.decodeBody(RegisterFrontend.self, from: body))
                guard answersQuestions else { return }
                link.answer(
                    header,
                    with: FrontendRegistered(
                        endpoints: Endpoints(linkAddress: "tcp://:8100", feedAddress: "tcp://:8101"), streamPosition: sequence, warnings: []
                    ))
            case .routeBatch: route(try Codec.decodeBody(RouteBatch.self, from: body))
            case .cancelRoute: cancelled += try Codec.decodeBody(CancelRoute.self, from: body).requests
            case .leasesEnded: endedLeases += try Codec.decodeBody(LeasesEnded.self, from: body).leases
            case .explainQuestion:
                let question = try Codec.decodeBody(ExplainQuestion.self, from: body)
                explained.append(question)
                if let record = explains.flatMap({ $0(question) }) {
                    link.answer(header, with: ExplainAnswer(routerID: identity.id, decision: record))
                } else {
                    link.answer(header, with: Failure(.notFound, reason: "scripted"))
                }
            case .snapshotQuestion:
                snapshotQuestions += 1
                let question = try Codec.decodeBody(SnapshotQuestion.self, from: body)
                if answersQuestions { link.answer(header, with: page.flatMap { $0(question) } ?? page(question)) }
            default: throw WireError(.unexpectedKind, "kind")
            }
        } catch { link.malformed(header, error) }
    }

    private func route(_ batch: RouteBatch) {
        routeBatches.append(batch)
        endedLeases += batch.endedLeases
        for entry in batch.entries {
            asked.append(entry)
            if let plan = plan.map({ $0(self, entry) }) ?? placeAnywhere(entry) { answer(plan) }
        }
    }

    // MARK: Directory

    private func keep(_ change: RouterChange) {
        switch change {
        case .workerEntry(let entry):
            workers.removeAll { $0.workerID == entry.workerID }
            workers.append(entry)
        case .workerGone(let gone): workers.removeAll { $0.workerID == gone.workerID && $0.generation == gone.generation }
        case .modelPool(let pool):
            pools.removeAll { $0.card.digest == pool.card.digest }
            pools.append(pool)
        case .routerHealth(let health): self.health = health
        case .modelPoolGone(let gone): pools.removeAll { $0.card.digest == gone.digest }
        default: break
        }
    }

    func page(_ question: SnapshotQuestion) -> SnapshotPage {
        let entries = [.routerHealth(health)] + pools.map { SnapshotEntry.modelPool($0) } + workers.map { SnapshotEntry.workerEntry($0) }
        let start = min(Int(question.cursor.fromHash), entries.count), end = min(start + pageEntries, entries.count)
        var page = SnapshotPage()
        page.generation = identity.generation
        page.sequence = sequence + unheard
        page.fromHash = question.cursor.fromHash
        page.throughHash = end == entries.count ? .max : UInt64(end) - 1
        page.entries = Array(entries[start..<end])
        if end < entries.count { page.next = SnapshotCursor(section: 0, fromHash: UInt64(end)) }
        return page
    }
}
