import ClusterModel
import EventLoop
import ProcessKit
import StreamFollowing
import Telemetry
import Transport
import WireProtocol

/// Why a router gave no plan.
enum PlanFailure: Error {
    /// The link ended before the answer came: another router may be asked, as the next attempt.
    case routerLost
    /// No answer within the time.
    case timedOut
    /// The router said no.
    indirect case refused(FailureDetail)
    /// Something else was booked than was asked for.
    case strange
}

/// The frontend's side of one route link: registration, the directory, and the plans that one turn of the loop asked for.
@LoopActor
final class RouterClient: LinkKeeperHandler, EndOfTurn {
    /// What tells questions apart.
    fileprivate struct Key: Hashable {
        let counter: UInt64
        let attempt: UInt8
    }

    let address: Address
    /// What the router said last. It outlives the link: streams go on without a router, and requests that wait for its return need to know
    /// the models.
    private(set) var view: RouterView?
    /// The view of a new registration, until it is in step.
    private var joining: RouterView?
    private(set) var identity: Identity?
    private let context: ProcessContext
    private let registration: @LoopActor () -> RegisterFrontend
    private let changed: @LoopActor () -> Void
    private var keeper: LinkKeeper?
    private var isRegistered = false
    private var waiting: [Key: Promise<Result<PlanEntry, PlanFailure>>] = [:]
    private var batch = RouteBatch()
    private var cancelled = CancelRoute()
    private var wantsFlush = false
    /// Routers are few: each is recovered at once.
    private let recoveries = RecoveryGate()

    init(
        _ address: Address, context: ProcessContext, endpoint: LinkEndpoint, registration: @escaping @LoopActor () -> RegisterFrontend,
        changed: @escaping @LoopActor () -> Void
    ) {
        self.address = address
        self.context = context
        self.registration = registration
        self.changed = changed
        keeper = LinkKeeper(address, kind: .route, endpoint: endpoint, loop: context.loop, handler: self)
    }

    /// Registered, and its directory was complete once: a gap in it is recovered while plans are made. A router that has just begun, and does not
    /// know its workers yet, says so.
    var isUsable: Bool {
        guard isRegistered, link != nil, joining == nil, let state = view?.health.state else { return false }
        return state == .ready || state == .degraded
    }
    /// So many plans are asked for that one more would be refused.
    var isFull: Bool { waiting.count >= TransportLimits.openRouteQuestions }
    var canPlan: Bool { isUsable && !isFull }
    /// One that has begun to end carries nothing any more.
    private var link: Link? { keeper?.link.flatMap { $0.isOpen ? $0 : nil } }
    var openPlans: Int { waiting.count }

    func start() { keeper?.start() }

    func stop() {
        keeper?.stop(.leaving)
        keeper = nil
        lost()
        view = nil
    }

    // MARK: Plans

    /// A question that was asked. Whoever asked it waits for its answer, and takes what has come by then.
    struct Question {
        fileprivate let key: Key
        let answer: Promise<Result<PlanEntry, PlanFailure>>
    }

    /// Asks for a placement.
    func ask(_ entry: consuming RouteEntry) throws(PlanFailure) -> Question {
        guard canPlan else { throw .routerLost }
        let question = Question(key: Key(counter: entry.counter, attempt: entry.attempt), answer: Promise(on: context.loop))
        waiting[question.key] = question.answer
        batch.entries.append(entry)
        flushSoon()
        return question
    }

    /// The answer that was waited for. Every plan that comes later, or after a cancel, is given back to the router.
    func take(_ question: Question) throws(PlanFailure) -> PlanEntry {
        let answer = question.answer.value
        if answer == nil { cancel(counter: question.key.counter, attempt: question.key.attempt) }
        if isFull { changed() }
        waiting[question.key] = nil
        guard let answer else { throw .timedOut }
        let plan = try answer.get()
        if plan.outcome == .failed { throw .refused(plan.failure ?? FailureDetail()) }
        return plan
    }

    /// The plan is not wanted any more, whether it has come or not: what was booked for it and not accepted ends.
    func cancel(counter: UInt64, attempt: UInt8) {
        if isRegistered {
            cancelled.requests.append(RequestRef(counter: counter, attempt: attempt))
            flushSoon()
        }
        waiting[Key(counter: counter, attempt: attempt)]?.fulfil(.failure(.timedOut))
    }

    /// A lease that was never taken to its worker, or whose worker is gone.
    func release(_ lease: EndedLease) {
        guard isRegistered else { return }  // a new life of the router learns of leases from the workers alone
        batch.endedLeases.append(lease)
        flushSoon()
    }

    /// A question beside the plans; nil if no answer of its kind came.
    func ask(_ question: ExplainQuestion, within limit: Duration) async -> ExplainAnswer? {
        guard let link, isRegistered else { return nil }
        return try? await link.ask(question, answeredBy: ExplainAnswer.self, within: limit)
    }

