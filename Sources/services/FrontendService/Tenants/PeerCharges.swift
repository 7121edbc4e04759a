import ClusterModel
import EventLoop
import ProcessKit
import Transport
import WireProtocol

/// What other frontends say that they charge tenants: read from their streams, so that a tenant's limits hold over all frontends up to the time
/// between two of their messages. Rules: `proto-spec/03-exchanges.md#feeds`.
@LoopActor
final class PeerCharges {
    /// Tokens that were charged since it was last heard of that tenant, and how many more of its requests run there.
    typealias Told = @LoopActor (_ tenant: String, _ tokens: Double, _ running: Int) -> Void

    private let loop: Loop
    private let network: any Network
    private let own: UInt64
    private let told: Told
    /// By their generations.
    private var peers: [UInt64: Peer] = [:]
    /// Tenants that anybody asks about.
    private(set) var names: Set<String> = []

    /// `own` is this frontend's generation.
    init(own: UInt64, loop: Loop, network: any Network, told: @escaping Told) {
        self.own = own
        self.loop = loop
        self.network = network
        self.told = told
    }

    var heard: Int { peers.values.count(where: \.isHeard) }

    /// Follows the frontends that routers name. One that no router names any more is followed while it is heard.
    func follow(_ entries: [FrontendEntry]) {
        let listed = Set(entries.map(\.generation))
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
            for peer in peers.values {
                guard let charge = peer.known.removeValue(forKey: name), charge.running > 0 else { continue }
                told(name, 0, -Int(charge.running))
            }
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
        /// What it said last. Totals are from the beginning of its life: what they were when it was first heard is nobody's to charge.
        var known: [String: TenantCharge] = [:]
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

        /// Whoever is not heard may be gone: what ran there is not held against anybody.
        private func nothingRuns() {
            // Order: each is told by itself.
            for (name, charge) in known where charge.running > 0 {
                owner.told(name, 0, -Int(charge.running))
                known[name]?.running = 0
            }
        }

        func feed(_ feed: FeedSubscriber, batch header: MessageHeader, body: RawSpan) {
            // What does not decode is as good as lost, and said again.
            guard header.origin == generation, let state = try? Codec.decodeBody(FrontendState.self, from: body) else { return }
            wasHeard = true
            for case .tenantCharge(let charge) in state.changes where owner.names.contains(charge.tenant) { take(charge) }
        }

        private func take(_ charge: TenantCharge) {
            let before = known.updateValue(charge, forKey: charge.tenant)
            let running = Int(charge.running) - Int(before?.running ?? 0)
            guard var before else { return owner.told(charge.tenant, 0, running) }
            // Requests never become fewer: the tenant was taken out of that frontend's file, and came back.
            if charge.requests < before.requests { (before.promptTokens, before.outputTokens) = (0, 0) }
            // Reserved tokens that were not used are given back.
            let tokens =
                Double(charge.promptTokens) - Double(before.promptTokens) + Double(charge.outputTokens) - Double(before.outputTokens)
            owner.told(charge.tenant, tokens, running)
        }

        func feed(_ feed: FeedSubscriber, beat last: UInt64, generation: UInt64) { if generation == self.generation { wasHeard = true } }

        func feed(_ feed: FeedSubscriber, became verdict: Liveness.Verdict) {
            self.verdict = verdict
            if verdict == .dead { nothingRuns() }
        }
    }
}
