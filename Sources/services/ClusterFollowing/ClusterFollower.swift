import ClusterModel
package import EventLoop
import StreamFollowing
package import Transport
import WireProtocol

/// A living cluster, followed from its routers' addresses: the streams of routers, of the workers that these name, and of their frontends.
///
/// It registers with each router as a frontend that asks for nothing, because only who is registered may read a router's state.
@LoopActor
package final class ClusterFollower {
    private let addresses: [Address]
    private let endpoint: LinkEndpoint
    private let loop: Loop
    private let network: any Network
    package private(set) weak var observer: (any ClusterObserver)?
    package private(set) var routers: [FollowedRouter] = []
    private var workers: [FollowedLife: FollowedWorker] = [:]
    private var frontends: [UInt64: FollowedFrontend] = [:]
    /// Those that are there and cannot be followed; it was said once, and a try is not repeated with every change of a directory.
    private var deafWorkers: Set<FollowedLife> = []
    private var deafFrontends: Set<UInt64> = []
    /// As the observer was told.
    private var present: Set<UInt64> = []
    /// Lives that no router names any more, and since when.
    private var missing: [FollowedLife: Instant] = [:]
    private let gate = RecoveryGate()
    /// What this process registers as its own stream: who registers with a router has one. Nothing is ever said on it.
    private let feed: FeedPublisher

    /// How long streams may take to be in step before what is there has to do.
    private static let joining = Duration.seconds(5)
    /// No router within this: there is nothing to follow.
    private static let reaching = Duration.seconds(8)
    /// How long a worker that no router names is still listened to.
    private static let farewell = Duration.seconds(10)

    /// - Parameter feed: where its own stream is had, if anybody should ask; the system chooses the port.
    package init(
        _ addresses: [Address], endpoint: LinkEndpoint, loop: Loop, network: any Network,
        feed: Address = Address(host: "127.0.0.1", port: 0)
    ) throws {
        self.addresses = addresses
        self.endpoint = endpoint
        self.loop = loop
        self.network = network
        let identity = endpoint.policy.identity
        self.feed = try FeedPublisher(
            on: feed, kind: .frontendState, publisher: identity.id, generation: identity.generation,
            dialect: endpoint.policy.dialect, loop: loop, network: network)
    }

    package var workerCount: Int { workers.count }
    package var frontendCount: Int { frontends.count }
    package var routersInStep: Int { routers.count { $0.isInStep } }

    // MARK: Begin and end

    package enum Joining {
        /// As far as it can be within its time.
        case inStep
        case stopped
        /// A peer's words are in the reason, as they came.
        case failed(reason: String)
    }

    /// What is said from here on is told to the observer, whom the owner keeps.
    package func start(telling observer: any ClusterObserver) {
        self.observer = observer
        let registration = RegisterFrontend(
            endpoints: Endpoints(linkAddress: "", feedAddress: feed.address.description), httpAddress: "", state: .starting,
            streamPosition: 0)
        for (ordinal, address) in addresses.enumerated() {
            let router = FollowedRouter(ordinal, address, registration, endpoint: endpoint, loop: loop, network: network, cluster: self)
            routers.append(router)
            router.start()
        }
    }

    /// Starts, and returns when the streams are in step, or as good as it gets.
    package func join(_ stop: Promise<Void>, telling observer: any ClusterObserver) async -> Joining {
        start(telling: observer)
        let started = loop.now
        while await stop.wait(until: loop.now + .milliseconds(20)) == nil {
            let waited = started.duration(to: loop.now)
            let isInStep =
                routers.allSatisfy(\.isInStep) && workers.values.allSatisfy(\.isInStep) && frontends.values.allSatisfy(\.isHeard)
            if isInStep || waited >= Self.joining && routersInStep > 0 { return .inStep }
            if waited >= Self.reaching {
                let problems = routers.compactMap(\.problem).joined(separator: "; ")
                return .failed(reason: "no router was reached: \(problems)")
            }
        }
        return .stopped
    }

    package func stop() {
        for life in workers.keys.sorted() { workers[life]?.close() }
        for generation in frontends.keys.sorted() { frontends[generation]?.close() }
        for router in routers { router.stop() }
        feed.close()
    }

    /// Called a few times a second: takes leave of workers and frontends that are not named any more.
    package func tick() {
        tellFrontends()
        for life in missing.keys.sorted() {
            if let since = missing[life], since.duration(to: loop.now) >= Self.farewell { drop(life) }
        }
    }

    // MARK: Who is there

    /// By what routers say that are heard now: one that died would name its frontends for ever.
    private func tellFrontends() {
        let heard = routers.filter(\.isCurrent)
        guard !heard.isEmpty else { return }
        let named = Set(heard.flatMap { $0.directory.frontends.values }.filter { !$0.httpAddress.isEmpty }.map(\.generation))
        for generation in named.subtracting(present).sorted() { observer?.joined(frontend: generation) }
        for generation in present.subtracting(named).sorted() { observer?.left(frontend: generation) }
        present = named
    }

    /// The workers, pools or frontends of a router are others now.
    func directoryChanged() {
        var lives: [FollowedLife: WorkerEntry] = [:], newest: [UInt64: FollowedLife] = [:]
        var feeds: [UInt64: FrontendEntry] = [:]
        for directory in routers.map(\.directory) {
            for digest in directory.pools.keys.sorted() { if let pool = directory.pools[digest] { observer?.told(pool.card) } }
            for entry in directory.workers.values {
                let life = FollowedLife(worker: entry.workerID, generation: entry.generation)
                lives[life] = entry
                newest[entry.workerID] = life
            }
            // Without an address for clients it is a follower as this one, and has nothing to tell.
            for entry in directory.frontends.values where !entry.httpAddress.isEmpty { feeds[entry.generation] = entry }
        }
        for life in workers.keys.sorted() {
            if lives[life] != nil {
                missing[life] = nil
            } else if newest[life.worker] != nil {
                drop(life)
            } else if missing[life] == nil {
                missing[life] = loop.now
            }
        }
        for life in lives.keys.sorted() { if let entry = lives[life] { follow(entry, life) } }
        deafWorkers.formIntersection(lives.keys)
        for generation in frontends.keys.sorted() where feeds[generation] == nil {
            frontends.removeValue(forKey: generation)?.close()
        }
        deafFrontends.formIntersection(feeds.keys)
        for generation in feeds.keys.sorted() { if let entry = feeds[generation] { follow(entry) } }
    }

    /// Routers know no such life any more. Its requests may run on for a while: only its link to a router may have ended.
    private func drop(_ life: FollowedLife) {
        missing[life] = nil
        workers.removeValue(forKey: life)?.close()
        observer?.left(life)
    }

    private func follow(_ entry: WorkerEntry, _ life: FollowedLife) {
        guard let observer, observer.joined(entry), workers[life] == nil, !deafWorkers.contains(life),
            workers.count < FollowingBounds.workers
        else { return }
        workers[life] = FollowedWorker(
            life, entry.endpoints, endpoint: endpoint, gate: gate, loop: loop, network: network, observer: observer)
        if workers[life] == nil { deafWorkers.insert(life) }
    }

    private func follow(_ entry: FrontendEntry) {
        let generation = entry.generation
        guard let observer, frontends[generation] == nil, !deafFrontends.contains(generation), frontends.count < FollowingBounds.workers
        else { return }
        frontends[generation] = FollowedFrontend(entry, loop: loop, network: network, observer: observer)
        if frontends[generation] == nil { deafFrontends.insert(generation) }
    }
}
