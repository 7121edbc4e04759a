import ClusterModel
import EventLoop
import WireProtocol
import WorkerService

/// Looks at every process again and again: which legs run at which worker, and whether a frontend still waits for them.
///
/// Two things are told: a leg that ran twice, or for no frontend that there ever was, which must never be; and for how long workers had legs of
/// which their frontend wanted nothing any more. Processes that are frozen are left out.
final class LegWatch: @unchecked Sendable {
    // Safety: belongs to the one thread that runs its cluster's world.

    private struct Key: Hashable {
        let request: RequestKey
        let leg: Leg
    }

    private struct Sighting {
        let worker: String
        let life: Int
        /// Of the last look that saw it there.
        var look: Int
    }

    private unowned let cluster: VirtualCluster
    private let interval: Duration
    private var sightings: [Key: Sighting] = [:]
    /// What workers had at the last look, and nobody waited for, with the first look that found it so.
    private var unwanted: [Key: Instant] = [:]
    /// The last look that left a worker out.
    private var leftOut: [String: Int] = [:]
    private var looks = 0
    private var isOver = false
    /// From the first look that found a leg that nobody waited for, until the first that found nothing of it, in the engine neither.
    private(set) var longestUnwanted = Duration.zero
    /// Every life of a frontend.
    private var origins: Set<UInt64> = []
    private var strangers: Set<Key> = []
    /// Legs that ran at two workers, or again at the same one; or that nobody can have asked for.
    private(set) var violations: [String] = []

    /// Legs that last for less than `interval` may be missed.
    init(_ cluster: VirtualCluster, each interval: Duration) {
        self.cluster = cluster
        self.interval = interval
        look()
    }

    func end() { isOver = true }

    private func look() {
        guard !isOver else { return }
        cluster.world.schedule(after: interval) { [weak self] in self?.look() }
        looks += 1
        for frontend in cluster.members(.frontend) { origins.insert(frontend.process.identity.generation) }
        var looked: Set<UInt64> = [], wanted: Set<AskedLeg> = []
        for frontend in cluster.members(.frontend) where frontend.isAlive && !frontend.isFrozen {
            guard let asked = frontend.process.asked else { continue }
            looked.insert(asked.origin)
            wanted.formUnion(asked.legs)
        }
        var left: [Key: Instant] = [:]
        for worker in cluster.members(.worker) where worker.isAlive {
            guard !worker.isFrozen else {
                leftOut[worker.name] = looks
                continue
            }
            let legs = worker.process.legs
            for leg in legs.open { see(leg, at: worker) }
            for leg in legs.open + legs.closing {
                let isWanted = worker.workerID.map { wanted.contains(AskedLeg(worker: $0, request: leg.request, leg: leg.leg)) } ?? true
                guard !isWanted, looked.contains(leg.request.origin) else { continue }
                let key = Key(request: leg.request, leg: leg.leg)
                left[key] = unwanted[key] ?? cluster.world.now
            }
        }
        // Order: the longest of all.
        for since in unwanted.values { longestUnwanted = max(longestUnwanted, since.duration(to: cluster.world.now)) }
        unwanted = left
    }

    private func see(_ leg: OpenLeg, at worker: VirtualMember) {
        let key = Key(request: leg.request, leg: leg.leg)
        if !origins.contains(leg.request.origin), strangers.insert(key).inserted {
            violations.append("\(leg.leg) leg of \(leg.request) runs at \(worker.name), and no frontend is its origin")
        }
        var sighting = sightings[key] ?? Sighting(worker: worker.name, life: worker.lives, look: looks - 1)
        let isSame = sighting.worker == worker.name && sighting.life == worker.lives
        // A worker that was left out had it meanwhile.
        let wasSeen = sighting.look == looks - 1 || (leftOut[worker.name] ?? 0) > sighting.look
        if !isSame || !wasSeen {
            violations.append("\(leg.leg) leg of \(leg.request) ran at \(sighting.worker), and again at \(worker.name)")
        }
        sighting.look = looks
        sightings[key] = sighting
    }
}
