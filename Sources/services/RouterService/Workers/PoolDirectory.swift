import ClusterModel
import EventLoop
import Scheduling
import Telemetry
import WireProtocol

/// All pools, and which of them a name means.
///
/// A name is a card's, else one that workers serve beside it, else an adapter's: what stands in a card cannot be taken over by an adapter of the same
/// name.
@LoopActor
final class PoolDirectory: EndOfTurn {
    /// What a name means now.
    struct Named {
        let pool: Pool
        /// The name is a LoRA's.
        let isAdapter: Bool
    }

    private let loop: Loop
    private let publisher: StatePublisher
    private let metrics: RouterMetrics
    private var byDigest: [Digest: Pool] = [:]
    /// By digest.
    private(set) var all: [Pool] = []
    private var chooser = PoolChooser()
    private var adapters = PoolChooser()
    private var served = PoolChooser()
    private var names: [String: Named] = [:]
    private var isStale = false

    init(loop: Loop, publisher: StatePublisher, metrics: RouterMetrics) {
        self.loop = loop
        self.publisher = publisher
        self.metrics = metrics
    }

    subscript(digest: Digest) -> Pool? { byDigest[digest] }

    /// The pool that new requests for this name go to.
    func resolve(_ name: String) -> Named? {
        refresh()
        return names[name]
    }

    /// Other pools of the same model name.
    func others(than digest: Digest, named name: String) -> [Pool] { all.filter { $0.name == name && $0.digest != digest } }

    // MARK: Changes

    /// Puts a worker into the pool of its card, out of any other.
    func put(_ record: WorkerRecord) {
        guard let card = record.registration?.card else { return }
        if let old = record.pool, old.digest != card.digest { remove(record) }
        let pool = byDigest[card.digest] ?? make(card)
        pool.put(record)
        changed(pool)
    }

    func remove(_ record: WorkerRecord) {
        guard let pool = record.pool else { return }
        pool.remove(record)
        if pool.members.isEmpty { pool.emptySince = loop.now }
        changed(pool)
    }

    func judge(_ record: WorkerRecord) {
        guard let pool = record.pool, pool.judge(record) else { return }
        changed(pool)
    }

    /// Lets go of pools that have been empty for long.
    func sweep() {
        refresh()
        let now = loop.now
        for pool in all {
            if let since = pool.emptySince, since.duration(to: now) >= RouterLimits.emptyPool { forget(pool) }
        }
    }

    private func forget(_ pool: Pool) {
        pool.isGone = true
        byDigest[pool.digest] = nil
        all.removeAll { $0 === pool }
        isStale = true
        publisher.publish(.modelPoolGone(ModelPoolGone(model: pool.name, digest: pool.digest)))
    }

    private func make(_ card: ModelCard) -> Pool {
        let empty = all.filter { $0.emptySince != nil }
        if empty.count >= RouterLimits.emptyPools, let oldest = empty.min(by: { ($0.emptySince ?? .zero) < ($1.emptySince ?? .zero) }) {
            forget(oldest)
        }
        let pool = Pool(card)
        byDigest[card.digest] = pool
        all.insert(pool, at: all.firstIndex { card.digest < $0.digest } ?? all.count)
        return pool
    }

    private func changed(_ pool: Pool) {
        if !isStale { loop.atEndOfTurn(self) }
        isStale = true
        publisher.mark(pool)
    }

    func flush() { refresh() }

    // MARK: Names

    /// Once for however many changes there were since somebody asked.
    private func refresh() {
        guard isStale else { return }
        isStale = false
        var cards: [String: [Pool]] = [:], alsoServed: [String: [Pool]] = [:], ofAdapters: [String: [Pool]] = [:]
        for pool in all {
            cards[pool.name, default: []].append(pool)
            for name in pool.servedNames.sorted { alsoServed[name, default: []].append(pool) }
            for name in pool.loRAs.sorted { ofAdapters[name, default: []].append(pool) }
        }
        var chosen: [String: Named] = [:], split = 0
        for (name, pools) in cards.sorted(by: { $0.key < $1.key }) {
            let current = choose(name, pools, &chooser)
            chosen[name] = current.map { Named(pool: $0, isAdapter: false) }
            if pools.count(where: { !$0.members.isEmpty }) > 1 { split += 1 }
            for pool in pools where pool.isCurrent != (pool === current) {
                pool.isCurrent = pool === current
                publisher.mark(pool)
            }
        }
        for (name, pools) in alsoServed.sorted(by: { $0.key < $1.key }) where chosen[name] == nil {
            chosen[name] = choose(name, pools, &served).map { Named(pool: $0, isAdapter: false) }
        }
        for (name, pools) in ofAdapters.sorted(by: { $0.key < $1.key }) where chosen[name] == nil {
            chosen[name] = choose(name, pools, &adapters).map { Named(pool: $0, isAdapter: true) }
        }
        for (name, _) in names.sorted(by: { $0.key < $1.key }) {
            if cards[name] == nil { chooser.choose(for: name, among: []) }
            if alsoServed[name] == nil { served.choose(for: name, among: []) }
            if ofAdapters[name] == nil { adapters.choose(for: name, among: []) }
        }
        names = chosen
        metrics.splitModels.set(split)
    }

    private func choose(_ name: String, _ pools: [Pool], _ chooser: inout PoolChooser) -> Pool? {
        let digest = chooser.choose(for: name, among: pools.map { .init(digest: $0.digest, readyWorkers: $0.readyWorkers) })
        return pools.first { $0.digest == digest }
    }
}
