import ClusterModel
import EventLoop
import Scheduling
import Telemetry
import WireProtocol

// What a worker's cache events are worth: `CacheTrust` judges, and this does what follows.

extension WorkerDirectory {
    /// Its events named blocks that it keeps now; so many of them came to the device.
    func stored(_ record: WorkerRecord, _ rank: UInt32, newBlocks: Int) {
        indexChanged(record, rank, newBlocks: newBlocks)
        follow(record.trust.stored(), of: record)
    }

    /// `newBlocks` were written. Pages of a snapshot name what lay there before, and are nothing new.
    func indexChanged(_ record: WorkerRecord, _ rank: UInt32, newBlocks: Int = 0) {
        guard let index = record.index(of: rank) else { return }
        var blocks: UInt64 = 0
        if let slot = record.ranks[index].slot { blocks = cache.cachedBlocks(on: slot) }
        guard newBlocks > 0 || blocks != record.ranks[index].indexedBlocks else { return }
        record.ranks[index].indexedBlocks = blocks
        let totalBlocks = record.ranks[index].capacity.totalBlocks
        record.ranks[index].turnover?.wrote(newBlocks, of: totalBlocks)
        record.pool?.setCache(of: record.placement(index), record.ranks[index])
        record.ranks[index].changed = true
    }

    /// A rank has lost its cache, or is read anew. One that is cleared again before the last time was swept loses its place in the index until the
    /// next look at it, and is read anew then: a worker that clears without end costs a snapshot now and then, and nobody else anything.
    func clear(_ record: WorkerRecord, _ rank: UInt32) {
        guard let index = record.index(of: rank), let slot = record.ranks[index].slot else { return }
        if !cache.clear(slot) {
            retireSlot(of: record, record.ranks[index])
            record.ranks[index].slot = nil
            record.ranks[index].hasLostSlot = true
            changed(record)
        }
        indexChanged(record, rank)
    }

    /// Gives places back to those who lost theirs.
    func reopenSlots(of record: WorkerRecord) {
        guard record.isAttached else { return }
        var isReopened = false
        for index in record.ranks.indices where record.ranks[index].hasLostSlot {
            guard let slot = cache.open() else { continue }
            record.ranks[index].slot = slot
            record.ranks[index].hasLostSlot = false
            ledger.assign(slot, to: record.placement(index))
            isReopened = true
        }
        guard isReopened else { return }
        changed(record)
        record.intake?.readAnew()
    }

    /// The worker has it: not before that is what it will compute counted as there, where no events tell of it.
    func accepted(_ record: WorkerRecord, _ lease: UInt64) {
        guard record.events == .approximate, let lease = ledger.lease(lease), lease.life == record.life,
            let slot = record.slot(of: lease.rank.rawValue)
        else { return }
        indexChanged(record, lease.rank.rawValue, newBlocks: cache.accepted(lease.hashes, on: slot))
    }

    /// A request started, and this is what it found.
    func judge(_ record: WorkerRecord, _ lease: Lease?, found tokens: UInt32) {
        guard record.provenEvents == .exact, record.isInStep, let lease, lease.life == record.life, lease.isPredicted,
            let size = record.registration?.card.blockSize
        else { return }
        let found = tokens / max(size, 1)
        metrics.promisedBlocks.increment(by: Int(lease.confirmedBlocks))
        metrics.foundBlocks.increment(by: Int(min(found, lease.confirmedBlocks)))
        // An engine computes the last block anew where it has all of a prompt.
        if found + 1 < lease.confirmedBlocks { metrics.staleHits.increment() }
        follow(record.trust.found(found, promised: lease.confirmedBlocks, at: loop.now), of: record)
    }

    /// A request has computed its prompt: blocks that it did not find are kept, and should have been told of.
    func judge(_ record: WorkerRecord, prefilled lease: Lease?) {
        guard record.provenEvents == .exact, record.isInStep, let lease, lease.life == record.life, lease.isPredicted,
            lease.role != .decode, let size = record.registration?.card.blockSize, lease.hashes.count > 0,
            lease.confirmedBlocks < UInt32(clamping: lease.hashes.count), lease.promptTokens >= size
        else { return }
        follow(record.trust.prefilled(at: loop.now), of: record)
    }

    /// A snapshot of it is complete.
    func readAnew(_ record: WorkerRecord) {
        for rank in record.ranks { indexChanged(record, rank.capacity.rank) }
        follow(record.trust.readAnew(at: loop.now), of: record)
    }

    private func follow(_ change: CacheTrust.Change?, of record: WorkerRecord) {
        switch change {
        case nil: return
        case .restored(let doubt):
            log.info("a worker's cache events are believed again", ["worker": .hex(record.life.worker.rawValue)])
            // What it did not tell while it was silent, and what was guessed meanwhile, is settled by what it says to have.
            if doubt == .silent { record.intake?.readAnew() }
        case .doubted(let doubt):
            metrics.doubted(doubt)
            record.notes.doubted(doubt, record.routingReason, at: loop.now)
            log.warning(
                "a worker's cache events are not believed",
                ["worker": .hex(record.life.worker.rawValue), "reason": .text(record.routingReason)])
            // One that is believed no more for a while is read when that is over.
            if doubt == .missing, record.trust.until <= loop.now { record.intake?.readAnew() }
        }
        changed(record)
    }
}
