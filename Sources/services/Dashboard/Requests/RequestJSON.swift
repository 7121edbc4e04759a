import ClusterFollowing
import ClusterModel
import JSONText
import WireProtocol

/// Requests as pages get them. Counts, times and ids; texts of prompts and answers are known to nobody here.
enum RequestJSON {
    /// One line of a list.
    static func writeLine(_ found: RequestBook.Found, to json: inout JSONWriter) {
        json.beginObject()
        writeHead(found, to: &json)
        json.endObject()
    }

    /// All that is known of one.
    /// - Parameters:
    ///   - names: of workers, by their ids.
    ///   - decisions: records of routers, as they wrote them.
    static func request(_ found: RequestBook.Found, names: [UInt64: String], decisions: [[UInt8]]) -> [UInt8] {
        let timeline = found.timeline
        var json = JSONWriter()
        json.beginObject()
        writeHead(found, to: &json)
        json.key("frontend_us")
        if let slice = timeline.slice { write(slice.durations, to: &json) } else { json.null() }
        json.key("routes")
        json.beginArray()
        for route in timeline.routes { write(route, to: &json) }
        json.endArray()
        json.key("legs")
        json.beginArray()
        for leg in timeline.legs { write(leg, names, to: &json) }
        json.endArray()
        let bars = RequestBars(timeline)
        json.count("span_us", bars.total)
        json.key("lanes")
        json.beginArray()
        for lane in bars.lanes { write(lane, timeline, names, to: &json) }
        json.endArray()
        json.key("decisions")
        json.beginArray()
        for decision in decisions { json.raw(decision.span.bytes) }
        json.endArray()
        json.endObject()
        return json.finish()
    }

    private static func writeHead(_ found: RequestBook.Found, to json: inout JSONWriter) {
        let timeline = found.timeline, slice = timeline.slice
        json.text("id", timeline.id.description)
        json.text("frontend", Hexadecimal.text(timeline.id.origin))
        json.text("state", found.isRunning ? timeline.runningStage : "ended")
        json.text("model", slice?.model)
        json.text("tenant", slice?.tenant)
        json.count("status", slice?.status)
        json.count("attempts", slice.map { UInt64($0.attempts) } ?? timeline.legs.map { UInt64($0.attempt) }.max())
        json.count("prompt_tokens", slice?.promptTokens)
        json.count("cached_tokens", slice?.cachedTokens ?? timeline.prefilling?.cachedTokens)
        json.count("output_tokens", slice?.outputTokens ?? timeline.answering?.outputTokens)
        json.count("received_unix_ms", slice?.receivedEpochMilliseconds)
        json.count("queue_us", slice?.durations.queueMicroseconds ?? timeline.queueMicroseconds)
        json.count("first_token_us", slice?.durations.firstTokenMicroseconds)
        json.count("total_us", slice?.durations.totalMicroseconds)
        json.text("worker", timeline.answering.map { "\(Hexadecimal.text($0.life.worker))/\($0.rank)" })
    }

    private static func write(_ times: StageDurations, to json: inout JSONWriter) {
        json.beginObject()
        for (name, value) in times.named { json.count(name, value) }
        json.endObject()
    }

    private static func write(_ route: Timeline.Route, to json: inout JSONWriter) {
        let slice = route.slice
        json.beginObject()
        json.count("router", route.router)
        json.count("attempt", slice.request.attempt)
        json.text("outcome", "\(slice.outcome)")
        json.count("queue_us", slice.queueMicroseconds)
        json.count("decision_ns", slice.decisionNanoseconds)
        json.count("queue_depth", slice.queueDepth)
        json.count("prompt_blocks", slice.promptBlocks)
        json.count("overlap_blocks", slice.legs.first?.deviceBlocks ?? 0)
        json.count("reachable_blocks", slice.reachableBlocks)
        json.endObject()
    }

    private static func write(_ leg: Timeline.Leg, _ names: [UInt64: String], to json: inout JSONWriter) {
        json.beginObject()
        json.text("worker", Hexadecimal.text(leg.life.worker))
        json.text("name", names[leg.life.worker])
        json.count("rank", leg.rank)
        json.count("attempt", leg.attempt)
        json.text("leg", "\(leg.role)")
        json.count("waited_us", leg.durations.waitedMicroseconds)
        json.count("prefill_us", leg.durations.prefillMicroseconds)
        json.count("transfer_us", leg.durations.transferMicroseconds)
        json.count("exposed_transfer_us", leg.durations.exposedTransferMicroseconds)
        json.count("decode_us", leg.durations.decodeMicroseconds)
        json.count("cached_tokens", leg.cachedTokens)
        json.count("output_tokens", leg.outputTokens)
        json.text("end", leg.end?.words ?? (leg.isOver ? nil : "runs"))
        json.endObject()
    }

    private static func write(_ lane: RequestBars.Lane, _ timeline: Timeline, _ names: [UInt64: String], to json: inout JSONWriter) {
        json.beginObject()
        switch lane.place {
        case .frontend:
            json.text("name", "frontend and router")
            json.key("leg")
            json.null()
        case .leg(let place):
            let leg = timeline.legs[place], name = names[leg.life.worker] ?? Hexadecimal.text(leg.life.worker)
            json.text("name", "\(name)/\(leg.rank), \(leg.role), attempt \(leg.attempt)")
            json.count("leg", place)
        }
        json.key("bars")
        json.beginArray()
        for bar in lane.bars {
            json.beginObject()
            json.text("stage", bar.stage)
            json.count("start_us", bar.start)
            json.count("length_us", bar.length)
            json.endObject()
        }
        json.endArray()
        json.endObject()
    }
}

extension Timeline {
    /// How far one has come that has not ended, by what was heard last.
    fileprivate var runningStage: String {
        guard let leg = answering else { return routes.isEmpty ? "waits" : "placed" }
        if leg.durations.prefillMicroseconds > 0 { return leg.role == .prefill ? "transfer" : "decode" }
        if let first = prefilling, first.role == .prefill {
            if first.isOver { return "decode" }
            if first.durations.prefillMicroseconds > 0 { return "transfer" }
        }
        return leg.durations.waitedMicroseconds > 0 || leg.cachedTokens > 0 ? "prefill" : "accepted"
    }
}
