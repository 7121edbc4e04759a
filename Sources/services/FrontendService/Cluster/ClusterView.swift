import ClusterModel
import EventLoop
import ProcessKit
import Transport
import WireProtocol

/// What the routers together say: models, their pools, and where workers are. A worker is usable if any router has it ready.
///
/// It holds no copy: routers are few, and each keeps its own view.
@LoopActor
final class ClusterView {
    private(set) var routers: [RouterClient] = []
    private var models: [String: ModelCard]?
    /// Names that stood for a model at some time: while its workers or routers come back, nobody is told that there is no such model.
    private var remembered: Set<String> = []
    private var nextRouter = 0
    private var waiting: [Signal] = []

    func add(_ router: RouterClient) { routers.append(router) }

    /// Names of cards, never of requests; far more than a cluster has at a time.
    private static let rememberedLimit = 4_096

    /// Called by whoever hears of a change.
    func invalidate() {
        models = nil
        // Order: all are added, or as many as there is room for.
        for name in allModels.keys where remembered.count < Self.rememberedLimit { remembered.insert(name) }
    }

    /// Whether a model that no router names now may still be one: it was, or the routers know none at all yet.
    func mayReturn(_ name: String) -> Bool { remembered.contains(name) || views.allSatisfy(\.pools.isEmpty) }

    /// A router that can be asked now; they take turns.
    func router(besides excluded: [RouterClient] = []) -> RouterClient? {
        for step in 0..<routers.count {
            let index = (nextRouter + step) % routers.count
            if routers[index].isUsable, !excluded.contains(where: { $0 === routers[index] }) {
                nextRouter = index + 1
                return routers[index]
            }
        }
        return nil
    }

    var hasUsableRouter: Bool { routers.contains(where: \.isUsable) }

    // MARK: Waiting for a change

    /// Whoever waits for a change looks up this often as well: its client may have left.
    static let lookAgain = Duration.milliseconds(100)

    /// Returns at the next change of what routers say, or at the deadline.
    func change(until deadline: Instant, on loop: Loop) async {
        let signal = Signal(on: loop)
        waiting.append(signal)
        await signal.pause(until: deadline)
        waiting.removeAll { $0 === signal }
    }

    func wakeWaiting() {
        let signals = waiting
        waiting.removeAll()
        for signal in signals { signal.wake() }
    }

    func router(id: UInt64) -> RouterClient? { routers.first { $0.identity?.id == id } }

    /// The card that a client's model name stands for: a name of the card, or of an adapter.
    func card(named name: String) -> ModelCard? { allModels[name] }

    /// Names in order, each with its card; adapters and other served names among them.
    var modelNames: [(name: String, card: ModelCard)] {
        allModels.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.compactMap { name in allModels[name].map { (name, $0) } }
    }

    /// Every card that some router knows, each once.
    var cards: [ModelCard] {
        var seen: Set<Digest> = []
        return views.flatMap { view in view.pools.values.map(\.card) }
            .sorted { $0.digest < $1.digest }
            .filter { seen.insert($0.digest).inserted }
    }

    /// The worker as the first router sees it that has it ready, else as any does.
    func worker(_ id: UInt64, generation: UInt64) -> WorkerEntry? {
        let known = views.compactMap { $0.workers[id] }.filter { $0.generation == generation }
        return known.first { $0.state == .ready || $0.state == .degraded } ?? known.first
    }

    /// Workers of any router, each once, in order.
    var workers: [WorkerEntry] {
        var seen: Set<UInt64> = []
        return views.flatMap { Array($0.workers.values) }
            .sorted { ($0.workerID, $0.generation) < ($1.workerID, $1.generation) }
            .filter { seen.insert($0.workerID ^ $0.generation).inserted }
    }

    /// Workers that can give the files of a card.
    func workers(of pool: Digest) -> [WorkerEntry] { workers.filter { $0.pool == pool && $0.state != .stopped } }

    private var views: [RouterView] { routers.compactMap(\.view) }

    private var allModels: [String: ModelCard] {
        if let models { return models }
        var found: [String: (pool: ModelPool, isCurrent: Bool)] = [:]
        for pool in views.flatMap({ $0.pools.values }).sorted(by: { $0.card.digest < $1.card.digest }) {
            for name in [pool.card.name] + pool.card.servedNames.map(\.text) + pool.card.loRAs.map(\.text) {
                // The pool that new requests go to, else the one with the most ready workers.
                if let other = found[name], (other.isCurrent ? 1 : 0, other.pool.readyWorkers) >= (pool.current ? 1 : 0, pool.readyWorkers) {
                    continue
                }
                found[name] = (pool, pool.current)
            }
        }
        let cards = found.mapValues(\.pool.card)
        models = cards
        return cards
    }
}
