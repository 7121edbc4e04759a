package import ClusterModel

/// One placement as a policy sees it: what it can do, whether it takes work, and how loaded it is.
package struct Candidate: Sendable {
    package let placement: Placement
    package let generation: Generation
    package let role: PlacementRole
    /// Bits.
    package let capabilities: UInt64
    package let loRAs: Set<String>
    /// Whom it can give KV state, and from whom it takes it.
    package let kv: KVSide
    /// Of one engine step; 0: unknown.
    package let maxBatchedTokens: UInt32
    /// That its engine runs at once, each choice of a request counted; 0: unknown.
    package let maxSequences: UInt32
    /// Its place in the block index; none: routed by load alone.
    package var slot: PlacementSlot?
    /// In the index, on the device: ties go to the one with fewer.
    package var indexedBlocks: UInt64 = 0
    /// How often its whole cache was written anew, as `CacheTurnover` counts it. Means nothing without a place in the index.
    package var turnover: Float = 0
    package var isReady: Bool
    package var load: CandidateLoad
    /// What its worker was measured to need; none: not measured yet.
    package var latency: LatencyEstimate?
    /// When it was last chosen, in turns of its pool; 0: never.
    package var lastTurn: UInt64

    package init(
        placement: Placement, generation: Generation, role: PlacementRole, capabilities: UInt64, loRAs: Set<String> = [],
        kv: KVSide = .none, maxBatchedTokens: UInt32, maxSequences: UInt32 = 0, isReady: Bool, load: CandidateLoad = CandidateLoad(),
        lastTurn: UInt64 = 0
    ) {
        self.placement = placement
        self.generation = generation
        self.role = role
        self.capabilities = capabilities
        self.loRAs = loRAs
        self.kv = kv
        self.maxBatchedTokens = maxBatchedTokens
        self.maxSequences = maxSequences
        self.isReady = isReady
        self.load = load
        self.lastTurn = lastTurn
    }

    /// Whether its engine can run so many choices of one request side by side.
    @inline(__always)
    package func takes(choices: UInt32) -> Bool { maxSequences == 0 || choices <= maxSequences }

    /// Requests there, each full engine step of waiting prefill counted as one more.
    var pressure: Double { CostInputs(self, BlockMatch()).pressure }

    /// Too loaded for one more request that is bound to it: that waits.
    @inline(__always)
    package func isBusy(_ thresholds: BusyThresholds = BusyThresholds()) -> Bool {
        load.isBusy(stepTokens: maxBatchedTokens, thresholds)
    }
}

/// Load of one placement, as its worker last said and as this router's leases add to it.
package struct CandidateLoad: Hashable, Sendable {
    /// Prefill tokens that the worker said wait.
    package var waitingTokens: UInt64 = 0
    /// Requests that the worker said it has, waiting and running.
    package var requests: UInt32 = 0
    package var activeBlocks: UInt32 = 0
    package var totalBlocks: UInt32 = 0
    /// Prefill tokens booked here, of which the worker has not spoken yet.
    package var bookedTokens: UInt64 = 0
    /// Requests booked here, of which the worker has not spoken yet.
    package var bookedRequests: UInt32 = 0
    /// Of the ledger, all routers' requests that are booked or run there: prefill still to do.
    package var ledgerTokens: UInt64 = 0
    /// Of the ledger: blocks that those requests hold, shared ones once, output blocks with their decay.
    package var ledgerBlocks: UInt64 = 0
    /// Of the ledger.
    package var ledgerRequests: UInt32 = 0

    package init() {}

    /// What is believed to wait there for prefill.
    package var believedTokens: UInt64 { waitingTokens &+ min(bookedTokens, .max - waitingTokens) }
    package var believedRequests: UInt64 { UInt64(requests) + UInt64(bookedRequests) }

    // The ledger and the worker each miss something. The ledger does not know what no router planned, or what a gap in the stream hid; the
    // worker's last word does not know what was booked or accepted since. Neither says too much, so the larger one is nearer to the truth, and
    // their sum would count most requests twice.

    /// What this router's leases, and those it heard of, come to there now.
    package mutating func take(_ ledger: (count: LeaseCount, blocks: UInt64)) {
        bookedTokens = ledger.count.bookedTokens
        bookedRequests = ledger.count.bookedRequests
        ledgerTokens = ledger.count.prefillTokens
        ledgerBlocks = ledger.blocks
        ledgerRequests = ledger.count.requests
    }

    /// Prefill to be done there before that of a new request.
    package var prefillTokens: UInt64 { max(ledgerTokens, believedTokens) }
    package var heldRequests: UInt64 { max(UInt64(ledgerRequests), believedRequests) }
    /// Blocks that requests hold. If the ledger knows every request there it is believed although the worker says more: it counts output blocks
    /// that will soon be free for less. Otherwise somebody else holds them too, and the worker's count stands.
    package var heldBlocks: UInt64 {
        let knowsAll = ledgerRequests > 0 && believedRequests <= UInt64(ledgerRequests)
        return knowsAll ? ledgerBlocks : max(ledgerBlocks, UInt64(activeBlocks))
    }

    /// Whether that is too much for one more request, on a placement of such engine steps: it is full, or behind.
    @inline(__always)
    func isBusy(stepTokens: UInt32, _ thresholds: BusyThresholds) -> Bool {
        isFull(thresholds) || isBehind(stepTokens: stepTokens, thresholds)
    }

    /// Requests hold so many of its blocks that one more might push another out.
    @inline(__always)
    func isFull(_ thresholds: BusyThresholds) -> Bool {
        totalBlocks > 0 && Double(max(UInt64(activeBlocks), ledgerBlocks)) >= thresholds.activeBlocks * Double(totalBlocks)
    }

    /// So much prefill waits there that one more would wait long.
    @inline(__always)
    func isBehind(stepTokens: UInt32, _ thresholds: BusyThresholds) -> Bool {
        let waiting = prefillTokens
        return stepTokens > 0 && Double(waiting) > thresholds.waitingBatches * Double(stepTokens) || waiting > thresholds.waitingTokens
    }
}

/// Above which load a placement is busy. Either is off at infinity. May be changed while the router runs.
///
/// A full one gets no new plan. One that is behind gets none by a pin, a session, a preference or a policy without a price for waiting prefill; a
/// policy that has one may find it the best all the same, as long as anybody is not busy: what is cached there may be worth the wait, and shut out
/// at every peak it would lose its prompts to others, which compute and keep them once more.
package struct BusyThresholds: Hashable, Sendable {
    /// Waiting prefill, in engine steps of the placement.
    package var waitingBatches: Double
    /// Waiting prefill, whatever the placement computes in a step.
    package var waitingTokens: UInt64
    /// Share of the blocks that requests hold.
    package var activeBlocks: Double

    package init(waitingBatches: Double = 1.0, waitingTokens: UInt64 = .max, activeBlocks: Double = 0.95) {
        self.waitingBatches = waitingBatches
        self.waitingTokens = waitingTokens
        self.activeBlocks = activeBlocks
    }

    /// Nobody is ever busy.
    package static let off = BusyThresholds(waitingBatches: .infinity, activeBlocks: .infinity)
}
