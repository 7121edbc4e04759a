package import ClusterModel
package import WireProtocol

/// One request of a living cluster, as its processes told of it: each tells of what it did, by its own clock.
package struct Timeline: Sendable {
    /// What a router tells of one placement.
    package struct Route: Hashable, Sendable {
        package let router: Int
        package let slice: RouteSlice

        package init(router: Int, slice: RouteSlice) {
            self.router = router
            self.slice = slice
        }
    }

    /// What a worker tells of one leg.
    package struct Leg: Hashable, Sendable {
        package let lease: UInt64
        package let life: FollowedLife
        package let attempt: UInt8
        package let role: WireProtocol.Leg
        package let rank: UInt32
        package var durations = WorkerDurations()
        package var cachedTokens: UInt32 = 0
        package var outputTokens: UInt32 = 0
        /// Nil: it runs, or its end was not heard.
        package var end: EndReason?
        package var isOver = false

        package init(lease: UInt64, life: FollowedLife, attempt: UInt8, role: WireProtocol.Leg, rank: UInt32) {
            self.lease = lease
            self.life = life
            self.attempt = attempt
            self.role = role
            self.rank = rank
        }

        fileprivate func isBefore(_ other: Leg) -> Bool {
            (attempt, role == .decode ? 1 : 0) < (other.attempt, other.role == .decode ? 1 : 0)
        }
    }

    package let id: RequestID
    /// What its frontend tells, when it is over.
    package var slice: RequestSlice?
    /// In the order of attempts, whatever came first: routers and workers tell in streams of their own.
    package private(set) var routes: [Route] = []
    /// In the order of attempts, prefill before decode.
    package private(set) var legs: [Leg] = []

    package init(id: RequestID) { self.id = id }

    /// In the queues of routers, all attempts together.
    package var queueMicroseconds: UInt64 { routes.reduce(0) { $0 &+ $1.slice.queueMicroseconds } }
    /// The leg that made the answer.
    package var answering: Leg? { legs.last { $0.role != .prefill } ?? legs.last }
    /// The leg that computed the prompt.
    package var prefilling: Leg? { legs.last { $0.role != .decode } ?? legs.last }

    package mutating func add(_ route: Route) {
        let behind = routes.firstIndex { $0.slice.request.attempt > route.slice.request.attempt }
        routes.insert(route, at: behind ?? routes.endIndex)
    }

    package mutating func add(_ leg: Leg) { legs.insert(leg, at: legs.firstIndex { leg.isBefore($0) } ?? legs.endIndex) }

    /// Every leg that `isMeant`.
    package mutating func changeLegs(where isMeant: (Leg) -> Bool, _ body: (inout Leg) -> Void) {
        for index in legs.indices where isMeant(legs[index]) { body(&legs[index]) }
    }
}
