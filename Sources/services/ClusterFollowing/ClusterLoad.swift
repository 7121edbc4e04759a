import ClusterModel
package import WireProtocol

/// How busy a cluster is, as its routers say: ranks of workers, and queues.
package struct ClusterLoad {
    /// One rank, as the router with the smallest number sees it that knows it.
    package struct Rank: Equatable {
        package let router: Int
        package let name: String
        package let state: ProcessState
        package let load: PlacementLoad

        package init(router: Int, name: String, state: ProcessState, load: PlacementLoad) {
            self.router = router
            self.name = name
            self.state = state
            self.load = load
        }
    }

    package struct Queue: Equatable {
        package let router: Int
        package let depth: QueueDepth

        package init(router: Int, depth: QueueDepth) {
            self.router = router
            self.depth = depth
        }
    }

    package private(set) var ranks: [Rank] = []
    package private(set) var queues: [Queue] = []

    /// - Parameter directories: of the routers that are heard, by their numbers, in that order. What one said that is heard no more is old.
    package init(_ directories: [(router: Int, directory: RouterDirectory)]) {
        var known: Set<LoadPlace> = []
        for (router, directory) in directories {
            for place in directory.loads.keys.sorted() {
                // A router that knows the worker's next life before that one's load leaves the rank to the others.
                guard let load = directory.loads[place], let worker = directory.workers[place.worker],
                    worker.generation == load.generation, known.insert(place).inserted
                else { continue }
                ranks.append(Rank(router: router, name: worker.name, state: worker.state, load: load))
            }
            // Each router has a queue of its own.
            queues += directory.queues.values.map { Queue(router: router, depth: $0) }.sorted { $0.depth.pool < $1.depth.pool }
        }
        ranks.sort { ($0.load.workerID, $0.load.load.rank) < ($1.load.workerID, $1.load.load.rank) }
    }
}
