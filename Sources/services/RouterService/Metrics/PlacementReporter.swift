import ClusterModel
import EventLoop
import Telemetry
import WireProtocol

/// Tells of each placement: on the router's stream, and in what was achieved of what the cluster's caches could have had.
@LoopActor
final class PlacementReporter {
    private let publisher: StatePublisher
    private var seen: SeenBlocks
    private let promptBlocks: Counter
    private let hitBlocks: Counter
    private let reachableBlocks: Counter

    /// - Parameter secret: unknown to peers.
    init(_ publisher: StatePublisher, registry: MetricsRegistry, secret: UInt64) {
        self.publisher = publisher
        seen = SeenBlocks(secret: secret)
        promptBlocks = registry.counter("apus_router_prompt_blocks_total", help: "Blocks of the prompts of requests that were placed.")
        hitBlocks = registry.counter(
            "apus_router_hit_blocks_total", help: "Of the prompts' blocks, those believed to be on the device where they were placed.")
        reachableBlocks = registry.counter(
            "apus_router_reachable_blocks_total",
            help: "Of the prompts' blocks, those that one cache for all workers would have had: they were in a prompt placed here before.")
    }

    /// The plan is complete and leaves now. A request that is placed again has seen its own blocks: it is told of, and not counted.
    func placed(_ plan: PlanEntry, of entry: RouteEntry, origin: UInt64) {
        let reachable = seen.note(entry.sequenceHashes, pool: plan.pool.word)
        if plan.attempt == 1, let leg = plan.legs.first {
            promptBlocks.increment(by: Int(plan.promptBlocks))
            hitBlocks.increment(by: Int(leg.deviceBlocks))
            reachableBlocks.increment(by: reachable)
        }
        let slice = RouteSlice(
            request: RequestKey(origin: origin, counter: plan.counter, attempt: plan.attempt), outcome: plan.outcome, legs: plan.legs,
            promptBlocks: plan.promptBlocks, reachableBlocks: UInt32(clamping: reachable), queueMicroseconds: plan.queueMicroseconds,
            decisionNanoseconds: plan.decisionNanoseconds, queueDepth: plan.queueDepth)
        publisher.publish(.routeSlice(slice))
    }

    /// Blocks that are remembered.
    var remembered: Int { seen.count }
}

extension Digest {
    /// Its first bytes: enough to keep the pools of one cluster apart.
    fileprivate var word: UInt64 { (0..<8).reduce(0) { $0 << 8 | UInt64(self[$1]) } }
}
