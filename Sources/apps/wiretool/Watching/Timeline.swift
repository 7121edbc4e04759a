import ClusterModel
import LoadGeneration
import WireProtocol

/// One request of a living cluster, as its processes told of it: each tells of what it did, by its own clock.
struct Timeline {
    /// What a router tells of one placement.
    struct Route: Hashable {
        let router: Int
        let slice: RouteSlice
    }

    /// What a worker tells of one leg.
    struct Leg: Hashable {
        let lease: UInt64
        let life: RecordedLife
        let attempt: UInt8
        let role: WireProtocol.Leg
        let rank: UInt32
        var durations = WorkerDurations()
        var cachedTokens: UInt32 = 0
        var outputTokens: UInt32 = 0
        /// Nil: it runs, or its end was not heard.
        var end: EndReason?
        var isOver = false
    }

    let id: RequestID
    /// What its frontend tells, when it is over.
    var slice: RequestSlice?
    var routes: [Route] = []
    var legs: [Leg] = []

    /// Of the placement that counts in the end.
    var lastRoute: Route? { routes.last }
    /// In the queues of routers, all attempts together.
    var queueMicroseconds: UInt64 { routes.reduce(0) { $0 &+ $1.slice.queueMicroseconds } }
    /// The leg that made the answer.
    var answering: Leg? { legs.last { $0.role != .prefill } ?? legs.last }
    /// The leg that computed the prompt.
    var prefilling: Leg? { legs.last { $0.role != .decode } ?? legs.last }
}
