import ClusterModel

/// How a request gives its blocks back: choice by choice, for others that need them more, and in the end.
extension ReferenceRequest {
    /// Choices that have ended give back their own blocks: not those of a leg, which go over, nor those of a session's first choice.
    func releaseFinished(_ pool: inout BlockPool) {
        guard handOver == nil else { return }
        for index in texts.indices where texts[index].isFinished && (index > 0 || session == nil) { texts[index].release(&pool) }
    }

    /// True if that was the last one.
    func cancel(choice number: UInt8, _ pool: inout BlockPool) -> Bool {
        for index in texts.indices where texts[index].number == number && !texts[index].isFinished {
            texts[index].stop()
            unfinished -= 1
        }
        releaseFinished(&pool)
        return unfinished == 0
    }

    func release(_ pool: inout BlockPool) {
        for index in texts.indices.reversed() { texts[index].release(&pool) }
        pool.release(blocks)
        blocks.removeAll()
    }

    /// Gives all of its blocks back; what was computed is to be computed again, what was produced stays.
    func preempt(_ pool: inout BlockPool) {
        for index in texts.indices.reversed() { texts[index].reset(&pool) }
        pool.release(blocks)
        blocks.removeAll(keepingCapacity: true)
        registered = 0
        computed = 0
        isPrefilled = false
        scheduled = -1
        preemptions += 1
    }

    func end(_ reason: EngineEnd.Reason) -> EngineEnd {
        var end = EngineEnd(
            key: key, reason: reason, promptTokens: UInt32(clamping: prefillTokens), cachedTokens: UInt32(clamping: cachedTokens ?? 0),
            outputTokens: UInt32(clamping: outputTokens))
        end.preemptions = UInt32(clamping: preemptions)
        if reason == .handedOver { end.handOver = parameters }
        return end
    }
}
