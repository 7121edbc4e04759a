import ClusterModel
import EventLoop
import Scheduling
import Telemetry
import Transport
import WireProtocol

/// The workers that this router knows: one record for each life that it follows, at most one life a worker.
@LoopActor
final class WorkerDirectory {
    let pools: PoolDirectory
    private let thresholds: BusyBook
    let loop: Loop
    private let publisher: StatePublisher
    let ledger: LeaseLedger
    let cache: CacheIndex
    let metrics: RouterMetrics
    let log: Logger
    private var byID: [WorkerID: WorkerRecord] = [:]
    /// By id.
    private(set) var all: [WorkerRecord] = []
    private var retired = RetiredLives()
    /// Told of each life of which nothing is left here.
    var lifeEnded: (@LoopActor (WorkerLife) -> Void)?

    init(
        loop: Loop, publisher: StatePublisher, ledger: LeaseLedger, cache: CacheIndex, thresholds: BusyBook, metrics: RouterMetrics,
        log: Logger
    ) {
        self.loop = loop
        self.publisher = publisher
        self.ledger = ledger
        self.cache = cache
        self.thresholds = thresholds
        self.metrics = metrics
        self.log = log
        pools = PoolDirectory(loop: loop, publisher: publisher, metrics: metrics)
    }

    subscript(worker: WorkerID) -> WorkerRecord? { byID[worker] }

    // MARK: Lives

    /// Whether that process may open a control link.
    func objection(to identity: Identity) -> Refuse? {
        let life = WorkerLife(worker: WorkerID(identity.id), generation: Generation(identity.generation))
        if retired.contains(life) {
            return Refuse(.retiredGeneration, field: "generation", reason: "a newer process has taken the id \(life.worker)")
        }
        guard let known = byID[life.worker] else {
            guard all.count < RouterLimits.workers else {
                return Refuse(.busy, retryable: true, reason: "this router has no room for another worker")
            }
            return nil
        }
        guard known.life != life, let link = known.link else { return nil }
        let place = link.remoteAddress.map { " at \($0)" } ?? ""
        return Refuse(
            .duplicateIdentity, retryable: true, field: "id",
            reason: "worker \(life.worker) lives\(place) as '\(known.name)'; give each worker its own id".cut(toBytes: Limits.reasonBytes))
    }

    /// A control link is open: its life is the one that counts.
    func claim(_ link: Link) -> WorkerRecord {
        let identity = link.peer, worker = WorkerID(identity.id)
        if let known = byID[worker] {
            if known.life.generation.rawValue == identity.generation {
                let older = known.link
                known.link = link
                known.isSuspected = false
                // Its end is told to its handler, which sees that it is no longer the worker's link.
                older?.goodbye(.replaced)
                return known
            }
            retired.retire(known.life)
            remove(known, reason: "a newer process took its id")
        }
        let record = WorkerRecord(identity)
        record.link = link
        byID[worker] = record
        all.insert(record, at: all.firstIndex { worker < $0.life.worker } ?? all.count)
        return record
    }

    /// The worker has said what it is; `record.registration` is new.
    func registered(_ record: WorkerRecord) {
        record.isAnnounced = true
        pools.put(record)
        for index in record.ranks.indices {
            record.pool?.setLoad(record.ranks[index].load, of: record.placement(index))
            leasesChanged(on: record.placement(index))
        }
        publisher.mark(record)
    }

    /// Its control link ended. Without new plans it stays as long as its feed is heard: its requests run on.
    func detach(_ record: WorkerRecord, from link: Link, _ end: LinkEnd) {
        guard record.link === link else { return }
        record.link = nil
        let reason = "its control link ended: \(end)"
        log.info(
            "worker lost",
            ["worker": .hex(record.life.worker.rawValue), "generation": .hex(record.life.generation.rawValue), "reason": .text("\(end)")])
        pools.remove(record)
        announceGone(record, reason)
        record.registration = nil
        let leaves: Bool
        if case .goodbye(_, byPeer: true) = end { leaves = true } else { leaves = false }
        if leaves || record.isFeedSilent || record.intake == nil { remove(record, reason: reason) }
    }

