import ClusterFollowing
import ClusterModel
import WireProtocol

extension ClusterPicture {
    /// The routers whose word is shown: those that are heard, or, when none is, all of them with what they said last.
    var shownRouters: [FollowedRouter] {
        let heard = heardRouters
        return heard.isEmpty ? cluster.routers : heard
    }

    /// As the first router says it that knows the worker's present life.
    func load(_ place: LoadPlace) -> PlacementLoad? {
        for router in shownRouters {
            if let load = router.directory.loads[place], router.directory.workers[place.worker]?.generation == load.generation {
                return load
            }
        }
        return nil
    }

    func worker(_ id: UInt64) -> WorkerEntry? {
        for router in shownRouters { if let entry = router.directory.workers[id] { return entry } }
        return nil
    }

    /// Every rank of every worker, in order; as many as pages show.
    var places: [LoadPlace] {
        var places: Set<LoadPlace> = []
        for router in shownRouters {
            // Order: a set, sorted below.
            for entry in router.directory.workers.values {
                for rank in entry.ranks { places.insert(LoadPlace(worker: entry.workerID, rank: rank.rank)) }
            }
        }
        return Array(places.sorted().prefix(DashboardLimits.ranks))
    }
}
