/// How much of prompts was found in caches, and how much one ideal cache would have had; over about the last half minute.
struct CacheRates {
    /// Tokens that were found, of those of prompts.
    var achieved = DecayingShare(decay: Self.decay)
    /// Blocks that one ideal cache would have had, of those of prompts.
    var reachable = DecayingShare(decay: Self.decay)

    /// A second's weight after thirty seconds is 0.4.
    private static let decay = 0.97

    mutating func beat() {
        achieved.beat()
        reachable.beat()
    }

    var isEmpty: Bool { achieved.share == nil && reachable.share == nil }
}
