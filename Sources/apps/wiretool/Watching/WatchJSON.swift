import ClusterFollowing
import ClusterModel
import JSONText
import WireProtocol

/// What is watched, for programs: one object a line, with `type` first. Form: `deploy/guides/watching.md`.
enum WatchJSON {
    static func request(_ timeline: Timeline, at milliseconds: Int64) -> String {
        line("request", milliseconds) { json in
            text("request", timeline.id.description, &json)
            text("frontend", Hexadecimal.text(timeline.id.origin), &json)
            if let slice = timeline.slice { write(slice, &json) }
            json.key("routes")
            json.beginArray()
            for route in timeline.routes { write(route, &json) }
            json.endArray()
            json.key("legs")
            json.beginArray()
            for leg in timeline.legs { write(leg, &json) }
            json.endArray()
        }
    }

    private static func write(_ slice: RequestSlice, _ json: inout JSONWriter) {
        text("model", slice.model, &json)
        number("status", UInt64(slice.status), &json)
        number("attempts", UInt64(slice.attempts), &json)
        number("prompt_tokens", UInt64(slice.promptTokens), &json)
        number("cached_tokens", UInt64(slice.cachedTokens), &json)
        number("output_tokens", UInt64(slice.outputTokens), &json)
        number("received_unix_ms", slice.receivedEpochMilliseconds, &json)
        json.key("frontend_us")
        json.beginObject()
        for (name, value) in slice.durations.named where value > 0 { number(name, value, &json) }
        json.endObject()
    }

    private static func write(_ route: Timeline.Route, _ json: inout JSONWriter) {
        let slice = route.slice
        json.beginObject()
        number("router", UInt64(route.router), &json)
        number("attempt", UInt64(slice.request.attempt), &json)
        number("queue_us", slice.queueMicroseconds, &json)
        number("decision_ns", slice.decisionNanoseconds, &json)
        number("queue_depth", UInt64(slice.queueDepth), &json)
        number("prompt_blocks", UInt64(slice.promptBlocks), &json)
        number("overlap_blocks", UInt64(slice.legs.first?.deviceBlocks ?? 0), &json)
        number("reachable_blocks", UInt64(slice.reachableBlocks), &json)
        json.endObject()
    }

    private static func write(_ leg: Timeline.Leg, _ json: inout JSONWriter) {
        json.beginObject()
        text("worker", Hexadecimal.text(leg.life.worker), &json)
        number("rank", UInt64(leg.rank), &json)
        number("attempt", UInt64(leg.attempt), &json)
        text("leg", "\(leg.role)", &json)
        number("waited_us", leg.durations.waitedMicroseconds, &json)
        number("prefill_us", leg.durations.prefillMicroseconds, &json)
        if leg.durations.transferMicroseconds > 0 { number("transfer_us", leg.durations.transferMicroseconds, &json) }
        number("decode_us", leg.durations.decodeMicroseconds, &json)
        number("cached_tokens", UInt64(leg.cachedTokens), &json)
        number("output_tokens", UInt64(leg.outputTokens), &json)
        text("end", leg.end.map(EventText.name) ?? "unknown", &json)
        json.endObject()
    }

    static func load(_ rank: ClusterLoad.Rank, at milliseconds: Int64) -> String {
        line("load", milliseconds) { json in
            let load = rank.load.load
            text("worker", Hexadecimal.text(rank.load.workerID), &json)
            text("name", rank.name, &json)
            text("state", "\(rank.state)", &json)
            number("rank", UInt64(load.rank), &json)
            number("router", UInt64(rank.router), &json)
            number("waiting_requests", UInt64(load.waitingRequests), &json)
            number("waiting_tokens", load.waitingTokens, &json)
            number("running_requests", UInt64(load.runningRequests), &json)
            number("booked_requests", UInt64(rank.load.requests), &json)
            number("active_blocks", UInt64(load.activeBlocks), &json)
            number("used_blocks", UInt64(load.usedBlocks), &json)
            number("total_blocks", UInt64(load.totalBlocks), &json)
            json.key("busy")
            json.bool(rank.load.busy)
        }
    }

    static func queue(_ queue: ClusterLoad.Queue, at milliseconds: Int64) -> String {
        line("queue", milliseconds) { json in
            number("router", UInt64(queue.router), &json)
            text("model", queue.depth.model, &json)
            number("requests", UInt64(queue.depth.requests), &json)
            number("tokens", queue.depth.tokens, &json)
            number("oldest_ms", UInt64(queue.depth.oldestMilliseconds), &json)
            number("drained_tokens_per_second", queue.depth.drainedTokensPerSecond, &json)
        }
    }

    // MARK: Parts

    private static func line(_ type: String, _ milliseconds: Int64, _ body: (inout JSONWriter) -> Void) -> String {
        var json = JSONWriter(appendingTo: [])
        json.beginObject()
        text("type", type, &json)
        json.key("at_ms")
        json.number(milliseconds)
        body(&json)
        json.endObject()
        return printable(String(decoding: json.finish(), as: UTF8.self))
    }

    /// The same JSON without characters that a terminal obeys: JSON's own escapes end at U+001F.
    static func printable(_ json: String) -> String {
        guard json.unicodeScalars.contains(where: isControl) else { return json }
        var scalars = String.UnicodeScalarView()
        for scalar in json.unicodeScalars {
            if isControl(scalar) {
                scalars.append(contentsOf: "\\u00\(String(scalar.value, radix: 16))".unicodeScalars)
            } else {
                scalars.append(scalar)
            }
        }
        return String(scalars)
    }

    /// They stand in texts only, and need two digits.
    private static func isControl(_ scalar: Unicode.Scalar) -> Bool { (0x7F...0x9F).contains(scalar.value) }

    private static func text(_ key: String, _ value: String, _ json: inout JSONWriter) {
        json.key(key)
        json.string(value)
    }

    private static func number(_ key: String, _ value: UInt64, _ json: inout JSONWriter) {
        json.key(key)
        json.number(value)
    }
}
