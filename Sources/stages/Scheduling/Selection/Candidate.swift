package import ClusterModel

/// One placement as a policy sees it: what it can do, whether it takes work, and how loaded it is.
package struct Candidate: Sendable {
    package let placement: Placement
    package let generation: Generation
    package let role: PlacementRole
    /// Bits.
    package let capabilities: UInt64
    package let loRAs: Set<String>
    /// Of one engine step; 0: unknown.
    package let maxBatchedTokens: UInt32
    /// Its place in the block index; none: routed by load alone.
    package var slot: PlacementSlot?
    /// In the index, on the device: ties go to the one with fewer.
    package var indexedBlocks: UInt64 = 0
    package var isReady: Bool
    package var load: CandidateLoad
    /// When it was last chosen, in turns of its pool; 0: never.
    package var lastTurn: UInt64

    package init(
        placement: Placement, generation: Generation, role: PlacementRole, capabilities: UInt64, loRAs: Set<String> = [],
        maxBatchedTokens: UInt32, isReady: Bool, load: CandidateLoad = CandidateLoad(), lastTurn: UInt64 = 0
    ) {
        self.placement = placement
        self.generation = generation
        self.role = role
        self.capabilities = capabilities
        self.loRAs = loRAs
        self.maxBatchedTokens = maxBatchedTokens
        self.isReady = isReady
        self.load = load
        self.lastTurn = lastTurn
    }

    /// Too loaded for what is not bound to it.
    package func isBusy(_ thresholds: BusyThresholds = BusyThresholds()) -> Bool {
        let waits = maxBatchedTokens > 0 && Double(load.waitingTokens) > thresholds.waitingBatches * Double(maxBatchedTokens)
            || load.waitingTokens > thresholds.waitingTokens
        let isFull = load.totalBlocks > 0 && Double(load.activeBlocks) >= thresholds.activeBlocks * Double(load.totalBlocks)
        return waits || isFull
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
}

/// Above which load a placement gets no new plan.
package struct BusyThresholds: Hashable, Sendable {
    /// Waiting prefill, in engine steps of the placement.
    package var waitingBatches = 1.0
    /// Waiting prefill, whatever the placement computes in a step.
    package var waitingTokens = UInt64.max
    /// Share of the blocks that requests hold.
    package var activeBlocks = 0.95

    package init() {}
}
