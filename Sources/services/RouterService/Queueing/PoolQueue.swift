import ClusterModel
import EventLoop
import Scheduling
import WireProtocol

/// A plan that is not made yet, and whom it is for.
struct ParkedPlan {
    let entry: RouteEntry
    let handler: RouteHandler
    let ticket: QueueTicket
    let since: Instant

    /// At least the memory that it takes while it is parked.
    var bytes: Int { Self.bytes(of: entry) }

    static func bytes(of entry: RouteEntry) -> Int {
        // The lists of workers stand in its lane as well.
        let workers = entry.options.allowedWorkers.count + entry.options.excludedWorkers.count + entry.options.unreachableWorkers.count
        return 8 * (entry.sequenceHashes.count + 2 * workers) + QueueingLimits.entryBytes
    }
}

/// What is parked in one pool: the order is the stage's, the requests themselves stand beside it.
@LoopActor
final class PoolQueue {
    var pool: Pool
    var order: RequestQueue
    /// By the index of the ticket.
    private var plans: [ParkedPlan?] = []
    /// Since nobody in the pool takes work.
    var workerlessSince: Instant?
    /// As it was last published.
    private(set) var published: QueueDepth?
    /// How many tokens may be parked: of what those of the pool's workers who prefill compute in one step together.
    private(set) var tokenLimit: UInt64 = 0

    init(_ pool: Pool, _ settings: QueueSettings, at now: Instant) {
        self.pool = pool
        order = RequestQueue(settings, at: now)
        measure()
    }

    // MARK: Plans

    func park(
        _ entry: RouteEntry, _ request: ParkedRequest, from handler: RouteHandler, isBusy: Bool, at now: Instant
    ) throws(QueueRefusal) -> QueueTicket {
        let ticket = try order.park(request, isBusy: isBusy, tokenLimit: tokenLimit, at: now)
        while plans.count <= ticket.index { plans.append(nil) }
        plans[ticket.index] = ParkedPlan(entry: entry, handler: handler, ticket: ticket, since: now)
        return ticket
    }

    subscript(ticket: QueueTicket) -> ParkedPlan {
        guard let plan = plans[ticket.index], plan.ticket == ticket else { preconditionFailure("a ticket of this queue") }
        return plan
    }

    func forget(_ ticket: QueueTicket) { plans[ticket.index] = nil }

    // MARK: Now and then

    /// The pool's workers may have changed.
    func measure() {
        tokenLimit = UInt64(order.settings.batches) * pool.prefillStepTokens(assumed: QueueingLimits.assumedStepTokens)
    }

    /// What is to be published, if it differs from what was. An age alone is worth no message, nor is a rate while nothing is parked.
    func change(at now: Instant) -> QueueDepth? {
        let depth = depth(at: now)
        guard depth.requests > 0 || (published?.requests ?? 0) > 0 else { return nil }
        if var same = published {
            same.oldestMilliseconds = depth.oldestMilliseconds
            if same == depth { return nil }
        }
        published = depth
        return depth
    }

    private func depth(at now: Instant) -> QueueDepth {
        QueueDepth(
            model: pool.name, pool: pool.digest, requests: UInt32(clamping: order.count), tokens: order.tokens,
            oldestMilliseconds: UInt32(clamping: order.oldestArrival?.duration(to: now).inMilliseconds ?? 0),
            drainedTokensPerSecond: UInt64(order.rate(at: now) ?? 0))
    }
}
