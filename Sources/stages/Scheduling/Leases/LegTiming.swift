package import ClusterModel

/// How large a leg is by the word of whoever asked for it, and when its stages began on this router's clock.
///
/// What a worker says of its own speed is held against this: see `LatencyMeter`.
package struct LegTiming: Hashable, Sendable {
    /// Of the prompt.
    package let promptTokens: UInt32
    /// All choices together may not have more.
    package let mostOutputTokens: UInt64
    package let choices: UInt8
    /// The worker's event was applied.
    package var startedAt: Instant?
    /// Of the prompt, not found in the cache when it started.
    package var computedTokens: UInt32 = 0
    /// The worker's event was applied.
    package var prefilledAt: Instant?

    package init(promptTokens: UInt32, mostOutputTokens: UInt64, choices: UInt8) {
        self.promptTokens = promptTokens
        self.mostOutputTokens = mostOutputTokens
        self.choices = choices
    }

    /// A request that was preempted starts again: its first start counts.
    mutating func started(cachedTokens: UInt32, at now: Instant) {
        guard startedAt == nil else { return }
        startedAt = now
        computedTokens = promptTokens - min(cachedTokens, promptTokens)
    }

    mutating func prefilled(at now: Instant) {
        if prefilledAt == nil { prefilledAt = now }
    }
}
