/// How much of prompts was found in caches, and how much one ideal cache would have had; over about the last half minute.
struct CacheRates {
    /// Blocks that were found, of those of prompts.
    var achieved = DecayingShare(decay: Self.decay)
    /// Blocks that one ideal cache would have had, of those of prompts.
    var reachable = DecayingShare(decay: Self.decay)

    /// A second's weight after thirty seconds is 0.4.
    private static let decay = 0.97

    /// In blocks, as routers count what is reachable: the last one of a prompt, which is rarely full, counts as one that could have been found.
    mutating func found(_ tokens: UInt32, of promptTokens: UInt32, blockSize: UInt32) {
        let size = UInt64(max(blockSize, 1))
        achieved.add(UInt64(tokens) / size, of: (UInt64(promptTokens) + size - 1) / size)
    }

    mutating func beat() {
        achieved.beat()
        reachable.beat()
    }

    var isEmpty: Bool { achieved.share == nil && reachable.share == nil }
}
