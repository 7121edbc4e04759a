import ClusterModel
import JSONText

/// Writes a record, a line at a time; the form is described in `deploy/guides/recording.md`.
package struct RecordWriter: Sendable {
    static let format = "apus-record"
    static let version = 1

    private var bytes: [UInt8] = []
    /// Of all lines so far.
    package private(set) var written = 0

    package init() {}

    /// What was written since the last time.
    package mutating func take() -> [UInt8] {
        defer { bytes = [] }
        return bytes
    }

    package mutating func header(routers: Int) {
        line { json in
            json.member("format", Self.format)
            json.member("version", UInt64(Self.version))
            json.member("routers", UInt64(clamping: routers))
        }
    }

    package mutating func model(_ ordinal: Int, _ model: RecordedModel) {
        line { json in
            json.member("type", RecordLine.Kind.model.rawValue)
            json.member("model", UInt64(clamping: ordinal))
            json.member("name", model.name)
            json.member("block_tokens", UInt64(model.blockTokens))
            json.member("context_tokens", UInt64(model.contextTokens))
        }
    }

    /// Of its end `left` tells.
    package mutating func worker(_ ordinal: Int, _ worker: RecordedWorker) {
        line { json in
            json.member("type", RecordLine.Kind.worker.rawValue)
            json.member("worker", UInt64(clamping: ordinal))
            json.member("at_us", worker.joined)
            json.member("model", UInt64(clamping: worker.model))
            json.member("role", worker.role.rawValue)
            json.key("ranks")
            json.beginArray()
            for rank in worker.ranks {
                json.beginObject()
                json.member("rank", UInt64(rank.rank))
                json.member("blocks", UInt64(rank.blocks))
                json.member("host_blocks", UInt64(rank.hostBlocks))
                json.member("disk_blocks", UInt64(rank.diskBlocks))
                json.member("max_sequences", UInt64(rank.maxSequences))
                json.member("max_batched_tokens", UInt64(rank.maxBatchedTokens))
                json.endObject()
            }
            json.endArray()
        }
    }

    package mutating func left(_ worker: Int, at time: Duration) {
        line { json in
            json.member("type", RecordLine.Kind.left.rawValue)
            json.member("worker", UInt64(clamping: worker))
            json.member("at_us", time)
        }
    }

    package mutating func request(_ request: RecordedRequest) {
        line { json in
            json.member("type", RecordLine.Kind.request.rawValue)
            json.member("at_us", request.arrival)
            json.member("model", UInt64(clamping: request.model))
            if let router = request.router { json.member("router", UInt64(clamping: router)) }
            json.member("prompt_tokens", UInt64(request.promptTokens))
            json.member("output_tokens", UInt64(request.outputTokens))
            if let choices = request.choices { json.member("choices", UInt64(choices)) }
            if let cached = request.cachedTokens { json.member("cached_tokens", UInt64(cached)) }
            json.member("attempts", UInt64(request.attempts))
            if let session = request.session { json.member("session", session) }
            if let tenant = request.tenant { json.member("tenant", tenant) }
            if let queued = request.queued { json.member("queued_us", queued) }
            if let policy = request.policy { json.member("policy", policy) }
            if let status = request.status { json.member("status", UInt64(status)) }
            if let firstToken = request.firstToken { json.member("first_token_us", firstToken) }
            if let total = request.total { json.member("total_us", total) }
            json.member("end", request.end.rawValue)
            json.key("legs")
            json.beginArray()
            for leg in request.legs { Self.write(leg, to: &json) }
            json.endArray()
            var digits: [UInt8] = []
            digits.reserveCapacity(request.hashes.count * RecordLimits.digitsPerHash)
            for hash in request.hashes { Hexadecimal.append(hash, to: &digits) }
            json.key("hashes")
            json.string(utf8: digits.span.bytes)
        }
    }

    private static func write(_ leg: RecordedLeg, to json: inout JSONWriter) {
        json.beginObject()
        json.member("attempt", UInt64(leg.attempt))
        json.member("leg", leg.role.rawValue)
        json.member("worker", UInt64(clamping: leg.worker))
        json.member("rank", UInt64(leg.rank))
        json.member("at_us", leg.placed)
        if let blocks = leg.believedBlocks { json.member("believed_blocks", UInt64(blocks)) }
        if let cached = leg.cachedTokens { json.member("cached_tokens", UInt64(cached)) }
        json.member("output_tokens", UInt64(leg.outputTokens))
        if let waited = leg.waited { json.member("waited_us", waited) }
        if let prefill = leg.prefill { json.member("prefill_us", prefill) }
        if let decode = leg.decode { json.member("decode_us", decode) }
        json.member("end", leg.end.rawValue)
        json.endObject()
    }

    package mutating func end(_ summary: RecordSummary) {
        line { json in
            json.member("type", RecordLine.Kind.end.rawValue)
            json.member("at_us", summary.span)
            json.member("cause", summary.cause.rawValue)
            json.member("requests", summary.requests)
            json.key("missed")
            json.beginObject()
            for count in RecordedMisses.counts { json.member(count.name, summary.missed[keyPath: count.path]) }
            json.endObject()
        }
    }

    private mutating func line(_ body: (inout JSONWriter) -> Void) {
        let before = bytes.count, buffer = bytes
        bytes = []
        var json = JSONWriter(appendingTo: buffer)
        json.beginObject()
        body(&json)
        json.endObject()
        bytes = json.finish()
        bytes.append(UInt8(ascii: "\n"))
        written += bytes.count - before
    }
}

extension JSONWriter {
    /// Moments and durations are whole microseconds; nothing is before the begin.
    fileprivate mutating func member(_ name: String, _ value: Duration) {
        key(name)
        number(UInt64(clamping: min(value, RecordLimits.longest).inMicroseconds))
    }
}
