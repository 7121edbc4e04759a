import ClusterFollowing
import ClusterModel
import EventLoop
import StreamFollowing
import WireProtocol

/// What is known of the cluster while somebody watches: what its streams say, and what follows from it second by second.
@LoopActor
final class ClusterPicture: ClusterObserver {
    private let loop: Loop
    let cluster: ClusterFollower
    var book: RequestBook
    private(set) var traffic = TrafficMeter()
    private(set) var tenants = TenantMeter()
    /// By generation.
    private(set) var frontends: [UInt64: FrontendTotals] = [:]
    /// Of ranks, by what was placed there and what was found there.
    private(set) var cacheRates: [LoadPlace: CacheRates] = [:]
    /// Workers' names and models outlive them: requests that ran there are looked at later.
    private(set) var names: [UInt64: String] = [:]
    private var models: [UInt64: String] = [:]
    /// Tokens a block, by the names of models.
    private var blockSizes: [String: UInt32] = [:]
    /// Workers that left while nobody had drained them, and when.
    private(set) var lost: [(life: FollowedLife, name: String, at: Instant)] = []
    private(set) var notFollowed: [String] = []
    /// Gaps in streams, of the last minute's seconds.
    private var gaps: [(at: Instant, count: Int)] = []
    /// Workers whose streams are being recovered by routers, and since when.
    private(set) var resyncing: [FollowedLife: Instant] = [:]
    private var lastSecond: Instant?
    private let beganAt: Instant

    /// Nobody is missed before there was time to hear of them.
    var isJoining: Bool { beganAt.duration(to: loop.now) < Self.joining }

    private static let joining = Duration.seconds(4)
    private static let recently = Duration.seconds(60)
    /// Names of workers that are gone.
    private static let mostNames = 4 * DashboardLimits.ranks
    private static let mostLost = 64

    init(_ cluster: ClusterFollower, book: RequestBook, loop: Loop) {
        self.cluster = cluster
        self.book = book
        self.loop = loop
        beganAt = loop.now
        self.book.beginFollowing()
    }

    func start() { cluster.start(telling: self) }

    func stop() {
        cluster.stop()
        book.endFollowing()
    }

    /// The routers whose word is the state of things.
    var heardRouters: [FollowedRouter] { cluster.routers.filter(\.isCurrent) }
    var gapsLately: Int { gaps.reduce(0) { $0 + $1.count } }

    // MARK: Time

    /// Called a few times a second. A point for the charts, once a second.
    func tick() -> TrafficMeter.Point? {
        cluster.tick()
        book.tick(at: loop.now)
        let now = loop.now
        guard let last = lastSecond else {
            lastSecond = now
            return nil
        }
        let span = last.duration(to: now)
        guard span >= .milliseconds(990) else { return nil }
        lastSecond = now
        return second(Double(span.inNanoseconds) * 1e-9)
    }

    private func second(_ seconds: Double) -> TrafficMeter.Point {
        let now = loop.now
        // Order: each by itself, and sums.
        for generation in frontends.keys { frontends[generation]?.count(at: now) }
        for place in cacheRates.keys {
            cacheRates[place]?.beat()
            if cacheRates[place]?.isEmpty ?? false { cacheRates[place] = nil }
        }
        tenants.beat()
        gaps.removeAll { $0.at.duration(to: now) > Self.recently }
        lost.removeAll { $0.at.duration(to: now) > Self.recently }
        followResyncing(at: now)
        var point = traffic.takePoint(second: loop.wallClockMilliseconds / 1_000, seconds: seconds)
        point.tokensPerSecond = sum(\.tokensPerSecond)
        point.requestsPerSecond = sum(\.requestsPerSecond)
        // Order: a sum.
        let loads = frontends.values.compactMap(\.load)
        point.running = loads.isEmpty ? nil : loads.reduce(0) { $0 + UInt64($1.requests) }
        let heard = heardRouters
        point.queued = heard.isEmpty ? nil : heard.reduce(0) { $0 + $1.directory.parked }
        return point
    }

    private func sum(_ member: KeyPath<FrontendTotals, Double?>) -> Double? {
        // Order: a sum.
        let known = frontends.values.compactMap { $0[keyPath: member] }
        return known.isEmpty ? nil : known.reduce(0, +)
    }

