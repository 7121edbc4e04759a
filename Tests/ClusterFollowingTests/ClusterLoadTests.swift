import ClusterModel
import Testing
import WireProtocol

@testable import ClusterFollowing

@Suite("Loads of a cluster, as several routers say them")
struct ClusterLoadTests {
    private static func directory(life generation: UInt64, load of: UInt64, running: UInt32) -> RouterDirectory {
        var directory = RouterDirectory(), entry = WorkerEntry(), load = PlacementLoad()
        entry.workerID = 5
        entry.generation = generation
        entry.name = "w"
        load.workerID = 5
        load.generation = of
        load.load.runningRequests = running
        directory.take(SnapshotEntry.workerEntry(entry))
        directory.take(SnapshotEntry.placementLoad(load))
        directory.take(
            SnapshotEntry.queueDepth(
                QueueDepth(model: "m", pool: Digest(), requests: running, tokens: 0, oldestMilliseconds: 0, drainedTokensPerSecond: 0)))
        return directory
    }

    @Test("the first of the routers that are heard says a rank's load, under its own number; each says its queue")
    func first() {
        let load = ClusterLoad([
            (1, Self.directory(life: 6, load: 6, running: 3)), (2, Self.directory(life: 6, load: 6, running: 4)),
        ])
        #expect(load.ranks.map(\.router) == [1] && load.ranks.map(\.load.load.runningRequests) == [3])
        #expect(load.queues.map(\.router) == [1, 2] && load.queues.map(\.depth.requests) == [3, 4])
    }

    @Test("a router whose load is of another life than its worker leaves the rank to the next")
    func otherLife() {
        let load = ClusterLoad([
            (0, Self.directory(life: 7, load: 6, running: 3)), (1, Self.directory(life: 7, load: 7, running: 4)),
        ])
        #expect(load.ranks.map(\.router) == [1] && load.ranks.map(\.load.load.runningRequests) == [4])
    }
}
