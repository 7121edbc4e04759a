/// What a request finds in the cache: filled again for each request that is looked at.
struct ReferenceHit {
    /// Those of the prompt that all choices share, then each choice's own.
    var blocks: [BlockNumber] = []
    var sharedCount = 0
    var ownCounts: [Int] = []
    /// That need not be computed.
    var tokens = 0

    mutating func removeAll() {
        blocks.removeAll(keepingCapacity: true)
        ownCounts.removeAll(keepingCapacity: true)
        sharedCount = 0
        tokens = 0
    }
}
