import ClusterModel
import EventLoop
import ProcessKit
import Transport
import WireProtocol

/// What other frontends say that they charge tenants: read from their streams, so that a tenant's limits hold over all frontends up to the time
/// between two of their messages. Rules: `proto-spec/03-exchanges.md#feeds`.
@LoopActor
final class PeerCharges {
    /// Returns how many tokens were too much to be charged.
    typealias Told = @LoopActor (_ tenant: String, _ news: PeerTotals.News) -> Double

    private let loop: Loop
    private let network: any Network
    private let own: UInt64
    private let told: Told
    /// By their generations.
    private var peers: [UInt64: Peer] = [:]
    /// Generations that routers name.
    private var listed: Set<UInt64> = []
    /// Tenants that anybody asks about.
    private(set) var names: Set<String> = []

    /// `own` is this frontend's generation.
    init(own: UInt64, loop: Loop, network: any Network, told: @escaping Told) {
        self.own = own
        self.loop = loop
        self.network = network
        self.told = told
    }

    var followed: Int { peers.count }
    var heard: Int { peers.values.count(where: \.isHeard) }

    /// Follows the frontends that routers name. One that no router names any more is followed while it is heard.
    func follow(_ entries: [FrontendEntry]) {
        listed = Set(entries.map(\.generation))
        for entry in entries where entry.generation != own && peers[entry.generation] == nil && entry.state != .stopped {
            guard peers.count < TenantLimits.peers, let address = Address(advertised: entry.endpoints.feedAddress, peer: nil) else {
                continue
            }
            let peer = Peer(entry.generation, self)
            // A feed that cannot be opened now is tried at the next change.
            if peer.open(address, loop, network) { peers[entry.generation] = peer }
        }
        // Order: each is dropped by itself.
        for (generation, peer) in peers where !listed.contains(generation) && !peer.isHeard { drop(peer) }
    }

    func close() {
        // Order: each is closed by itself.
        for peer in peers.values { drop(peer) }
    }

    /// From now on of these alone. Of whoever is asked about anew, what is heard first says where it stands.
    func ask(about names: Set<String>) {
        // Order: each is forgotten by itself.
        for name in self.names where !names.contains(name) {
            for peer in peers.values { _ = told(name, PeerTotals.News(running: -peer.totals.forget(name))) }
        }
        self.names = names
    }

    private func drop(_ peer: Peer) {
        peer.close()
        peers[peer.generation] = nil
    }

    /// One frontend in one of its lives.
    @LoopActor
    private final class Peer: FeedReader {
        let generation: UInt64
        private unowned let owner: PeerCharges
        private var feed: FeedSubscriber?
        var totals = PeerTotals()
        private var verdict = Liveness.Verdict.alive
        private var wasHeard = false
        var isHeard: Bool { wasHeard && verdict != .dead }

        init(_ generation: UInt64, _ owner: PeerCharges) {
            self.generation = generation
            self.owner = owner
        }

        func open(_ address: Address, _ loop: Loop, _ network: any Network) -> Bool {
            do throws(TransportError) {
                feed = try FeedSubscriber(to: address, kind: .frontendState, loop: loop, network: network, reader: self)
                return true
            } catch { return false }
        }

        func close() {
            feed?.close()
            feed = nil
            nothingRuns()
        }

        private func nothingRuns() {
            for one in totals.nothingRuns() { _ = owner.told(one.tenant, PeerTotals.News(running: -one.running)) }
        }

        func feed(_ feed: FeedSubscriber, batch header: MessageHeader, body: RawSpan) {
            guard isOwn(header.origin) else { return }
            // What does not decode is as good as lost, and said again.
            guard let state = try? Codec.decodeBody(FrontendState.self, from: body) else { return }
            for case .tenantCharge(let charge) in state.changes where owner.names.contains(charge.tenant) {
                let news = totals.take(charge)
                totals.forgive(owner.told(charge.tenant, news), of: charge.tenant)
            }
        }

        func feed(_ feed: FeedSubscriber, beat last: UInt64, generation: UInt64) { _ = isOwn(generation) }

        /// Another life speaks where this one was: this one has ended, however well that address is heard.
        private func isOwn(_ origin: UInt64) -> Bool {
            wasHeard = origin == generation
            if !wasHeard { owner.drop(self) }
            return wasHeard
        }

        func feed(_ feed: FeedSubscriber, became verdict: Liveness.Verdict) {
            self.verdict = verdict
            guard verdict == .dead else { return }
            if owner.listed.contains(generation) { nothingRuns() } else { owner.drop(self) }
        }
    }
}
