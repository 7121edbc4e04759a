import ClusterModel
import Engines
import Scheduling

/// What a worker's stream says at one moment.
final class FleetNews {
    enum Item {
        case accepted(FleetLeg, remaining: UInt32)
        case started(FleetLeg, cachedTokens: UInt32)
        case progress(FleetLeg, remaining: UInt32)
        case prefilled(FleetLeg, took: Duration)
        case grown(FleetLeg, blocks: UInt32, tokens: UInt32)
        case ended(FleetLeg, LeaseRelease, tokens: UInt32, decode: Duration)
        case stored(Rank, [UInt64], after: UInt64?)
        case removed(Rank, [UInt64])
        case cleared(Rank)
        case load(Rank, EngineLoad)
    }

    let worker: Int
    let life: WorkerLife
    let items: [Item]

    init(worker: Int, life: WorkerLife, items: [Item]) {
        self.worker = worker
        self.life = life
        self.items = items
    }
}
