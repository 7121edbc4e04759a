import ClusterModel
import EventLoop
import ProcessKit
import Scheduling
import StreamFollowing
import Telemetry
import Transport
import WireProtocol

/// The other routers: one record for each that is known, and at most one link to each.
///
/// A router is told addresses, and learns only from a Hello or a Welcome who lives there. So each dials all the others, and where two links
/// between the same two come to be, both sides know which of them stays: `proto-spec/03-exchanges.md#routers-among-themselves`.
@LoopActor
final class PeerDirectory {
    private unowned let core: RouterCore
    private(set) var all: [Peer] = []
    private var dialers: [PeerDialer] = []
    let metrics: PeerMetrics
    let recoveries = RecoveryGate(atOnce: PeerLimits.recoveriesAtOnce)
    private var isStopped = false

    init(_ core: RouterCore) {
        self.core = core
        metrics = PeerMetrics(registry: core.context.metrics)
    }

    private var own: Identity { core.context.identity }
    var linked: Int { all.count(where: \.isLinked) }

    func start(_ addresses: [Address]) {
        dialers = addresses.map { PeerDialer($0, core) }
        for dialer in dialers { dialer.start() }
    }

    /// Says goodbye to all; their answers are waited for elsewhere.
    func leave(_ reason: GoodbyeReason) {
        isStopped = true
        for dialer in dialers { dialer.stop() }
        for peer in all { peer.session?.link.goodbye(reason) }
    }

    func stop() {
        isStopped = true
        for dialer in dialers { dialer.stop() }
        for peer in all {
            peer.session?.link.abort()
            peer.stream?.close()
        }
        all = []
    }

    // MARK: Links

    /// Whether that router may open a link here.
    func objection(to identity: Identity) -> Refuse? {
        // A router that dials its own address learns it from Welcome.
        if isOwn(identity) { return nil }
        if identity.id == own.id {
            return Refuse(
                .duplicateIdentity, retryable: true, field: "id",
                reason: "router \(RouterID(identity.id)) lives here as '\(own.name)'; give each router its own id".cut(
                    toBytes: Limits.reasonBytes))
        }
        if let known = peer(identity.id), known.life.generation.rawValue != identity.generation, known.isLinked {
            return Refuse(
                .duplicateIdentity, retryable: true, field: "id",
                reason: "router \(known.life.router) lives as '\(known.name)' already; give each router its own id".cut(
                    toBytes: Limits.reasonBytes))
        }
        guard peer(identity.id) != nil || all.count < PeerLimits.routers else {
            return Refuse(.busy, retryable: true, reason: "this router has no room for another router")
        }
        return nil
    }

    func isOwn(_ identity: Identity) -> Bool { identity.id == own.id && identity.generation == own.generation }

    /// A link is open, dialled by this side or the other. False: it is not the one that stays, and has been told so.
    @discardableResult
    func opened(_ link: Link) -> Bool {
        guard !isStopped, !isOwn(link.peer) else {
            if !link.isDialer, isOwn(link.peer) { return false }  // the dialing side says goodbye to itself
            link.goodbye(.leaving)
            return false
        }
        let peer = peer(of: link.peer)
        let older = peer.session
        if let older, older.link.isOpen {
            guard stays(link, beside: older.link) else {
                link.goodbye(.replaced)
                return false
            }
        }
        let session = PeerHandler(core, peer, link)
        peer.session = session
        link.handler = session
        // Its handler hears of the end, and that it is no longer the one.
        older?.link.goodbye(.replaced)
        metrics.linked.set(linked)
        if link.isDialer { session.register() }
        return true
    }

    /// Of two links the one that the smaller id has dialled; of two that the same one has dialled the newer.
    private func stays(_ link: Link, beside older: Link) -> Bool {
        guard link.isDialer != older.isDialer else { return true }
        return link.isDialer == (own.id < link.peer.id)
    }

    /// The record of that life; another life of the same router is over.
    private func peer(of identity: Identity) -> Peer {
        if let known = peer(identity.id) {
            if known.life.generation.rawValue == identity.generation { return known }
            forget(known, "it is in another life")
        }
        let peer = Peer(identity)
        all.insert(peer, at: all.firstIndex { peer.life < $0.life } ?? all.count)
        return peer
    }

    private func peer(_ id: UInt64) -> Peer? { all.first { $0.life.router.rawValue == id } }
    subscript(router: RouterID) -> Peer? { peer(router.rawValue) }

    func ended(_ session: PeerHandler, _ end: LinkEnd) {
        let peer = session.peer
        defer { metrics.linked.set(linked) }
        guard peer.session === session else { return }
        peer.session = nil
        core.log.info(
            "router lost", ["router": .hex(peer.life.router.rawValue), "name": .text(peer.name), "reason": .text(end.description)])
        if peer.stream?.isHeard != true { forget(peer, "neither its link nor its stream is there") }
        for dialer in dialers { dialer.lost(peer.life.router) }
    }

    // MARK: Streams

    func registered(_ peer: Peer, _ endpoints: Endpoints, _ state: ProcessState) -> Bool {
        guard let link = peer.session?.link, let feed = Address(advertised: endpoints.feedAddress, peer: link.remoteAddress),
            feed.port != 0,
            feed.description.utf8.count <= Limits.addressBytes
        else { return false }
        peer.state = state
        if peer.stream?.address == feed { return true }
        peer.stream?.close()
        do throws(TransportError) {
            peer.stream = try PeerStream(core, peer, feed)
            core.log.info(
                "router registered",
                ["router": .hex(peer.life.router.rawValue), "name": .text(peer.name), "feed": .text(feed.description)])
        } catch {
            peer.stream = nil
            core.log.error("a router's feed cannot be subscribed to", ["at": .text(feed.description), "reason": .text(error.description)])
        }
        return true
    }

    /// Its beat is lost: nobody answers for what it has booked.
    func silent(_ peer: Peer) {
        let dropped = core.ledger.bookings(of: peer.life)
        metrics.lost(leases: dropped)
        core.ledger.drop(peer.life)
        core.log.warning(
            "a router's stream fell silent", ["router": .hex(peer.life.router.rawValue), "leases_dropped": .count(dropped)])
        if !peer.isLinked { forget(peer, "neither its link nor its stream is there") }
    }

    private func forget(_ peer: Peer, _ reason: String) {
        guard all.contains(where: { $0 === peer }) else { return }
        all.removeAll { $0 === peer }
        peer.stream?.close()
        peer.stream = nil
        peer.session?.link.goodbye(.replaced)
        peer.session = nil
        core.ledger.drop(peer.life)
        core.log.debug("router forgotten", ["router": .hex(peer.life.router.rawValue), "reason": .text(reason)])
    }

    /// Each of them is linked, and its stream is followed without a gap.
    var isInStep: Bool { all.allSatisfy { $0.isLinked && $0.stream?.isInStep == true } }
}
