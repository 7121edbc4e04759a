import ClusterModel

extension Lease {
    /// The booking of one leg of a decision, with what is believed of its placement before it.
    package init(
        number: UInt64, _ leg: RouteDecision.Leg, for query: borrowing RouteQuery, attempt: UInt8, match: BlockMatch,
        settings: SelectionSettings, timing: LegTiming
    ) {
        let size = max(query.blockSize, 1)
        // A decode leg finds its prompt computed, and shares nothing unless the client says so.
        let isHalf = leg.role == .decode, tracks = query.trackPrefill ?? (isHalf ? false : settings.trackPrefill)
        let cached = min(UInt64(match.cached) * UInt64(size), UInt64(query.tokenCount))
        self.init(
            number: number, life: WorkerLife(worker: leg.choice.placement.worker, generation: leg.choice.generation),
            rank: leg.choice.placement.rank, role: leg.role, request: query.request, attempt: attempt, promptTokens: query.tokenCount,
            prefillTokens: isHalf && !tracks ? 0 : query.tokenCount - UInt32(cached), expectedOutputTokens: query.expectedOutputTokens,
            promptBlocks: UInt32(clamping: query.promptBlocks))
        hashes = query.hashes
        confirmedBlocks = isHalf ? 0 : match.confirmed
        sharesBlocks = query.assumeReuse ?? (isHalf ? false : settings.assumeReuse)
        tracksPrefill = tracks
        tracksWhole = query.trackPrefill ?? settings.trackPrefill
        self.timing = timing
    }
}
