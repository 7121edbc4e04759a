import ClusterModel
import EventLoop
import Scheduling
import StreamFollowing
import Telemetry
import WireProtocol

/// What a batch of a worker's events does to a router.
@LoopActor
enum EventBatch {
    static func apply(_ batch: borrowing StreamBatch, of record: WorkerRecord, to core: RouterCore) {
        core.ledger.beginBatch()
        defer { core.ledger.endBatch() }
        do throws(WireError) {
            var events = try WorkerEventCursor(batch.body), index = 0
            while let event = try events.next() {
                defer { index += 1 }
                guard index >= batch.skip else { continue }
                switch event {
                case .stored(let rank, let tier, let parent, let hashes):
                    guard let slot = record.slot(of: rank) else { continue }
                    core.workers.stored(record, rank, newBlocks: core.cache.store(hashes, after: parent, on: slot, tier))
                case .removed(let rank, let tier, let hashes):
                    guard let slot = record.slot(of: rank) else { continue }
                    core.cache.remove(hashes, on: slot, tier)
                    core.workers.indexChanged(record, rank)
                case .other(let event): apply(event, number: batch.first + UInt64(index), of: record, to: core)
                }
            }
        } catch { preconditionFailure("the batch was checked: \(error)") }
    }

    static func apply(_ event: WorkerEvent, number: UInt64, of record: WorkerRecord, to core: RouterCore) {
        let life = record.life, ledger = core.ledger
        switch event {
        case .blocksStored(let event):
            guard let slot = record.slot(of: event.rank) else { return }
            let newBlocks = core.cache.store(event.hashes, after: event.parent, on: slot, event.tier)
            core.workers.stored(record, event.rank, newBlocks: newBlocks)
        case .blocksRemoved(let event):
            guard let slot = record.slot(of: event.rank) else { return }
            core.cache.remove(event.hashes, on: slot, event.tier)
            core.workers.indexChanged(record, event.rank)
        case .rankCleared(let event):
            ledger.forgetPromises(of: life, on: event.rank)
            core.workers.clear(record, event.rank)
        case .requestAccepted(let event):
            ledger.accepted(event, by: life)
            core.workers.accepted(record, event.lease)
        case .requestBlocks(let event):
            ledger.blocks(event, by: life)
            core.workers.accepted(record, event.lease)
        case .requestStarted(let event):
            core.workers.judge(record, ledger.lease(event.lease), found: event.cachedTokens)
            ledger.started(event, by: life)
        case .prefillProgress(let event): ledger.prefill(event.lease, by: life, remaining: event.remainingTokens)
        case .prefillDone(let event):
            let lease = ledger.lease(event.lease)
            core.workers.judge(record, prefilled: lease)
            core.workers.measure(record, lease, prefilledIn: event.prefillMicroseconds)
            ledger.prefilled(event.lease, by: life)
        case .blocksGrown(let event): ledger.grown(event, by: life)
        case .requestEnded(let event):
            core.workers.measure(record, ledger.lease(event.lease), ended: event)
            ledger.ended(event, by: life)
        case .rankLoad(let event): core.workers.load(record, event, number: number)
        case .stateChanged(let event): core.workers.declared(record, event.state, event.reason)
        case .sessionBound(let event): core.sessions.bound(event, by: life)
        case .sessionUnbound(let event): core.sessions.unbound(event, by: life)
        case .unknown: core.metrics.strangeEvents.increment()
        }
        if event.mayEaseLoad { core.queue.stirred() }
    }
}
