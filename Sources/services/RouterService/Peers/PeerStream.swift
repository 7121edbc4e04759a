import ClusterModel
import EventLoop
import ProcessKit
import Scheduling
import StreamFollowing
import Telemetry
import Transport
import WireProtocol

/// What the stream of another router does to this one: its leases count here as its own do, until the workers speak of them.
///
/// Of workers only the workers are believed, and of sessions too: what another router says of them serves frontends.
@LoopActor
final class PeerStream: StreamMirror {
    let address: Address
    private(set) var isInStep = false
    /// Until its beat is lost.
    private(set) var isHeard = true
    /// Frontends that have a link to it.
    private(set) var frontends: [UInt64: FrontendEntry] = [:]
    private unowned let core: RouterCore
    private unowned let peer: Peer
    private var follower: StreamFollower?
    /// Gathered until the last page of a snapshot is there.
    private var made: [LeaseMade] = []

    init(_ core: RouterCore, _ peer: Peer, _ address: Address) throws(TransportError) {
        self.core = core
        self.peer = peer
        self.address = address
        let source = StreamSource(
            .routerState, publisher: peer.life.router.rawValue, generation: peer.life.generation.rawValue, feed: address)
        // A router's stream has no blocks.
        var options = FollowingOptions()
        options.wantsBlocks = false
        let line = RecoveryLine(over: { [weak peer] in peer?.recoveryLink }, loop: core.loop)
        follower = try StreamFollower(
            source, mirror: self, line: line, gate: core.peers.recoveries, options: options, loop: core.loop, network: core.context.network)
    }

    /// The last number that was applied.
    var position: UInt64 { follower?.position ?? 0 }

    func close() {
        follower?.close()
        follower = nil
        made = []
    }

    // MARK: Snapshots

    func restarted(_ follower: StreamFollower) {
        made = []
        frontends = [:]
    }

    func apply(_ page: SnapshotPage, from follower: StreamFollower) {
        for entry in page.entries {
            switch entry {
            case .leaseMade(let lease): if made.count < PeerLimits.leases, isKnown(lease) { made.append(lease) }
            case .frontendEntry(let entry): took(entry)
            case .routerHealth(let health): peer.state = health.state
            default: break
            }
        }
    }

    func completed(through number: UInt64, _ follower: StreamFollower) {
        core.ledger.reconcile(peer.life, made: made)
        made = []
    }

    // MARK: Changes

    func apply(_ batch: borrowing StreamBatch, from follower: StreamFollower) {
        do throws(WireError) {
            var changes = try RouterChangeCursor(batch.body, skip: batch.skip)
            while let change = try changes.next() { apply(change) }
        } catch { preconditionFailure("the batch was checked: \(error)") }
    }

    func apply(_ event: WorkerEvent, number: UInt64, from follower: StreamFollower) {}

    private func apply(_ change: RouterChange) {
        switch change {
        case .leaseMade(let made): if isKnown(made) { core.ledger.heard(made, from: peer.life) }
        case .leaseReleased(let over): core.ledger.heard(over, from: peer.life)
        case .frontendEntry(let entry): took(entry)
        case .frontendGone(let gone): if frontends[gone.frontendID]?.generation == gone.generation { frontends[gone.frontendID] = nil }
        case .routerHealth(let health): peer.state = health.state
        case .workerEntry, .workerGone, .modelPool, .modelPoolGone, .placementLoad, .sessionPlaced, .sessionGone, .queueDepth, .routeSlice,
            .unknown:
            break
        }
    }

    /// Of a life of a worker that this router does not follow it would never hear the end.
    private func isKnown(_ made: LeaseMade) -> Bool {
        core.workers[WorkerID(made.workerID)]?.life.generation.rawValue == made.generation
    }

    private func took(_ entry: FrontendEntry) {
        guard frontends[entry.frontendID] != nil || frontends.count < PeerLimits.frontends else { return }
        frontends[entry.frontendID] = entry
    }

    // MARK: How it goes

    func follower(_ follower: StreamFollower, became state: StreamState) { isInStep = state == .inStep }

    func follower(_ follower: StreamFollower, heard verdict: Liveness.Verdict) {
        let isHeard = verdict != .dead
        guard isHeard != self.isHeard else { return }
        self.isHeard = isHeard
        if !isHeard { core.peers.silent(peer) }
    }

    func follower(_ follower: StreamFollower, noted notice: StreamNotice) {
        core.peers.metrics.noted(notice)
        guard case .failed(let problem, let retry) = notice else { return }
        core.log.debug(
            "a router's stream was not recovered",
            ["router": .hex(peer.life.router.rawValue), "reason": .text(problem.description), "retry": .duration(retry)])
    }
}
