import ClusterModel
import Engines
import EventLoop
import WireProtocol

/// Turns what an engine says of its cache into events, and keeps the mirror of it.
///
/// The stream says of a hash that it came or that it went, in turns. What an engine says against that is a mistake of the engine: it is
/// counted and goes no further, so that nobody who follows the stream is misled.
@LoopActor
final class CachePublisher {
    private(set) var mirror: CacheMirror
    private let events: EventPublisher
    private let metrics: StreamMetrics
    /// What the next event says; changes that go on where the last one ended are one event.
    private var run: Run?
    private var hashes: [UInt64] = []

    private struct Run: Hashable {
        let isStored: Bool
        let rank: UInt32
        let tier: Tier
        /// Of the first hash.
        let parent: UInt64?
    }

    init(ranks: Int, events: EventPublisher, metrics: StreamMetrics) {
        mirror = CacheMirror(ranks: ranks)
        self.events = events
        self.metrics = metrics
    }

    /// The changes of one step.
    func take(_ output: borrowing StepOutput) {
        guard !output.cache.isEmpty else { return }
        for change in output.cache { take(change, output.hashes) }
        endRun()
        metrics.mirrored(mirror.count)
    }

    private func take(_ change: CacheChange, _ all: [SequenceHash]) {
        let rank = change.rank.rawValue, first = Int(change.first), count = Int(change.count)
        guard mirror.has(rank), let tier = Tier(rawValue: change.tier.rawValue), first >= 0, count >= 0, first + count <= all.count else {
            return metrics.fault(.noSuchPlace)
        }
        switch change.kind {
        case .cleared:
            endRun()
            mirror.clear(rank)
            events.append(.rankCleared(RankCleared(rank: rank)))
        case .removed:
            for index in first..<(first + count) {
                let hash = all[index].rawValue
                guard mirror.remove(hash, rank: rank, tier: tier) else {
                    metrics.fault(.removedUnknown)
                    continue
                }
                extend(Run(isStored: false, rank: rank, tier: tier, parent: nil), with: hash)
            }
        case .stored(let before):
            var parent = before?.rawValue
            for index in first..<(first + count) {
                let hash = all[index].rawValue
                switch mirror.store(hash, parent: parent, rank: rank, tier: tier) {
                case .stored: extend(Run(isStored: true, rank: rank, tier: tier, parent: parent), with: hash)
                case .known: metrics.fault(.storedTwice)
                case .full: metrics.fault(.tooMany)
                }
                parent = hash
            }
        }
    }

    @inline(__always)
    private func extend(_ addition: Run, with hash: UInt64) {
        if let run, run.isStored == addition.isStored, run.rank == addition.rank, run.tier == addition.tier,
            !run.isStored || (addition.parent != nil && addition.parent == hashes.last), hashes.count < Limits.hashesPerEvent
        {
            return hashes.append(hash)
        }
        endRun()
        run = addition
        hashes.append(hash)
    }

    private func endRun() {
        guard let run else { return }
        self.run = nil
        // Out of this object while it is read in place, and back into it for the next run.
        var hashes = exchange(&self.hashes, with: [])
        if run.isStored {
            events.appendStored(rank: run.rank, tier: run.tier, parent: run.parent, hashes: hashes.span)
        } else {
            events.appendRemoved(rank: run.rank, tier: run.tier, hashes: hashes.span)
        }
        hashes.removeAll(keepingCapacity: true)
        self.hashes = hashes
    }
}
