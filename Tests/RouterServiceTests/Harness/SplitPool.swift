import ClusterModel
import Scheduling
import Testing
import WireProtocol

@testable import RouterService

/// Pools in which one worker prefills and another one decodes.
enum SplitPool {
    /// One that serves a leg, in a pool with workers of the other role; `build` names the kind of its state.
    static func worker(
        _ id: UInt64, _ role: WorkerRole, in world: RouterWorld, build: String = "1",
        paths: Capabilities = [.concurrentHandOver, .sequentialHandOver], shape: Bool = true,
        _ change: (inout WorkerScript) -> Void = { _ in }
    ) -> ScriptedWorker {
        world.readyWorker(id) { script in
            script.role = role
            script.card.capabilities.formUnion(paths)
            script.registration = {
                $0.engineBuild = build
                if shape {
                    $0.kvShape = KVShape(
                        layers: 2, heads: 2, headDimension: 64, blockTokens: 16, blockBytes: 4_096, elementType: .float16, layout: "pages")
                }
            }
            change(&script)
        }
    }

    /// Two who prefill and two who decode.
    static func pool(
        _ world: RouterWorld, paths: Capabilities = [.concurrentHandOver, .sequentialHandOver]
    ) -> (prefill: [ScriptedWorker], decode: [ScriptedWorker]) {
        let prefill = (1...2 as ClosedRange<UInt64>).map { worker($0, .prefill, in: world, paths: paths) }
        return (prefill, (3...4 as ClosedRange<UInt64>).map { worker($0, .decode, in: world, paths: paths) })
    }

    static func key(_ plan: PlanEntry, _ world: RouterWorld, _ frontend: ScriptedFrontend) -> RequestKey {
        world.on(frontend) { $0.key(plan) }
    }

    static func lease(_ leg: PlanLeg?, _ world: RouterWorld) -> Lease? {
        guard let leg else { return nil }
        return world.look { $0.core?.ledger.table[leg.lease] }
    }

    /// The decode leg of a request whose prefill leg was placed by this plan.
    static func second(
        _ first: PlanEntry, _ world: RouterWorld, _ frontend: ScriptedFrontend, _ change: (inout RouteEntry) -> Void = { _ in }
    ) -> PlanEntry {
        world.plan(frontend) {
            $0.counter = first.counter
            $0.attempt = first.attempt
            $0.wish = .decode
            change(&$0)
        }
    }

    /// All of them are that far behind, and the router has heard it.
    static func load(_ workers: [ScriptedWorker], _ waiting: UInt64, _ world: RouterWorld) {
        for worker in workers {
            let id = world.on(worker) { $0.script.id }
            world.on(worker) { $0.load(waiting: waiting) }
            world.until("heard") { world.record(id)?.waitingTokens == waiting }
        }
    }
}
