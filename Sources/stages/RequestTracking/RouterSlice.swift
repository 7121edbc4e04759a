/// What a router says of a request that it placed. Durations are of its own clock.
package struct RouterSlice: Hashable, Sendable {
    /// Parked until there was room.
    package var queue: Duration
    /// From taken up to booked.
    package var decision: Duration
    /// Of the prompt, believed to be cached on the device where it is computed.
    package var overlapBlocks: UInt32
    /// Blocks of the prompt, the last one perhaps not full.
    package var promptBlocks: UInt32
    /// Requests parked after this decision.
    package var queueDepth: UInt32

    package init(
        queue: Duration = .zero, decision: Duration = .zero, overlapBlocks: UInt32 = 0, promptBlocks: UInt32 = 0, queueDepth: UInt32 = 0
    ) {
        self.queue = queue
        self.decision = decision
        self.overlapBlocks = overlapBlocks
        self.promptBlocks = promptBlocks
        self.queueDepth = queueDepth
    }
}
