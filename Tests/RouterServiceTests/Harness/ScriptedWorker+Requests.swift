import ClusterModel
import EventLoop
import Scheduling
import Testing
import Transport
import WireProtocol

@testable import RouterService

/// What a worker says of a request that it runs.
extension ScriptedWorker {
    func start(_ leg: PlanLeg, cached: UInt32) {
        publish([.requestStarted(RequestStarted(lease: leg.lease, rank: leg.rank, cachedTokens: cached, waitedMicroseconds: 0))])
    }

    func prefilled(_ leg: PlanLeg, microseconds: UInt64 = 0) {
        publish([.prefillDone(PrefillDone(lease: leg.lease, rank: leg.rank, prefillMicroseconds: microseconds))])
    }

    func end(_ leg: PlanLeg, _ request: RequestKey, output: UInt32, decodeMicroseconds: UInt64) {
        var ended = RequestEnded()
        ended.lease = leg.lease
        ended.request = request
        ended.rank = leg.rank
        ended.reason = .finished
        ended.outputTokens = output
        ended.durations.decodeMicroseconds = decodeMicroseconds
        publish([.requestEnded(ended)])
        held.removeAll { $0.lease == leg.lease }
    }

    func store(_ hashes: [UInt64], rank: UInt32 = 0) {
        publish([.blocksStored(BlocksStored(rank: rank, tier: .device, parent: nil, hashes: hashes))])
    }

    /// From its acceptance to its end in one go: it finds so many tokens, computes the rest and says what it keeps of it.
    func serve(_ leg: PlanLeg, _ request: RequestKey, cached: UInt32, stores: [UInt64] = []) {
        accept(leg, request)
        start(leg, cached: cached)
        if !stores.isEmpty { store(stores) }
        prefilled(leg)
        end(leg, request)
    }
}

extension RouterWorld {
    /// Asks, has the worker serve it, and waits until the router knows.
    @discardableResult
    func serve(
        _ frontend: ScriptedFrontend, on worker: ScriptedWorker, _ hashes: [UInt64] = [1, 2, 3, 4], cached: UInt32, stores: Bool = false
    ) -> PlanEntry {
        let plan = plan(frontend) { $0.sequenceHashes = hashes }, key = on(frontend) { $0.key(plan) }
        guard let leg = plan.legs.first else { return plan }
        on(worker) { $0.serve(leg, key, cached: cached, stores: stores ? hashes : []) }
        until("served") { [self] in look { $0.core?.ledger.table[leg.lease] == nil } }
        return plan
    }

    /// How the router uses that worker's cache events now.
    func events(_ id: UInt64) -> EventsMode? { look { $0.core?.workers[WorkerID(id)]?.events } }

    /// One whose cache events are believed.
    func believedWorker(_ id: UInt64, _ change: (inout WorkerScript) -> Void = { _ in }) -> ScriptedWorker {
        let worker = readyWorker(id, change)
        until("worker \(id) is believed") { [self] in events(id) == .exact }
        return worker
    }

    /// While `body` runs nothing of that worker's feed arrives.
    func losing(_ worker: ScriptedWorker, _ body: () -> Void) {
        var faults = LinkFaults()
        faults.feedLoss = 1
        fabric.plan[worker.host.name, Self.routerName] = faults
        body()
        pass(.milliseconds(1))
        fabric.plan[worker.host.name, Self.routerName] = LinkFaults()
    }
}
