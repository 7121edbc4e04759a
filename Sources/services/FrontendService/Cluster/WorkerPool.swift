import ClusterModel
import EventLoop
import ProcessKit
import Telemetry
import Transport
import WireProtocol

/// Data links to every worker that a directory names, opened before anyone needs them.
@LoopActor
final class WorkerPool {
    private struct Life: Hashable {
        let worker: UInt64
        let generation: UInt64
    }

    private let context: ProcessContext
    private let endpoint: LinkEndpoint
    private let breaker: BreakerLimits
    private let lateFrames: Counter
    private let breakers: BreakerMetrics
    /// Told when a link opens or ends: somebody may wait for it.
    private let changed: @LoopActor () -> Void
    private var clients: [Life: WorkerClient] = [:]
    /// Named, and told of once.
    private var withoutAddress: Set<Life> = []
    private var timer: TimerHandle?
    /// In the order in which they were barred.
    private var barred: [WorkerClient] = []
    /// Workers to which a plan would be of no use, ascending; not more than a message names.
    private(set) var unreachable: [UInt64] = []

    /// A link to a worker that no router names any more is kept this long: a router that restarts forgets its workers, and hears of them
    /// again within a second or two.
    private static let linger = Duration.seconds(10)
    /// A link that broke is waited for this long: if its worker is gone, its routers have found that by then.
    static let linkReturn = TransportLimits.deadAfter

    init(
        context: ProcessContext, endpoint: LinkEndpoint, breaker: BreakerLimits, lateFrames: Counter,
        changed: @escaping @LoopActor () -> Void
    ) {
        self.context = context
        self.endpoint = endpoint
        self.breaker = breaker
        breakers = BreakerMetrics(registry: context.metrics)
        self.lateFrames = lateFrames
        self.changed = changed
    }

    func client(_ worker: UInt64, generation: UInt64) -> WorkerClient? { clients[Life(worker: worker, generation: generation)] }

    /// Whether there is a link to some life of that worker.
    func reaches(_ worker: UInt64) -> Bool { clients.values.contains { $0.workerID == worker && $0.isOpen } }

    /// Until when a link to a worker of that card is expected back: it broke, the worker is still named, and is dialled anew. Nil: there is none.
    func linkExpected(to pool: Digest, besides excluded: [UInt64]) -> Instant? {
        var last: Instant?
        // Order: the latest.
        for client in clients.values where client.isNamed && client.entry.pool == pool && !excluded.contains(client.workerID) {
            guard let end = client.lostAt.map({ $0 + Self.linkReturn }), end > context.loop.now else { continue }
            last = max(last ?? end, end)
        }
        return last
    }

    /// In order of their ids.
    var all: [WorkerClient] {
        clients.values.sorted { ($0.workerID, $0.generation) < ($1.workerID, $1.generation) }
    }

    // Order: a count, and sums.
    var openLinks: Int { clients.values.count(where: \.isOpen) }
    var openRequests: Int { clients.values.reduce(0) { $0 + $1.openRequests } }
    var openLegs: Int { clients.values.reduce(0) { $0 + $1.openLegs } }

    /// Follows the directory: new lives are dialled, lives that nobody names are let go once nothing runs there.
    ///
    /// A router's verdict stops new plans only: a stream ends by the verdict of its own link.
    func follow(_ workers: [WorkerEntry]) {
        var named: Set<Life> = []
        for entry in workers where entry.state != .stopped {
            let life = Life(worker: entry.workerID, generation: entry.generation)
            named.insert(life)
            if let known = clients[life] {
                known.named(entry)
                continue
            }
            guard let address = Address(advertised: entry.endpoints.linkAddress, peer: nil) else {
                if withoutAddress.insert(life).inserted {
                    context.log.warning("worker without an address", ["worker": .hex(entry.workerID)])
                }
                continue
            }
            let client = WorkerClient(
                entry, at: address, context: context, endpoint: endpoint, breaker: breaker, lateFrames: lateFrames
            ) { [weak self] in
                self?.review()
                self?.changed()
            }
            clients[life] = client
            client.start()
        }
        withoutAddress.formIntersection(named)
        // Order: each is changed by itself.
        for (life, client) in clients {
            client.isNamed = named.contains(life)
            client.unnamedSince = client.isNamed ? nil : client.unnamedSince ?? context.loop.now
        }
        review()
    }

