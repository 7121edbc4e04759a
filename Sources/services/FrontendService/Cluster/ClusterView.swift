import ClusterModel
import EventLoop
import ProcessKit
import RequestTracking
import Scheduling
import Transport
import WireProtocol

/// What the routers together say: models, their pools, and where workers are. A worker is usable if any live router has it ready.
///
/// It holds no copy: routers are few, and each keeps its own view.
@LoopActor
final class ClusterView {
    private(set) var routers: [RouterClient] = []
    private var models: [String: ModelCard] = [:]
    /// Names that stood for a model at some time: while its workers or routers come back, nobody is told that there is no such model.
    private var remembered: Set<String> = []
    /// Some router could be asked, and knew a model, when `models` was made: what one has said since is not in there yet.
    private var knowsModels = false
    private var waiting: [UInt64: Signal] = [:]
    private var tickets: UInt64 = 0

    /// Names of cards, never of requests; far more than a cluster has at a time.
    private static let rememberedLimit = 4_096

    func add(_ router: RouterClient) { routers.append(router) }

    /// Called by whoever hears of a change, before anybody asks what there is.
    func refresh() {
        models = namedModels()
        knowsModels = hasUsableRouter && !views.allSatisfy(\.pools.isEmpty)
        // Order: all are added, or as many as there is room for.
        for name in models.keys where remembered.count < Self.rememberedLimit { remembered.insert(name) }
    }

    /// The router that a key means among those that can be asked now, besides some lives of routers.
    func router(for key: @autoclosure () -> UInt64, besides excluded: [UInt64] = []) -> RouterClient? {
        func mayBeAsked(_ router: RouterClient) -> Bool {
            guard router.canPlan, let identity = router.identity else { return false }
            return !excluded.contains(identity.generation)
        }
        // Where there is one, nothing is to be chosen.
        if routers.count == 1 { return mayBeAsked(routers[0]) ? routers[0] : nil }
        var usable: [RouterClient] = [], options: [RouterChoice.Option] = []
        for router in routers where mayBeAsked(router) {
            guard let identity = router.identity else { continue }
            usable.append(router)
            options.append(RouterChoice.Option(router: RouterID(identity.id), openPlans: router.openPlans))
        }
        return RouterChoice.choose(key(), among: options).map { usable[$0] }
    }

    var hasUsableRouter: Bool { routers.contains(where: \.isUsable) }

    // MARK: Waiting for a change

    /// Returns at the next change of what routers say or of a link to a worker, at the deadline, or when `signal` is woken.
    func change(until deadline: Instant, _ signal: Signal) async {
        tickets += 1
        let ticket = tickets
        waiting[ticket] = signal
        await signal.pause(until: deadline)
        waiting[ticket] = nil
    }

    func wakeWaiting() {
        guard !waiting.isEmpty else { return }
        let signals = waiting.sorted { $0.key < $1.key }
        waiting.removeAll(keepingCapacity: true)
        for (_, signal) in signals { signal.wake() }
    }

    // MARK: Models

    /// The card that a client's model name stands for: a name of the card, or of an adapter.
    func card(named name: String) -> ModelCard? { models[name] }

    /// Whether some worker of the card that such a request was prepared for holds sessions.
    func holdsSessions(_ digest: Digest, _ name: String) -> Bool {
        models[name].map { $0.digest == digest && $0.capabilities.contains(.sessions) } ?? false
    }

    /// Whether there is no such model: no router names it, it never was one, and routers know others.
    func isStrange(_ name: String) -> Bool { knowsModels && models[name] == nil && !remembered.contains(name) }

