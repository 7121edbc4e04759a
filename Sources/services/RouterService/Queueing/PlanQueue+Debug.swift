import ClusterModel
import EventLoop
import JSONText
import Scheduling
import WireProtocol

extension PlanQueue {
    /// Members of the router's state: what is parked, and when workers count as busy.
    func debugState(into json: inout JSONWriter) {
        json.key("queues")
        json.beginArray()
        for queue in all { write(queue, to: &json) }
        json.endArray()
        json.key("busy_thresholds")
        json.beginArray()
        write(thresholds.common, of: nil, to: &json)
        for (model, own) in thresholds.own { write(own, of: model, to: &json) }
        json.endArray()
    }

    private func write(_ queue: PoolQueue, to json: inout JSONWriter) {
        json.beginObject()
        json.key("model")
        json.string(queue.pool.name)
        json.key("pool")
        json.string(queue.pool.digest.hex)
        json.key("policy")
        json.string(queue.order.settings.policy.rawValue)
        json.key("requests")
        json.number(queue.order.count)
        json.key("tokens")
        json.number(queue.order.tokens)
        json.key("prompt_tokens")
        json.number(queue.order.promptTokens)
        json.key("token_limit")
        json.number(queue.tokenLimit)
        json.key("tenants")
        json.number(queue.order.tenants)
        json.key("lanes")
        json.number(queue.order.lanes)
        json.key("blocked_lanes")
        json.number(queue.order.blockedLanes)
        json.key("oldest_milliseconds")
        json.number(UInt64(queue.published?.oldestMilliseconds ?? 0))
        json.key("drained_tokens_per_second")
        json.number(queue.published?.drainedTokensPerSecond ?? 0)
        json.endObject()
    }

    /// In the form in which they can be set.
    private func write(_ thresholds: BusyThresholds, of model: String?, to json: inout JSONWriter) {
        json.beginObject()
        json.key("model")
        if let model { json.string(model) } else { json.null() }
        json.key("waiting_batches")
        json.number(thresholds.waitingBatches)
        json.key("waiting_tokens")
        if thresholds.waitingTokens == .max { json.null() } else { json.number(thresholds.waitingTokens) }
        json.key("active_blocks")
        json.number(thresholds.activeBlocks)
        json.endObject()
    }
}
