package import EventLoop
package import StreamFollowing
package import WireProtocol

/// What hears of a living cluster: models and workers as they come and go, and all that streams say of requests.
@LoopActor
package protocol ClusterObserver: AnyObject, Sendable {
    /// A model that some router knows; told again and again.
    func told(_ card: ModelCard)
    /// A worker is there, or its entry is another one now. False: not yet, its model was not told of.
    func joined(_ entry: WorkerEntry) -> Bool
    /// That life of a worker is over.
    func left(_ life: FollowedLife)
    /// A frontend is there, or there again; it is named by its generation.
    func joined(frontend: UInt64)
    /// No router that is heard names that frontend any more.
    func left(frontend: UInt64)
    /// What a router says, in its order.
    func told(_ change: RouterChange, by router: FollowedRouter)
    /// A request of a frontend's clients has ended; the frontend is named by its generation.
    func told(_ slice: RequestSlice, by frontend: UInt64)
    /// What else a frontend says: its load, what it charges tenants, its state.
    func told(_ change: FrontendChange, by frontend: UInt64)
    /// What a worker says of requests, load and sessions, in its order.
    func told(_ event: WorkerEvent, by life: FollowedLife)
    /// A worker's stream was joined anew: these leases are what it holds.
    func rejoined(_ life: FollowedLife, held: Set<UInt64>)
    /// Something was missed, or made up for.
    func noted(_ notice: StreamNotice)
    /// A process is there that cannot be followed, or is not yet; what peers call themselves is in it as they said it.
    func cannotFollow(_ what: String)
}

@LoopActor
extension ClusterObserver {
    // Only who waits for the word of frontends has to know.
    package func joined(frontend: UInt64) {}
    package func left(frontend: UInt64) {}
    package func told(_ change: FrontendChange, by frontend: UInt64) {}
}
