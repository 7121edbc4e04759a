import ClusterModel
import EventLoop
import StreamFollowing
import Telemetry
import WireProtocol

/// What a batch of a worker's events does to a router.
@LoopActor
enum EventBatch {
    static func apply(_ batch: borrowing StreamBatch, of record: WorkerRecord, to core: RouterCore) {
        do throws(WireError) {
            var events = try WorkerEventCursor(batch.body), index = 0
            while let event = try events.next() {
                defer { index += 1 }
                guard index >= batch.skip else { continue }
                switch event {
                case .stored, .removed: break  // routed by load alone: nothing here holds blocks
                case .other(let event): apply(event, number: batch.first + UInt64(index), of: record, to: core)
                }
            }
        } catch { preconditionFailure("the batch was checked: \(error)") }
    }

    static func apply(_ event: WorkerEvent, number: UInt64, of record: WorkerRecord, to core: RouterCore) {
        let life = record.life, ledger = core.ledger
        switch event {
        case .requestAccepted(let event): ledger.accepted(event, by: life)
        case .requestStarted(let event): ledger.started(event, by: life)
        case .prefillProgress(let event): ledger.prefill(event.lease, by: life, remaining: event.remainingTokens)
        case .prefillDone(let event):
            ledger.prefill(event.lease, by: life, remaining: 0)
            core.queue.stirred()
        case .blocksGrown(let event): ledger.grown(event, by: life)
        case .requestEnded(let event):
            ledger.ended(event, by: life)
            core.queue.stirred()
        case .rankLoad(let event):
            core.workers.load(record, event, number: number)
            core.queue.stirred()
        case .stateChanged(let event):
            core.workers.declared(record, event.state, event.reason)
            core.queue.stirred()
        case .blocksStored, .blocksRemoved, .rankCleared, .requestBlocks, .sessionBound, .sessionUnbound: break
        case .unknown: core.metrics.strangeEvents.increment()
        }
    }
}
