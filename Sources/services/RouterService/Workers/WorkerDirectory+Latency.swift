import ClusterModel
import EventLoop
import Scheduling
import WireProtocol

// How fast workers are, by the requests that this router planned: `LatencyMeter` judges, and candidates carry what it learns.

extension WorkerDirectory {
    /// A request's prefill is done; `lease` as it was before that.
    func measure(_ record: WorkerRecord, _ lease: Lease?, prefilledIn microseconds: UInt64) {
        guard let lease, lease.life == record.life, let index = record.index(of: lease.rank.rawValue) else { return }
        let verdict = record.ranks[index].meter.prefilled(lease, reported: Duration(reported: microseconds), at: loop.now)
        measured(record, index, verdict)
    }

    /// A request has ended; `lease` as it was before that.
    func measure(_ record: WorkerRecord, _ lease: Lease?, ended event: RequestEnded) {
        guard let lease, lease.life == record.life, let index = record.index(of: lease.rank.rawValue) else { return }
        var held: UInt64 = 0
        if let pool = record.pool, let place = pool.candidates.index(of: record.placement(index)) {
            held = pool.candidates[place].load.heldBlocks
        }
        let verdict = record.ranks[index].meter.ended(
            lease, outputTokens: event.outputTokens, reported: Duration(reported: event.durations.decodeMicroseconds),
            heldBlocks: held, at: loop.now)
        measured(record, index, verdict)
    }

    private func measured(_ record: WorkerRecord, _ index: Int, _ verdict: LatencyMeter.Verdict) {
        metrics.measured(verdict)
        if verdict != .ignored { showLatency(of: record, index) }
    }

    /// What was measured too long ago counts no more.
    func expireLatencies(of record: WorkerRecord) {
        for index in record.ranks.indices {
            record.ranks[index].meter.expire(at: loop.now)
            showLatency(of: record, index)
        }
    }

    private func showLatency(of record: WorkerRecord, _ index: Int) {
        guard let pool = record.pool else { return }
        pool.setLatency(record.ranks[index].meter.estimate(at: loop.now), of: record.placement(index))
    }
}

extension Duration {
    /// As a worker says it: any number at all.
    fileprivate init(reported microseconds: UInt64) { self = .microseconds(Int64(clamping: microseconds)) }
}
