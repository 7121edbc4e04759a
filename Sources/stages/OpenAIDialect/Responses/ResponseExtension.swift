package import ClusterModel
import JSONText

/// The object `nvext` of an answer: what a client asked for by `nvext.extra_fields`. Made when something becomes known, not per chunk.
package struct ResponseExtension: Hashable, Sendable {
    /// Where the prompt was computed, and where the tokens came from; both told as `worker_id`.
    package var prefill: Placement?
    package var decode: Placement?
    /// An object as JSON; empty: none.
    package var timing: [UInt8] = []
    /// Of the prompt.
    package var tokenIDs: [TokenID]?
    /// Further members in their order, values as JSON.
    package var others: [Member] = []

    package struct Member: Hashable, Sendable {
        package var name: String
        package var json: [UInt8]

        package init(name: String, json: [UInt8]) {
            self.name = name
            self.json = json
        }
    }

    package init() {}

    /// The object as JSON; empty where there is nothing to tell, since an empty object is not written.
    package var json: [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        if prefill != nil || decode != nil {
            writer.key("worker_id")
            writer.beginObject()
            Self.write(prefill, worker: "prefill_worker_id", rank: "prefill_dp_rank", to: &writer)
            Self.write(decode, worker: "decode_worker_id", rank: "decode_dp_rank", to: &writer)
            writer.endObject()
        }
        if !timing.isEmpty {
            writer.key("timing")
            writer.raw(timing.span.bytes)
        }
        if let tokenIDs {
            writer.key("token_ids")
            writer.beginArray()
            for token in tokenIDs { writer.number(UInt64(token)) }
            writer.endArray()
        }
        for member in others {
            writer.key(member.name)
            writer.raw(member.json.span.bytes)
        }
        writer.endObject()
        let json = writer.finish()
        return json.count > "{}".utf8.count ? json : []
    }

    private static func write(_ placement: Placement?, worker: String, rank: String, to writer: inout JSONWriter) {
        guard let placement else { return }
        writer.key(worker)
        writer.number(placement.worker.rawValue)
        writer.key(rank)
        writer.number(UInt64(placement.rank.rawValue))
    }
}
