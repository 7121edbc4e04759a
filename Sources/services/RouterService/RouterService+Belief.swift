package import ClusterModel
import Scheduling
package import WireProtocol

/// What a router believes of its workers, for whoever compares it with what they have.
extension RouterService {
    /// How many of these blocks it believes to lie in that rank's cache, and how many blocks of any kind it believes there.
    package func believedBlocks(of worker: WorkerID, rank: UInt32, among hashes: [UInt64]) -> (known: Int, all: Int) {
        guard let core, let record = core.workers[worker], let slot = record.slot(of: rank) else { return (0, 0) }
        // One by one: as a prompt they would have to be in their order.
        let known = hashes.count { core.cache.match([$0])[slot].cached == 1 }
        return (known, Int(core.cache.cachedBlocks(on: slot)))
    }

    /// What is above its limits now, in words: nothing, ever.
    package var beyondLimits: [String] {
        (core?.queue.all ?? []).filter { $0.order.newcomers > $0.order.settings.entries }.map {
            "\($0.order.newcomers) new requests are parked for \($0.pool.name), and there is room for \($0.order.settings.entries)"
        }
    }

    /// Blocks that it counts as held or expected by requests; none at rest.
    package var blocksOfRequests: Int { core.map { $0.cache.counts.activeBlocks + $0.cache.counts.predictedBlocks } ?? 0 }

    /// The sessions that it takes for bound to that worker, each with the counter of its binding.
    package func believedSessions(of worker: WorkerID) -> [(key: SessionKey, counter: UInt64)] {
        (core?.sessions.mirror.all ?? []).filter { $0.life.worker == worker }.map {
            (SessionKey(tenant: $0.session.id.tenant, id: $0.session.id.name), $0.counter)
        }
    }
}