    /// Nothing of that life is left here.
    func remove(_ record: WorkerRecord, reason: String) {
        guard byID[record.life.worker] === record else { return }
        byID[record.life.worker] = nil
        all.removeAll { $0 === record }
        pools.remove(record)
        announceGone(record, reason)
        record.intake?.close()
        record.intake = nil
        ledger.drop(record.life)
        for index in record.ranks.indices { retireSlot(of: record, record.ranks[index]) }
        lifeEnded?(record.life)
    }

    // MARK: Slots

    /// Each rank has a place in the index from its registration on. With another card its blocks are others, of which it tells anew.
    func assignSlots(_ record: WorkerRecord, instead known: [RankRecord], sameBlocks: Bool) {
        for old in known where !sameBlocks || record.index(of: old.capacity.rank) == nil { retireSlot(of: record, old) }
        for index in record.ranks.indices {
            if !sameBlocks { record.ranks[index].startAnew() }
            guard record.ranks[index].slot == nil else { continue }
            guard let slot = cache.open() else {
                // As soon as there is one, it gets it.
                record.ranks[index].hasLostSlot = true
                continue
            }
            record.ranks[index].slot = slot
            record.ranks[index].hasLostSlot = false
            ledger.assign(slot, to: record.placement(index))
        }
        if !known.isEmpty, !sameBlocks { record.intake?.readAnew() }
    }

    func retireSlot(of record: WorkerRecord, _ rank: RankRecord) {
        guard let slot = rank.slot else { return }
        ledger.unassign(Placement(worker: record.life.worker, rank: Rank(rank.capacity.rank)), of: record.life)
        cache.retire(slot)
    }

    private func announceGone(_ record: WorkerRecord, _ reason: String) {
        guard record.isAnnounced else { return }
        record.isAnnounced = false
        publisher.publish(
            .workerGone(
                WorkerGone(
                    workerID: record.life.worker.rawValue, generation: record.life.generation.rawValue,
                    reason: reason.cut(toBytes: Limits.reasonBytes))))
    }

    // MARK: State

    /// After anything on which its entry depends.
    func changed(_ record: WorkerRecord) {
        pools.judge(record)
        if record.isAnnounced { publisher.mark(record) }
    }

    func declared(_ record: WorkerRecord, _ state: ProcessState, _ reason: String) {
        record.declared = state
        record.declaredReason = reason
        switch (state, record.drain) {
        case (.draining, _): record.drain = .confirmed
        case (.ready, .confirmed): record.drain = .none
        default: break
        }
        changed(record)
    }

    func load(_ record: WorkerRecord, _ load: RankLoad, number: UInt64) {
        guard let index = record.index(of: load.rank) else { return metrics.strangeEvents.increment() }
        record.ranks[index].told = load
        record.ranks[index].refusedAt = nil
        believe(load, of: record, index, number: number)
    }

    private func believe(_ load: RankLoad, of record: WorkerRecord, _ index: Int, number: UInt64) {
        record.ranks[index].number = number
        guard record.ranks[index].load != load else { return }
        record.ranks[index].load = load
        record.ranks[index].changed = true
        record.pool?.setLoad(load, of: record.placement(index))
    }

    /// A worker refused a request for a load that this router did not know of: the truth, unless it has heard newer words of the worker.
    func overbooked(_ report: OverbookedReport) {
        guard let record = byID[WorkerID(report.workerID)], record.life.generation.rawValue == report.generation,
            let index = record.index(of: report.rank), record.ranks[index].number < report.streamNumber,
            (record.intake?.position ?? 0) <= report.streamNumber
        else { return }
        var load = record.ranks[index].load
        load.waitingTokens = report.waitingTokens
        record.ranks[index].refusedAt = loop.now
        believe(load, of: record, index, number: report.streamNumber)
    }

