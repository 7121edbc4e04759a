import ClusterModel
import EventLoop
import ProcessKit
import Scheduling
import Telemetry
import Transport
import WireProtocol

/// The router's side of one route link: the frontend's registration, its requests, and the snapshots it reads.
@LoopActor
final class RouteHandler: LinkHandler, StateEntry {
    let link: Link
    let identity: Identity
    private let core: RouterCore
    var registration: RegisterFrontend?
    var isPending = false
    private let stream: StreamAnswers
    private var answers: [PlanEntry] = []
    /// Counters of the requests that wait in the queue. Kept by the queue.
    var parked: Set<UInt64> = []
    /// The frontend's nonce.
    var origin: UInt64 { identity.generation }

    init(_ core: RouterCore, _ link: Link) {
        self.core = core
        self.link = link
        identity = link.peer
        stream = StreamAnswers(core)
    }

    func link(_ link: Link, received header: MessageHeader, body: RawSpan) {
        do throws(WireError) {
            switch (header.kind, header.flags.contains(.question)) {
            case (.registerFrontend, true): register(try Codec.decodeBody(RegisterFrontend.self, from: body), header)
            case (_, true) where registration == nil: notAllowed(header)
            case (.routeBatch, false) where registration != nil: route(try batch(RouteBatch.self, header, body))
            case (.cancelRoute, false) where registration != nil: cancel(try batch(CancelRoute.self, header, body))
            case (.leasesEnded, false) where registration != nil:
                for lease in try batch(LeasesEnded.self, header, body).leases { core.ledger.end(lease) }
                core.queue.stirred()
            case (.explainQuestion, true):
                explain(try Codec.decodeBody(ExplainQuestion.self, from: body), header)
            case (.replayQuestion, true): stream.replay(try Codec.decodeBody(ReplayQuestion.self, from: body), header, on: link)
            case (.snapshotQuestion, true): stream.page(try Codec.decodeBody(SnapshotQuestion.self, from: body), header, on: link)
            case (_, true): notAllowed(header)
            default: throw WireError(.unexpectedKind, "kind")
            }
        } catch { link.malformed(header, error) }
    }

    func link(_ link: Link, ended: LinkEnd) {
        core.log.info("frontend lost", ["frontend": .hex(identity.id), "name": .text(identity.name), "reason": .text(ended.description)])
        core.queue.drop(self)
        core.frontends.remove(self)
    }

    private func notAllowed(_ header: MessageHeader) {
        link.answer(header, with: Failure(.notAllowedHere, field: "kind", reason: "not now, and not from a frontend"))
    }

    // MARK: Registration

    private func register(_ message: RegisterFrontend, _ header: MessageHeader) {
        guard let feed = Address(advertised: message.endpoints.feedAddress, peer: link.remoteAddress),
            feed.description.utf8.count <= Limits.addressBytes
        else {
            return link.answer(
                header, with: Failure(.invalidArgument, field: "feedAddress", reason: "it is no address that could be dialled"))
        }
        var kept = message
        kept.endpoints = Endpoints(linkAddress: "", feedAddress: feed.description)
        let isNew = registration == nil
        registration = kept
        link.answer(
            header, with: FrontendRegistered(endpoints: core.endpoints, streamPosition: core.publisher.sequence, warnings: []))
        core.publisher.mark(self)
        if isNew { core.log.info("frontend registered", ["frontend": .hex(identity.id), "name": .text(identity.name)]) }
    }

    // MARK: StateEntry

    func change() -> RouterChange? { entry.map { .frontendEntry($0) } }

    var entry: FrontendEntry? {
        guard let registration else { return nil }
        return FrontendEntry(
            frontendID: identity.id, generation: identity.generation, name: identity.name, state: registration.state,
            endpoints: registration.endpoints, httpAddress: registration.httpAddress)
    }

    // MARK: Requests

    /// A batch of this frontend's own requests: nobody speaks for another.
    private func batch<M: WireMessage>(_ type: M.Type, _ header: MessageHeader, _ body: RawSpan) throws(WireError) -> M {
        guard header.origin == identity.generation else { throw WireError(.invalidValue, "origin") }
        return try Codec.decodeBody(type, from: body)
    }

    private func route(_ batch: RouteBatch) {
        for lease in batch.endedLeases { core.ledger.end(lease) }
        if !batch.endedLeases.isEmpty { core.queue.stirred() }
        for entry in batch.entries { core.queue.submit(entry, from: self) }
    }

    private func cancel(_ cancel: CancelRoute) {
        for request in cancel.requests {
            let id = RequestID(origin: origin, counter: request.counter)
            core.queue.cancel(id, through: request.attempt)
            core.planner.cancel(id, through: request.attempt)
        }
        core.queue.stirred()
    }

    /// Keeps an answer until `flush`. True: it is the first.
    func answer(_ plan: PlanEntry) -> Bool {
        answers.append(plan)
        return answers.count == 1
    }

    /// Everything that was answered in one turn leaves in one message.
    func flush() {
        guard !answers.isEmpty else { return }
        for start in stride(from: 0, to: answers.count, by: Limits.batchEntries) {
            let end = min(start + Limits.batchEntries, answers.count)
            link.send(PlanBatch(entries: start == 0 && end == answers.count ? answers : Array(answers[start..<end])), origin: origin)
        }
        answers.removeAll(keepingCapacity: answers.count <= 256)
    }

    /// A frontend asks about its own requests; a tool may ask about everybody's.
    private func explain(_ question: ExplainQuestion, _ header: MessageHeader) {
        let asked = question.request, isAllowed = asked.origin == origin || identity.role == .tool
        let id = RequestID(origin: asked.origin, counter: asked.counter), naming: PlacementNaming = question.ordinals ? .ordinals : .ids
        guard isAllowed, let record = core.decisions.record(of: id, attempt: asked.attempt, naming: naming) else {
            return link.answer(header, with: Failure(.notFound, field: "request", reason: "no record of this decision is kept"))
        }
        link.answer(header, with: ExplainAnswer(routerID: core.context.identity.id, decision: record), compressed: true)
    }
}
