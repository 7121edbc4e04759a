import JSONText

/// What drills ask about caches, and what routers believe of them.
extension ProcessCluster {
    /// Blocks that the workers who run have in their caches.
    func cachedBlocks() async throws -> Int {
        var blocks = 0
        for worker in workers where worker.isRunning { blocks += Int(try await metric("apus_worker_stream_blocks", of: worker) ?? 0) }
        return blocks
    }

    /// Blocks that a router believes to be in caches, once for each worker.
    func indexedBlocks(of router: ClusterMember) async throws -> Int {
        try await state(of: router)?["state"]?["index"]?["copies"]?.asInt ?? 0
    }

    /// Whether it believes of every worker that it has as many blocks as that worker says. At rest; while something runs both change.
    func agrees(_ router: ClusterMember) async throws -> Bool {
        for worker in try await state(of: router)?["state"]?["workers"]?.asArray ?? [] {
            guard let member = workers.first(where: { $0.name == worker["name"]?.asString }), worker["in_step"]?.asBool == true else {
                return false
            }
            let believed = (worker["ranks"]?.asArray ?? []).reduce(0) { $0 + ($1["indexed_blocks"]?.asInt ?? 0) }
            guard try await Int(metric("apus_worker_stream_blocks", of: member) ?? -1) == believed else { return false }
        }
        return true
    }
}