    private func followResyncing(at now: Instant) {
        var present: [FollowedLife: Instant] = [:]
        for router in heardRouters {
            // Order: a table.
            for entry in router.directory.workers.values where entry.resyncing {
                let life = FollowedLife(worker: entry.workerID, generation: entry.generation)
                present[life] = resyncing[life] ?? now
            }
        }
        resyncing = present
    }

    // MARK: ClusterObserver

    func told(_ card: ModelCard) {
        guard blockSizes[card.name] != nil || blockSizes.count < DashboardLimits.rows else { return }
        blockSizes[card.name] = card.blockSize
    }

    func joined(_ entry: WorkerEntry) -> Bool {
        if names[entry.workerID] != nil || names.count < Self.mostNames {
            names[entry.workerID] = entry.name
            models[entry.workerID] = entry.model
        }
        return true
    }

    func left(_ life: FollowedLife) {
        book.follow { $0.left(life, at: loop.now) }
        // A worker that was drained says so before it goes.
        let wasLeaving = cluster.routers.contains { router in
            router.directory.workers[life.worker].map { $0.generation == life.generation && $0.state == .draining } ?? false
        }
        if !wasLeaving, lost.count < Self.mostLost { lost.append((life, names[life.worker] ?? Hexadecimal.text(life.worker), loop.now)) }
    }

    func joined(frontend: UInt64) {
        book.follow { $0.joined(frontend: frontend) }
        hear(frontend) { $0.heard(at: loop.now) }
    }

    func left(frontend: UInt64) {
        book.follow { $0.left(frontend: frontend) }
        frontends[frontend] = nil
    }

    func told(_ change: RouterChange, by router: FollowedRouter) {
        guard case .routeSlice(let slice) = change else { return }
        traffic.placed(slice)
        if let leg = slice.legs.first, slice.outcome == .placed {
            rates(LoadPlace(worker: leg.workerID, rank: leg.rank)) {
                $0.reachable.add(UInt64(slice.reachableBlocks), of: UInt64(slice.promptBlocks))
            }
        }
        book.follow { $0.placed(slice, by: router.ordinal, at: loop.now) }
    }

    func told(_ slice: RequestSlice, by frontend: UInt64) {
        hear(frontend) { $0.heard(at: loop.now) }
        traffic.ended(slice, blockSize: blockSizes[slice.model] ?? 1)
        tenants.ended(slice)
        book.follow { $0.told(slice, by: frontend, at: loop.now) }
    }

    func told(_ change: FrontendChange, by frontend: UInt64) { hear(frontend) { $0.told(change, at: loop.now) } }

    func told(_ event: WorkerEvent, by life: FollowedLife) {
        if case .requestEnded(let ended) = event, ended.leg != .decode, ended.promptTokens > 0 {
            let size = models[life.worker].flatMap { blockSizes[$0] } ?? 1
            rates(LoadPlace(worker: life.worker, rank: ended.rank)) {
                $0.found(ended.cachedTokens, of: ended.promptTokens, blockSize: size)
            }
        }
        book.follow { $0.event(event, on: life, at: loop.now) }
    }

    func rejoined(_ life: FollowedLife, held: Set<UInt64>) { book.follow { $0.rejoined(life, held: held) } }

    func noted(_ notice: StreamNotice) {
        guard case .gap = notice else { return }
        if let last = gaps.last, last.at.duration(to: loop.now) < .seconds(1) {
            gaps[gaps.count - 1].count += 1
        } else {
            gaps.append((loop.now, 1))
        }
    }

    func cannotFollow(_ what: String) { if notFollowed.count < Self.mostLost { notFollowed.append(what) } }

    // MARK: Parts

    private func hear(_ frontend: UInt64, _ body: (inout FrontendTotals) -> Void) {
        if frontends[frontend] == nil {
            guard frontends.count < DashboardLimits.rows else { return }
            frontends[frontend] = FrontendTotals(at: loop.now)
        }
        body(&frontends[frontend]!)
    }

    private func rates(_ place: LoadPlace, _ body: (inout CacheRates) -> Void) {
        if cacheRates[place] == nil {
            guard cacheRates.count < DashboardLimits.ranks else { return }
            cacheRates[place] = CacheRates()
        }
        body(&cacheRates[place]!)
    }
}