    private func flushSoon() {
        guard !wantsFlush else { return }
        wantsFlush = true
        context.loop.atEndOfTurn(self)
    }

    func flush() {
        wantsFlush = false
        guard let link, isRegistered else { return }
        let origin = context.identity.generation
        context.loop.reaches("question to a router not sent")
        var ended = batch.endedLeases.parts(of: Limits.batchEntries)[...], start = 0
        while start < batch.entries.count {
            let count = batch.entries.fitInMessage(from: start)
            let entries = count == batch.entries.count ? batch.entries : Array(batch.entries[start..<start + count])
            link.send(RouteBatch(endedLeases: ended.popFirst() ?? [], entries: entries), origin: origin)
            start += count
        }
        for leases in ended { link.send(LeasesEnded(leases: leases), origin: origin) }
        for requests in cancelled.requests.parts(of: Limits.batchEntries) { link.send(CancelRoute(requests: requests), origin: origin) }
        batch.entries.removeAll(keepingCapacity: true)
        batch.endedLeases.removeAll(keepingCapacity: true)
        cancelled.requests.removeAll(keepingCapacity: true)
    }

    // MARK: LinkKeeperHandler

    func keeper(_ keeper: LinkKeeper, opened link: Link) {
        identity = link.peer
        context.loop.spawn { [weak self] in await self?.register(on: link) }
    }

    func keeper(_ keeper: LinkKeeper, received header: MessageHeader, body: RawSpan, on link: Link) {
        do throws(WireError) {
            switch header.kind {
            case .planBatch:
                guard header.origin == context.identity.generation else { throw WireError(.invalidValue, "origin") }
                let plans = try Codec.decodeBody(PlanBatch.self, from: body)
                for plan in plans.entries { settle(plan) }
            case .replayQuestion, .snapshotQuestion:
                // Of the frontend's own stream nothing is kept for replay: its entries are totals, said again.
                link.answer(header, with: Failure(.notFound, reason: "this stream is not recovered"))
            default: throw WireError(.unexpectedKind, "kind")
            }
        } catch { link.malformed(header, error) }
        // Who breaks the rules is not waited for until the link is closed.
        if !link.isOpen { lost() }
    }

    func keeper(_ keeper: LinkKeeper, ended: LinkEnd, wasOpen: Bool, retryAfter: Duration) {
        let fields: LogFields = [
            "router": .text(address.description), "reason": .text(ended.description), "retry_after": .duration(retryAfter),
        ]
        if wasOpen || isFirstFailure { context.log.warning(wasOpen ? "router lost" : "router not reached", fields) }
        isFirstFailure = wasOpen
        lost()
    }

    /// Of a row of failures to reach a router only the first is worth a line.
    private var isFirstFailure = true

    /// A plan whose asker is gone is answered by a cancel that is on its way; the router ends the leases.
    private func settle(_ plan: PlanEntry) {
        waiting[Key(counter: plan.counter, attempt: plan.attempt)]?.fulfil(.success(plan))
    }

    private func register(on link: Link) async {
        let answer: FrontendRegistered
        do throws(LinkFailure) {
            answer = try await link.ask(registration(), answeredBy: FrontendRegistered.self, within: Self.registrationLimit)
        } catch {
            context.log.warning("not registered", ["router": .text(address.description), "reason": .text("\(error)")])
            return link.goodbye(.leaving, detail: "not registered")
        }
        guard link === keeper?.link, let feed = Address(advertised: answer.endpoints.feedAddress, peer: link.remoteAddress) else {
            return link.goodbye(.leaving, detail: "no feed")
        }
        for warning in answer.warnings { context.log.warning("the router warns", ["detail": .text(warning.detail)]) }
        do throws(TransportError) {
            joining = try RouterView(
                of: link.peer, feed: feed, gate: recoveries, loop: context.loop, network: context.network,
                link: { [weak self, weak link] in self?.keeper?.link === link ? link : nil },
                changed: { [weak self] in self?.viewChanged() })
        } catch {
            context.log.warning("no feed of the router", ["address": .text(feed.description), "reason": .text(error.description)])
            return link.goodbye(.leaving, detail: "no feed")
        }
        isRegistered = true
        isFirstFailure = true
        context.log.info("registered", ["router": .text(address.description), "router_id": .hex(link.peer.id)])
    }

    /// A router answers at once; one that does not is not well.
    private static let registrationLimit = Duration.seconds(2)

    private func viewChanged() {
        if let joining, joining.isInStep, joining.health.state != .starting || view == nil {
            view?.close()
            view = joining
            self.joining = nil
        }
        changed()
    }

    private func lost() {
        isRegistered = false
        joining?.close()
        joining = nil
        view?.close()
        batch = RouteBatch()
        cancelled = CancelRoute()
        let promises = waiting.keys.sorted { ($0.counter, $0.attempt) < ($1.counter, $1.attempt) }.compactMap { waiting[$0] }
        for promise in promises { promise.fulfil(.failure(.routerLost)) }
        changed()
    }
}
