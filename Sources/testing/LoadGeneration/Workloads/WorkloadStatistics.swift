import ClusterModel

/// What a load asks of a fleet, and how much of it a perfect cache could save.
package struct WorkloadStatistics: Hashable, Sendable {
    package private(set) var requests = 0
    package private(set) var promptTokens: UInt64 = 0
    package private(set) var outputTokens: UInt64 = 0
    /// Blocks of all prompts.
    package private(set) var blockReferences = 0
    /// Different ones, each with all that precedes it.
    package private(set) var uniqueBlocks = 0
    /// Leading blocks that an earlier request had: the hits of one cache that forgets nothing.
    package private(set) var reusableBlocks = 0
    package private(set) var sessions = 0
    /// From the first request to the last one.
    package private(set) var span = Duration.zero

    /// The share of blocks that a cache can have at all; nil: nothing is said of blocks.
    package var reachableHitRate: Double? { blockReferences == 0 ? nil : Double(reusableBlocks) / Double(blockReferences) }
    package var requestsPerSecond: Double? { span > .zero ? Double(requests - 1) / span.inSeconds : nil }

    package init(_ workload: Workload) {
        var known: Set<UInt64> = [], sessionsSeen: Set<UInt64> = []
        for request in workload.requests {
            requests += 1
            promptTokens += UInt64(request.promptTokens)
            outputTokens += UInt64(request.outputTokens)
            blockReferences += request.blocks.count
            if let session = request.session { sessionsSeen.insert(session) }
            var name: UInt64 = 0, isHit = true
            for block in request.blocks {
                name = BlockChain.next(name, block)
                let isNew = known.insert(name).inserted
                isHit = isHit && !isNew
                if isHit { reusableBlocks += 1 }
            }
        }
        uniqueBlocks = known.count
        sessions = sessionsSeen.count
        if let first = workload.requests.first, let last = workload.requests.last { span = last.due - first.due }
    }
}
