import RequestTracking
import WireProtocol

/// What routers believe to run on one rank.
struct RankBelief {
    let worker: UInt64
    let rank: UInt32
    let type: WorkerType
    var activeBlocks: UInt64
    var prefillTokens: UInt64

    init(_ load: PlacementLoad, _ type: WorkerType) {
        worker = load.workerID
        rank = load.load.rank
        self.type = type
        activeBlocks = UInt64(load.activeBlocks)
        prefillTokens = load.prefillTokens
    }

    /// Each router counts the placements of all; one that has just begun does not know them yet, so the larger figure is the better one.
    mutating func merge(_ other: RankBelief) {
        activeBlocks = max(activeBlocks, other.activeBlocks)
        prefillTokens = max(prefillTokens, other.prefillTokens)
    }
}
