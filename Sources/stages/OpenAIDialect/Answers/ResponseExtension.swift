package import ClusterModel
import JSONText

/// The object `nvext` of an answer: what a client asked for by `nvext.extra_fields`. Made when something becomes known, not per chunk.
package struct ResponseExtension: Hashable, Sendable {
    /// The object `worker_id`, as JSON; empty: none. So are the next ones.
    package var workers: [UInt8] = []
    package var timing: [UInt8] = []
    /// Of the prompt.
    package var tokenIDs: [TokenID]?
    /// Further members in their order.
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
        for (name, json) in [("worker_id", workers), ("timing", timing)] where !json.isEmpty {
            writer.key(name)
            writer.raw(json.span.bytes)
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
}
