import EventLoop

/// Bounds of the queue's work in a running router, and the reasons for them.
enum QueueingLimits {
    /// Tries in one turn of the loop, over all pools: some milliseconds with thousands of workers; the rest follows in the next turn.
    static let triesPerTurn = 128
    /// Lanes of a pool that are opened again at once: what they cost is less than what they leave to those that were not tried yet.
    static let reopened = 32
    /// A pool without a worker that takes work keeps its parked requests this long: a worker that was suspected, or starts anew, is back by then.
    static let workerless = Duration.seconds(5)
    /// What all parked requests may take together: with the longest prompts it is reached before the number of entries.
    static let bytes = 256 << 20
    /// An entry without its lists.
    static let entryBytes = 1 << 10
    /// Of a rank that has not said how much it computes in a step: what engines do by default.
    static let assumedStepTokens: UInt64 = 8_192
}