    /// Names in order, each with its card; adapters and other served names among them.
    var modelNames: [(name: String, card: ModelCard)] {
        models.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }.map { ($0.key, $0.value) }
    }

    /// Every card that some router knows, each once.
    var cards: [ModelCard] {
        var seen: Set<Digest> = []
        return views.flatMap { view in view.pools.values.map(\.card) }
            .sorted { $0.digest < $1.digest }
            .filter { seen.insert($0.digest).inserted }
    }

    // MARK: Workers

    /// Lives of workers of any router, each once, in order; as the router sees it that thinks best of it.
    var workers: [WorkerEntry] {
        var all: [WorkerEntry] = []
        let entries = views.enumerated().flatMap { place, view in view.workers.values.map { (place, $0) } }
        let sorted = entries.sorted { left, right in
            (left.1.workerID, left.1.generation, left.1.state.rank, left.0) < (
                right.1.workerID, right.1.generation, right.1.state.rank, right.0
            )
        }
        all.reserveCapacity(sorted.count)
        for (_, entry) in sorted {
            if let last = all.last, (last.workerID, last.generation) == (entry.workerID, entry.generation) { continue }
            all.append(entry)
        }
        return all
    }

    /// Workers that can give the files of a card.
    func workers(of pool: Digest) -> [WorkerEntry] { workers.filter { $0.pool == pool && $0.state != .stopped } }

    /// Lives of frontends of any router, each once, in order; this one's own among them.
    var frontends: [FrontendEntry] {
        var seen: Set<UInt64> = []
        return views.flatMap { Array($0.frontends) }
            .sorted { ($0.generation, $0.frontendID) < ($1.generation, $1.frontendID) }
            .filter { seen.insert($0.generation).inserted }
    }

    // MARK: For metrics

    /// Cards that new requests go to, one a name of a card.
    var currentCards: [ModelCard] { cards.filter { models[$0.name]?.digest == $0.digest } }

    /// The routers that can be asked now, by their ids, each with the cards that it knows.
    var askablePools: [(router: UInt64, cards: [(digest: Digest, name: String)])] {
        routers.compactMap { router in
            guard router.isUsable, let id = router.identity?.id, let pools = router.view?.pools.values else { return nil }
            // Order: whoever reads it puts it into a table.
            return (id, pools.map { ($0.card.digest, $0.card.name) })
        }
    }

    /// What routers believe of each rank of the workers that the directory names.
    var loads: [RankBelief] {
        var beliefs: [RouterView.RankKey: RankBelief] = [:]
        for view in views {
            for load in view.loads {
                let belief = RankBelief(load, WorkerType(view.workers[load.workerID]?.role ?? .aggregated))
                let key = RouterView.RankKey(worker: belief.worker, rank: belief.rank)
                if beliefs[key] == nil { beliefs[key] = belief } else { beliefs[key]?.merge(belief) }
            }
        }
        // Order: each is shown in a gauge of its own.
        return Array(beliefs.values)
    }

    /// Requests that are parked at routers, and their prompt tokens. Each router has a queue of its own.
    var queue: (requests: UInt64, tokens: UInt64) {
        views.reduce(into: (0, 0)) { sum, view in
            for depth in view.queues {
                sum.requests &+= UInt64(depth.requests)
                sum.tokens &+= depth.tokens
            }
        }
    }

    /// Of the routers that live. Without any, what the lost ones said last is all there is.
    private var views: [RouterView] {
        let live = routers.filter(\.isUsable)
        return (live.isEmpty ? routers : live).compactMap(\.view)
    }

    private func namedModels() -> [String: ModelCard] {
        var found: [String: ModelPool] = [:]
        for pool in views.flatMap({ $0.pools.values }).sorted(by: { $0.card.digest < $1.card.digest }) {
            for name in [pool.card.name] + pool.card.servedNames.map(\.text) + pool.card.loRAs.map(\.text) {
                // The pool that new requests go to, else the one with the most ready workers.
                if let other = found[name], (other.current ? 1 : 0, other.readyWorkers) >= (pool.current ? 1 : 0, pool.readyWorkers) {
                    continue
                }
                found[name] = pool
            }
        }
        return found.mapValues(\.card)
    }
}

extension ProcessState {
    /// Lower is better.
    fileprivate var rank: Int {
        switch self {
        case .ready: 0
        case .degraded: 1
        case .starting: 2
        case .draining: 3
        case .stopped: 4
        }
    }
}
