import ClusterModel
import EventLoop
import FrontendService
import WireProtocol

/// The legs that a frontend waits for, each at one worker.
struct AskedLegs: Sendable {
    /// Of all its requests.
    let origin: UInt64
    let legs: [AskedLeg]

    @LoopActor
    init(_ service: FrontendService) {
        origin = service.nonce
        legs = service.legsAsked.map { AskedLeg(worker: $0.worker, request: $0.request, leg: $0.leg) }
    }
}

struct AskedLeg: Hashable, Sendable {
    let worker: WorkerID
    let request: RequestKey
    let leg: Leg
}
