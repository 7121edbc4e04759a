import ClusterModel
import EventLoop
import ProcessKit
import Scheduling
import StreamFollowing
import Telemetry
import Transport
import WireProtocol

/// What the stream of one life of a worker does to a router: leases, loads and states follow it.
///
/// Until it is in step the worker is routed by load alone, and its leases do not expire.
@LoopActor
final class EventIntake: StreamMirror {
    /// What a snapshot says of everything that has no hash, gathered until its last page is there.
    private struct Snapshot {
        var requests: [HeldRequest] = []
        /// Of all of them.
        var hashes = 0
        var loads: [RankLoad] = []
        var sessions: [SessionBound] = []
        var state: StateChanged?
    }

    let address: Address
    private let core: RouterCore
    private let record: WorkerRecord
    private var follower: StreamFollower?
    private var snapshot = Snapshot()
    /// Recoveries that failed since the last one that did not.
    private var failures = 0

    init(_ core: RouterCore, _ record: WorkerRecord, _ address: Address) throws(TransportError) {
        self.core = core
        self.record = record
        self.address = address
        let source = StreamSource(
            .workerEvents, publisher: record.life.worker.rawValue, generation: record.life.generation.rawValue, feed: address)
        let line = RecoveryLine(dialling: { [weak record] in record?.linkAddress }, endpoint: core.endpoint, loop: core.loop)
        var options = FollowingOptions()
        // Of a worker that publishes none there are none to read.
        options.wantsBlocks = record.registration?.events == .exact
        follower = try StreamFollower(
            source, mirror: self, line: line, gate: core.recoveries, options: options, loop: core.loop, network: core.context.network)
    }

    /// The last number that was applied.
    var position: UInt64 { follower?.position ?? 0 }
    var isClosed: Bool { follower == nil }

    func close() {
        follower?.close()
        follower = nil
        snapshot = Snapshot()
    }

    // MARK: Snapshots

    func restarted(_ follower: StreamFollower) {
        snapshot = Snapshot()
        core.ledger.forgetPromises(of: record.life)
        // Who tells of no blocks has said nothing of them here either: what is believed of it stands.
        guard record.registration?.events == .exact else { return }
        for rank in record.ranks { if let slot = rank.slot { core.cache.clear(slot) } }
    }

    /// Everything is to be told again: what it said is doubted, or means something else now.
    func readAnew() { follower?.joinAnew() }

    func apply(_ page: SnapshotPage, from follower: StreamFollower) {
        for entry in page.entries {
            switch entry {
            case .heldRequest(let request): add(request)
            case .heldBlocks(let blocks): if let slot = record.slot(of: blocks.rank) { core.cache.store(blocks, on: slot) }
            case .rankLoad(let load): if snapshot.loads.count < Limits.ranks { snapshot.loads.append(load) }
            case .stateChanged(let state): snapshot.state = state
            case .sessionBound(let session):
                guard snapshot.sessions.count < core.sessions.mirror.limits.bindingsOfWorker else {
                    core.metrics.strangeEvents.increment()
                    continue
                }
                snapshot.sessions.append(session)
            default: break
            }
        }
    }

    /// A long prompt's hashes come in several entries, one after the other.
    private func add(_ request: HeldRequest) {
        let bounds = core.ledger.table.limits
        guard snapshot.requests.count < bounds.leases, snapshot.hashes + request.hashes.count <= bounds.hashes else {
            return core.metrics.strangeEvents.increment()
        }
        if request.firstBlock == 0 {
            snapshot.requests.append(request)
        } else if let last = snapshot.requests.indices.last, snapshot.requests[last].lease == request.lease,
            snapshot.requests[last].hashes.count == Int(request.firstBlock)
        {
            snapshot.requests[last].hashes += request.hashes
        }
        snapshot.hashes += request.hashes.count
    }

    func completed(through number: UInt64, _ follower: StreamFollower) {
        let snapshot = snapshot
        self.snapshot = Snapshot()
        core.ledger.reconcile(record.life, held: snapshot.requests)
        for request in snapshot.requests { core.workers.accepted(record, request.lease) }
        core.workers.readAnew(record)
        core.sessions.reconcile(record.life, bound: snapshot.sessions)
        for load in snapshot.loads { core.workers.load(record, load, number: number) }
        if let state = snapshot.state { core.workers.declared(record, state.state, state.reason) }
    }

    // MARK: Events

    func apply(_ batch: borrowing StreamBatch, from follower: StreamFollower) { EventBatch.apply(batch, of: record, to: core) }

    func apply(_ event: WorkerEvent, number: UInt64, from follower: StreamFollower) {
        EventBatch.apply(event, number: number, of: record, to: core)
    }

    // MARK: How it goes

    func follower(_ follower: StreamFollower, became state: StreamState) {
        if !record.isHeard, state == .resyncing || state == .inStep {
            record.isHeard = true
            core.workers.changed(record)
        }
        let isInStep = state == .inStep
        guard isInStep != record.isInStep else { return }
        record.isInStep = isInStep
        core.ledger.setInStep(record.life, isInStep)
        core.workers.changed(record)
    }

    func follower(_ follower: StreamFollower, heard verdict: Liveness.Verdict) {
        let isSilent = verdict == .dead
        guard isSilent != record.isFeedSilent else { return }
        record.isFeedSilent = isSilent
        if isSilent {
            core.metrics.feedSilences.increment()
            record.notes.feedSilence()
        }
        // Without a control link the feed was the last sign of life.
        if isSilent, record.link == nil { return core.workers.remove(record, reason: "neither its control link nor its feed is there") }
        core.workers.changed(record)
    }

    func follower(_ follower: StreamFollower, noted notice: StreamNotice) {
        switch notice {
        case .gap(let missing):
            core.metrics.gaps.increment()
            record.notes.gap(missing, at: core.loop.now)
            core.log.debug(
                "gap in a worker's stream",
                [
                    "worker": .hex(record.life.worker.rawValue), "first": .unsigned(missing.lowerBound),
                    "last": .unsigned(missing.upperBound),
                ])
        case .malformed: core.metrics.malformedEvents.increment()
        case .recovered(by: let means):
            failures = 0
            core.metrics.recovered(means)
            record.notes.recovered(by: means, at: core.loop.now)
        case .failed(let problem, let retry):
            // Numbers that begin again are missing from where they should go on.
            if problem == .backwards { core.metrics.gaps.increment() }
            core.metrics.recoveryFailed()
            record.notes.failed(problem.description, at: core.loop.now)
            // The first of a row is worth a line.
            failures += 1
            core.log.log(
                failures == 1 ? .warning : .debug, "a worker's stream was not recovered",
                ["worker": .hex(record.life.worker.rawValue), "reason": .text(problem.description), "retry": .duration(retry)])
        }
    }
}
