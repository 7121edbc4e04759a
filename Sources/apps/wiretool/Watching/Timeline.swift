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

        fileprivate func isBefore(_ other: Leg) -> Bool {
            (attempt, role == .decode ? 1 : 0) < (other.attempt, other.role == .decode ? 1 : 0)
        }
    }

    let id: RequestID
    /// What its frontend tells, when it is over.
    var slice: RequestSlice?
    /// In the order of attempts, whatever came first: routers and workers tell in streams of their own.
    private(set) var routes: [Route] = []
    /// In the order of attempts, prefill before decode.
    private(set) var legs: [Leg] = []

    init(id: RequestID) { self.id = id }

    /// In the queues of routers, all attempts together.
    var queueMicroseconds: UInt64 { routes.reduce(0) { $0 &+ $1.slice.queueMicroseconds } }
    /// The leg that made the answer.
    var answering: Leg? { legs.last { $0.role != .prefill } ?? legs.last }
    /// The leg that computed the prompt.
    var prefilling: Leg? { legs.last { $0.role != .decode } ?? legs.last }

    mutating func add(_ route: Route) {
        let behind = routes.firstIndex { $0.slice.request.attempt > route.slice.request.attempt }
        routes.insert(route, at: behind ?? routes.endIndex)
    }

    mutating func add(_ leg: Leg) { legs.insert(leg, at: legs.firstIndex { leg.isBefore($0) } ?? legs.endIndex) }

    /// Every leg that `isMeant`.
    mutating func changeLegs(where isMeant: (Leg) -> Bool, _ body: (inout Leg) -> Void) {
        for index in legs.indices where isMeant(legs[index]) { body(&legs[index]) }
    }
}
