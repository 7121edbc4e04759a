package import JSONText

/// The member `timing` of `nvext`, with the names and the order that clients of Dynamo 1.1.0 know. All but the first may be absent.
package struct TimingInfo: Hashable, Sendable {
    /// Milliseconds since 1970 on the frontend's wall clock.
    package var requestReceived: UInt64
    /// Received to the start of prefill, which is when the request leaves for a worker. All times are in milliseconds.
    package var prefillWait: Double?
    /// Start of prefill to the first token; together with the wait it is the time to first token.
    package var prefill: Double?
    package var timeToFirstToken: Double?
    package var total: Double?
    /// From 0 to 1.
    package var hitRate: Double?
    /// Requests that were parked at the router after it had placed this one.
    package var routerQueueDepth: UInt32?
    package var kvTransferEstimate: Double?

    package init(
        requestReceived: UInt64, prefillWait: Double? = nil, prefill: Double? = nil, timeToFirstToken: Double? = nil,
        total: Double? = nil, hitRate: Double? = nil, routerQueueDepth: UInt32? = nil, kvTransferEstimate: Double? = nil
    ) {
        self.requestReceived = requestReceived
        self.prefillWait = prefillWait
        self.prefill = prefill
        self.timeToFirstToken = timeToFirstToken
        self.total = total
        self.hitRate = hitRate
        self.routerQueueDepth = routerQueueDepth
        self.kvTransferEstimate = kvTransferEstimate
    }

    package func write(to writer: inout JSONWriter) {
        func number(_ name: String, _ value: Double?, _ writer: inout JSONWriter) {
            guard let value else { return }
            writer.key(name)
            writer.number(value)
        }
        writer.beginObject()
        writer.key("request_received_ms")
        writer.number(requestReceived)
        number("prefill_wait_time_ms", prefillWait, &writer)
        number("prefill_time_ms", prefill, &writer)
        number("ttft_ms", timeToFirstToken, &writer)
        number("total_time_ms", total, &writer)
        number("kv_hit_rate", hitRate, &writer)
        if let routerQueueDepth {
            writer.key("router_queue_depth")
            writer.number(UInt64(routerQueueDepth))
        }
        number("kv_transfer_estimated_latency_ms", kvTransferEstimate, &writer)
        writer.endObject()
    }

    package var json: [UInt8] {
        var writer = JSONWriter()
        write(to: &writer)
        return writer.finish()
    }
}
