import ClusterModel
import EventLoop
import WireProtocol
import WorkerService

/// Looks at every process again and again: which legs run at which worker, and whether a frontend still waits for them.
///
/// Two things are told: a leg that ran twice, which must never be, and for how long workers had legs of which their frontend wanted nothing
/// any more. What a process that is frozen would say is not asked for.
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
        var unwantedSince: Instant?
    }

    private unowned let cluster: VirtualCluster
    private let interval: Duration
    private var sightings: [Key: Sighting] = [:]
    /// The last look that left a worker out.
    private var leftOut: [String: Int] = [:]
    private var looks = 0
    private var isOver = false
    /// A worker had a leg that nobody waited for.
    private(set) var longestUnwanted = Duration.zero
    /// Legs that ran at two workers, or again at the same one.
    private(set) var doubled: [String] = []

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
        var origins: Set<UInt64> = [], wanted: Set<AskedLeg> = []
        for frontend in cluster.members(.frontend) where frontend.isAlive && !frontend.isFrozen {
            guard let asked = frontend.process.asked else { continue }
            origins.insert(asked.origin)
            wanted.formUnion(asked.legs)
        }
        for worker in cluster.members(.worker) where worker.isAlive {
            guard !worker.isFrozen else {
                leftOut[worker.name] = looks
                continue
            }
            for leg in worker.process.legs.open {
                let asked = worker.workerID.map { wanted.contains(AskedLeg(worker: $0, request: leg.request, leg: leg.leg)) } ?? true
                see(leg, at: worker, isWanted: asked || !origins.contains(leg.request.origin))
            }
        }
    }

    private func see(_ leg: OpenLeg, at worker: VirtualMember, isWanted: Bool) {
        let now = cluster.world.now, key = Key(request: leg.request, leg: leg.leg)
        var sighting = sightings[key] ?? Sighting(worker: worker.name, life: worker.lives, look: looks - 1)
        let isSame = sighting.worker == worker.name && sighting.life == worker.lives
        let wasLeftOut = (leftOut[worker.name] ?? 0) > sighting.look
        if !isSame || (sighting.look < looks - 1 && !wasLeftOut) {
            doubled.append("\(leg.leg) leg of \(leg.request) ran at \(sighting.worker), and again at \(worker.name)")
        }
        // A process that did not run for a while is not late with what it could not hear.
        if isWanted || wasLeftOut { sighting.unwantedSince = nil }
        if !isWanted {
            let since = sighting.unwantedSince ?? now
            sighting.unwantedSince = since
            longestUnwanted = max(longestUnwanted, since.duration(to: now))
        }
        sighting.look = looks
        sightings[key] = sighting
    }
}