    /// A worker says its load when it differs from what it said last: a refusal that no newer word follows soon was of a moment, or made up.
    private func doubtRefusals(of record: WorkerRecord) {
        for index in record.ranks.indices {
            guard let since = record.ranks[index].refusedAt, since.duration(to: loop.now) >= RouterLimits.refusalBelieved else { continue }
            record.ranks[index].refusedAt = nil
            believe(record.ranks[index].told, of: record, index, number: record.ranks[index].number)
            ledger.fell?()
        }
    }

    func leasesChanged(on placement: Placement) {
        guard let record = byID[placement.worker], let index = record.index(of: placement.rank.rawValue) else { return }
        record.ranks[index].changed = true
        record.pool?.setLeases(ledger.load(of: placement), of: placement)
    }

    // MARK: Now and then

    /// Looks for silence, and publishes the loads that changed.
    func sweep() {
        // A copy: workers may leave meanwhile.
        for record in all {
            let isSuspected = record.link.map { $0.liveliness != .alive } ?? false
            if isSuspected != record.isSuspected {
                record.isSuspected = isSuspected
                changed(record)
            }
            reopenSlots(of: record)
            doubtRefusals(of: record)
            expireLatencies(of: record)
            recountBlocks(of: record)
            publishLoads(of: record)
            // Whoever was not believed for long enough is read anew, and believed if that went well.
            if record.trust.doubt == .missing, record.isInStep, record.trust.until <= loop.now { record.intake?.readAnew() }
        }
        pools.sweep()
        count()
    }

    private func publishLoads(of record: WorkerRecord) {
        guard record.isAnnounced else { return }
        for index in record.ranks.indices where record.ranks[index].changed {
            record.ranks[index].changed = false
            publisher.publish(.placementLoad(load(of: record, index)))
        }
    }

    func load(of record: WorkerRecord, _ index: Int) -> PlacementLoad {
        let placement = record.placement(index), (count, blocks) = ledger.load(of: placement)
        var load = PlacementLoad()
        load.workerID = record.life.worker.rawValue
        load.generation = record.life.generation.rawValue
        load.load = record.ranks[index].load
        load.prefillTokens = count.prefillTokens
        load.activeBlocks = UInt32(clamping: blocks)
        load.requests = count.requests
        load.indexedBlocks = record.ranks[index].slot.map { cache.cachedBlocks(on: $0) } ?? 0
        if let pool = record.pool, let place = pool.candidates.index(of: placement) {
            load.busy = pool.candidates[place].isBusy(thresholds[pool.name])
        }
        return load
    }

    /// Whether ranks are busy may be another word now.
    func thresholdsChanged() {
        for record in all { for index in record.ranks.indices { record.ranks[index].changed = true } }
    }

    /// What was believed of those who tell of no blocks goes by itself, after its time.
    private func recountBlocks(of record: WorkerRecord) {
        guard record.events == .approximate else { return }
        for rank in record.ranks { indexChanged(record, rank.capacity.rank) }
    }

    private func count() {
        var states: [ProcessState: Int] = [:]
        for record in all where record.isAttached { states[record.state.0, default: 0] += 1 }
        metrics.count(workers: states)
        metrics.resyncing.set(resyncing)
        metrics.unpaired.set(pools.all.reduce(0) { $0 + $1.unpairedCount })
        var modes: [EventsMode: Int] = [:]
        for record in all where record.isAttached { modes[record.events, default: 0] += 1 }
        metrics.count(events: modes)
        metrics.show(cache.counts)
    }

    /// Workers whose stream is being recovered.
    var resyncing: Int { all.count { $0.isAttached && !$0.isInStep } }
    var attached: Int { all.count { $0.isAttached } }
}
