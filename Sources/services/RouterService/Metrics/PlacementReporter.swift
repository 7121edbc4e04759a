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
            help: "Of the prompts' blocks, those that one cache for all workers would have had: "
                + "a worker has them, or a prompt placed here before had.")
    }

    /// The plan is complete and leaves now. A request that is placed again has seen its own blocks: it is told of, and not counted.
    ///
    /// `longestMatch` is the longest prefix that any worker is believed to have. It may be longer than what was placed here: it has answers, what
    /// other routers placed, and what was placed before this router began.
    func placed(_ plan: PlanEntry, of entry: RouteEntry, origin: UInt64, longestMatch: UInt32) {
        let most = min(Int(longestMatch), Int(plan.promptBlocks))
        let reachable = max(seen.note(entry.sequenceHashes, pool: plan.pool.word), most)
        // Of a request that is handed over in sequence the prefill leg has been counted.
        if plan.attempt == 1, entry.wish != .decode, let leg = plan.legs.first {
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
