/// How many requests ended how, and what they asked for and got; of a whole run, or of one tenant.
package struct RequestCounts: Equatable, Sendable {
    package internal(set) var complete: UInt64 = 0
    /// Their client went away, as was planned.
    package internal(set) var left: UInt64 = 0
    package internal(set) var failed: UInt64 = 0
    /// Given up by the load's own sender.
    package internal(set) var unsent: UInt64 = 0
    /// Of the complete ones, those within the goodput limits.
    package internal(set) var good: UInt64 = 0
    package internal(set) var promptTokens: UInt64 = 0
    /// Of all requests, also of those that failed later.
    package internal(set) var outputTokens: UInt64 = 0
    package internal(set) var goodOutputTokens: UInt64 = 0
    package internal(set) var cachedTokens: UInt64 = 0
    /// The prompts of which it was said how much was cached.
    package internal(set) var promptTokensJudged: UInt64 = 0

    package init() {}

    /// All that were to be served.
    package var offered: UInt64 { complete + left + failed + unsent }
    /// The share of good requests among all that were offered, whatever became of them; nil: none was.
    package var goodShare: Double? { offered == 0 ? nil : Double(good) / Double(offered) }
    package var failedShare: Double? { offered == 0 ? nil : Double(failed + unsent) / Double(offered) }
    /// The share of prompt tokens found in a cache, among prompts of which it was said; nil: of none.
    package var cachedShare: Double? { promptTokensJudged == 0 ? nil : Double(cachedTokens) / Double(promptTokensJudged) }

    @inline(__always)
    mutating func add(_ outcome: RequestOutcome, isGood: Bool) {
        switch outcome.end {
        case .complete: complete += 1
        case .left: left += 1
        case .failed: failed += 1
        case .unsent: unsent += 1
        }
        promptTokens += UInt64(outcome.promptTokens)
        outputTokens += UInt64(outcome.outputTokens)
        if isGood {
            good += 1
            goodOutputTokens += UInt64(outcome.outputTokens)
        }
        if let cached = outcome.cachedTokens {
            // A server that counts more than the prompt must not lift the share of the others.
            cachedTokens += UInt64(min(cached, outcome.promptTokens))
            promptTokensJudged += UInt64(outcome.promptTokens)
        }
    }

    mutating func merge(_ other: RequestCounts) {
        for field in RequestCounts.fields { self[keyPath: field.path] += other[keyPath: field.path] }
    }

    /// Every count by its name in JSON.
    static var fields: [(name: String, path: WritableKeyPath<RequestCounts, UInt64>)] {
        [
            ("complete", \.complete), ("left", \.left), ("failed", \.failed), ("unsent", \.unsent), ("good", \.good),
            ("prompt_tokens", \.promptTokens), ("output_tokens", \.outputTokens), ("good_output_tokens", \.goodOutputTokens),
            ("cached_tokens", \.cachedTokens), ("prompt_tokens_judged", \.promptTokensJudged),
        ]
    }
}
