import ClusterModel

/// Numbers that stand for contents: equal numbers are equal text, and nothing else is.
enum PromptSalt {
    /// One number of two, as spread as a random one.
    static func mix(_ first: UInt64, _ second: UInt64) -> UInt64 {
        var random = SeededRandom(seed: first ^ second &* 0xD6E8_FEB8_6659_FD93)
        return random.next()
    }
}
