/// What a request finds in the cache: a list that is filled again for each request that is looked at.
struct PrefixHit {
    /// Those of the prompt, then each choice's own.
    var blocks: [BlockNumber] = []
    var sharedCount = 0
    var ownCounts: [Int] = []
    /// Every choice found its first own block, and so nobody needs the rest of the prompt.
    var hasRest = false
    /// That need not be computed.
    var tokens = 0

    mutating func removeAll(choices: Int) {
        blocks.removeAll(keepingCapacity: true)
        ownCounts.removeAll(keepingCapacity: true)
        ownCounts.append(contentsOf: repeatElement(0, count: choices))
        sharedCount = 0
        hasRest = false
        tokens = 0
    }
}
