import ClusterModel
package import EventLoop
package import ProcessKit
import Scheduling
import ServiceRuntime
import Telemetry
package import Transport
import WireProtocol

/// A router: workers and frontends register with it, it follows the workers' streams, and answers each request with a placement.
@LoopActor
package final class RouterService {
    package let name = "router"
    private let context: ProcessContext
    private let config: RouterConfig
    private(set) var core: RouterCore?
    private var timer: TimerHandle?
    private var rejections = RateLimit(lines: RouterLimits.rejectionLines, perMilliseconds: 60_000)
    /// Where peers dial, once it listens.
    package private(set) var address: Address?

    package init(_ config: RouterConfig, _ context: ProcessContext) {
        self.config = config
        self.context = context
    }

    // MARK: What it holds

    /// Leases that have not ended.
    package var leasesHeld: Int { core?.ledger.table.count ?? 0 }
    /// Sessions that are bound to a worker, as the workers told.
    package var sessionsBound: Int { core?.sessions.mirror.count ?? 0 }
    /// Nothing is booked or running, as far as the workers told.
    package var isIdle: Bool { leasesHeld == 0 && requestsParked == 0 }
    /// Requests that wait in the queue.
    package var requestsParked: Int { core?.queue.count ?? 0 }
    /// Bookings of other routers that no worker has accepted.
    package var peerBookings: Int { core.map { core in core.peers.all.reduce(0) { $0 + core.ledger.bookings(of: $1.life) } } ?? 0 }
    /// Blocks that its index holds, once for each placement that has them.
    package var indexedCopies: Int { core?.cache.counts.copies ?? 0 }
    /// Other routers with an open link.
    package var linkedPeers: Int { core?.peers.linked ?? 0 }
    /// What keeps it from knowing all that there is to know, in words.
    package var gaps: [String] {
        guard let core else { return ["it does not run"] }
        var gaps: [String] = core.isSettling ? ["it has just begun"] : []
        for record in core.workers.all where !record.takesWork || !record.isInStep {
            gaps.append("worker \(record.life.worker): \(record.state), \(record.isInStep ? "in step" : "not in step")")
        }
        for peer in core.peers.all where !peer.isLinked || peer.stream?.isInStep != true { gaps.append("router \(peer.life.router)") }
        return gaps
    }
    /// Workers that it gives plans for.
    package var usableWorkers: Int { core?.workers.all.count(where: \.takesWork) ?? 0 }
    /// The address of its feed, once it publishes.
    package var feedAddress: Address? { core?.publisher.address }
    package var isDraining: Bool { core?.isDraining ?? false }

    // MARK: Service

    package func start() async throws {
        let core = try RouterCore(context, config: config)
        self.core = core
        core.endpoint.policy.accepts = [.control: [.worker], .route: [.frontend, .tool], .peer: [.router]]
        core.endpoint.policy.judge = { [weak core] hello in core?.objection(to: hello) }
        let address = try core.endpoint.listen(
            on: config.listen, accepted: { [weak core] link in if let core { core.opened(link) } else { link.goodbye(.leaving) } },
            rejected: { [weak self] end, peer in self?.rejected(end, peer) })
        self.address = address
        core.endpoints = Endpoints(linkAddress: context.advertised(address), feedAddress: context.advertised(core.publisher.address))
        context.loop.observePauses(self) { [weak self] gap in self?.core?.ledger.paused(for: gap) }
        core.publishHealth()
        core.peers.start(config.peers)
        tick()
        var missing = MissingParts()
        missing.note("other routers (--peers)", unless: config.peers.contains { $0 != config.listen })
        missing.noteProof(context, at: config.listen)
        context.log.info(
            "listening",
            [
                "links": .text(address.description), "feed": .text(core.publisher.address.description),
                "policy": .text(config.selection.policy.rawValue), "peers": .addresses(config.peers),
                "index": .size(UInt64(config.index.bytes)), "queue": .count(config.queue.entries), "missing": missing.text,
            ])
    }

    /// Quick: what runs goes on without a router, and new requests go to another one.
    package func drain() async -> Bool {
        guard let core, !core.isDraining else { return true }
        core.isDraining = true
        core.publishHealth()
        core.publisher.flushNow()
        // What is parked goes elsewhere at once.
        core.queue.stirred()
        // Those who hear of it ask elsewhere; those who ask here meanwhile are told so.
        await context.loop.sleep(for: RouterLimits.drainNotice)
        core.endpoint.stopListening()
        let links = core.workers.all.compactMap(\.link) + core.frontends.all.map(\.link)
        for link in links { link.goodbye(.draining) }
        core.peers.leave(.draining)
        let limit = context.loop.now + RouterLimits.drain
        while context.loop.now < limit,
            core.workers.all.contains(where: { $0.link != nil }) || !core.frontends.all.isEmpty || core.peers.linked > 0
        {
            await context.loop.sleep(for: .milliseconds(5))
        }
        return true
    }

    package func stop() {
        context.loop.cancel(timer)
        context.loop.stopObservingPauses(self)
        guard let core else { return }
        core.isDraining = true
        core.endpoint.stopListening()
        for record in core.workers.all {
            // Its handler hears nothing of this end.
            record.link?.abort()
            core.workers.remove(record, reason: "the router ends")
        }
        for session in core.frontends.all {
            session.link.abort()
            core.frontends.remove(session)
        }
        core.queue.close()
        core.cache.close()
        core.peers.stop()
        core.publisher.close()
        self.core = nil
    }

    // MARK: Now and then

    private func tick() {
        timer = context.loop.schedule(each: RouterLimits.tick) { [weak self] in self?.tick() }
        guard let core else { return }
        core.ledger.expire()
        core.cache.tidy()
        core.workers.sweep()
        core.sessions.sweep()
        core.queue.tick()
        core.settle()
        core.publishHealth()
        core.forgetSnapshot()
        for suppressed in rejections.expire(atMilliseconds: milliseconds) {
            context.log.warning("links rejected", ["cause": .text(suppressed.key), "suppressed": .count(suppressed.lines)])
        }
    }

    private var milliseconds: Int64 { context.loop.now.nanoseconds / 1_000_000 }

    /// Both sides say why a link was not opened; the dialer heard it in Refuse.
    private func rejected(_ end: LinkEnd, _ peer: Address?) {
        let cause = end.cause, place = peer.map { $0.host } ?? "unknown"
        core?.metrics.rejectedLink(cause)
        let verdict = rejections.admit("\(place) \(cause)", atMilliseconds: milliseconds)
        context.log.limited(verdict)?.warning(
            "link rejected", ["peer": .text(peer?.description ?? place), "reason": .text(end.description)])
    }
}

extension RouterService: @LoopActor Service {}

extension LinkEnd {
    /// One of a few words, for a label.
    fileprivate var cause: String {
        switch self {
        case .refused(let refusal): RefuseCode.names.first { $0.0 == refusal.code }?.1 ?? "other"
        case .handshakeTimeout: "handshakeTimeout"
        case .badFraming, .badMessage: "malformed"
        case .closedByPeer: "closed"
        case .goodbye, .silent, .writeStalled, .outboxFull, .dialFailed: "other"
        }
    }
}