    func stop() {
        context.loop.cancel(timer)
        for client in all { client.stop(.leaving) }
        clients.removeAll()
        barred.removeAll()
    }

    // MARK: Workers that fail all they are given

    /// It failed a request that another one may do.
    func failed(_ client: WorkerClient) {
        guard client.breaker.failed(at: context.loop.now) else { return }
        barred.append(client)
        breakers.opened(barred.count)
        context.log.warning(
            "worker barred", ["worker": .hex(client.workerID), "failures": .count(client.breaker.failuresInARow)])
    }

    func gaveTokens(_ client: WorkerClient) { if client.breaker.gaveTokens() { admit(client) } }
    func endedWell(_ client: WorkerClient) { if client.breaker.endedWell() { admit(client) } }

    private func admit(_ client: WorkerClient) {
        forget(client)
        breakers.closed(barred.count)
        context.log.info("worker admitted again", ["worker": .hex(client.workerID)])
    }

    private func forget(_ client: WorkerClient) {
        barred.removeAll { $0 === client }
        breakers.show(barred.count)
    }

    var hasBarred: Bool { !barred.isEmpty }
    var barredWorkers: [(worker: UInt64, failures: Int)] { barred.map { ($0.workerID, $0.breaker.failuresInARow) } }

    /// Workers of a pool that a request is not to be given to, besides those that it excludes itself.
    ///
    /// Never all that do the same work: who has nowhere else to go may as well try, and a client whose requests fail wherever they run shuts nobody
    /// else out.
    func bar(from pool: Digest, besides excluded: [UInt64], pinned: [WorkerID]) -> BarredWorkers {
        var result = BarredWorkers()
        for client in barred where client.entry.pool == pool && !pinned.contains(WorkerID(client.workerID)) {
            guard hasOther(than: client, besides: excluded) else { continue }
            if client.breaker.admits(at: context.loop.now) {
                breakers.tried()
                result.tried.append(client)
            } else {
                result.workers.append(client.workerID)
            }
        }
        return result
    }

    private func hasOther(than client: WorkerClient, besides excluded: [UInt64]) -> Bool {
        // Order: whether there is one.
        clients.values.contains { other in
            other.isOpen && !other.breaker.isBarred && other.entry.pool == client.entry.pool && other.entry.role == client.entry.role
                && (other.entry.state == .ready || other.entry.state == .degraded) && !excluded.contains(other.workerID)
        }
    }

    private func review() {
        letGo()
        var reached: Set<UInt64> = [], failed: Set<UInt64> = []
        // Order: both are sets, and what is made of them is sorted.
        for client in clients.values {
            // A link that is on its way is waited for.
            if client.isOpen || !client.hasFailed { reached.insert(client.workerID) } else { failed.insert(client.workerID) }
        }
        unreachable = Array(failed.subtracting(reached).sorted().prefix(Limits.workerIDs))
    }

    /// Lives that nobody names: at once if their link is gone, else when nothing runs there and some time has passed.
    private func letGo() {
        var next: Instant?
        for client in all {
            guard let since = client.unnamedSince else { continue }
            let end = since + Self.linger
            if client.isOpen, client.openRequests > 0 { continue }
            guard !client.isOpen || end <= context.loop.now else {
                next = min(next ?? end, end)
                continue
            }
            clients[Life(worker: client.workerID, generation: client.generation)] = nil
            forget(client)
            client.stop(.done)
        }
        context.loop.cancel(timer)
        timer = next.map { context.loop.schedule(at: $0) { [weak self] in self?.review() } }
    }
}
