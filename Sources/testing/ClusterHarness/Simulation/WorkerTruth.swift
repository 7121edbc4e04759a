import ClusterModel
import EventLoop
import RouterService
import WireProtocol
import WorkerService

/// What a worker has, of what routers believe something of it.
struct WorkerTruth: Sendable {
    struct Place: Sendable {
        let rank: UInt32
        let tier: Tier
        let hashes: [UInt64]
    }

    let worker: WorkerID
    let places: [Place]
    let sessions: [(key: SessionKey, counter: UInt64)]

    @LoopActor
    init(_ service: WorkerService) {
        worker = WorkerID(service.id)
        places = service.ranks.flatMap { rank in
            Tier.allCases.map { Place(rank: rank, tier: $0, hashes: service.cachedBlocks(rank: rank, tier: $0)) }
        }
        sessions = service.sessionsBound
    }

    /// What a router believes in that it does not have, in words: worse than not knowing of what it has.
    @LoopActor
    func phantoms(of router: RouterService) -> [String] {
        places.compactMap { place in
            guard place.tier == .device else { return nil }
            let believed = router.believedBlocks(of: worker, rank: place.rank, among: place.hashes)
            return believed.all > believed.known ? "it believes in \(believed.all - believed.known) blocks that \(worker) has not" : nil
        }
    }

    /// Where a router at rest is wrong about it, in words.
    @LoopActor
    func errors(of router: RouterService) -> [String] {
        var errors: [String] = []
        // The simulated engine keeps its blocks on the device.
        for place in places where place.tier == .device {
            let believed = router.believedBlocks(of: worker, rank: place.rank, among: place.hashes)
            if believed.known != place.hashes.count || believed.all != place.hashes.count {
                errors.append(
                    "of \(place.hashes.count) blocks of \(worker)/\(place.rank) it knows \(believed.known), and believes in \(believed.all)"
                )
            }
        }
        let told = router.believedSessions(of: worker)
        let wrong = sessions.count { session in !told.contains { $0.key == session.key && $0.counter == session.counter } }
        if wrong > 0 || told.count != sessions.count {
            errors.append("of \(sessions.count) sessions at \(worker) it does not know \(wrong), and believes in \(told.count)")
        }
        return errors
    }
}
