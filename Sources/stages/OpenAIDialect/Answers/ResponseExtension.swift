package import ClusterModel
import JSONText

/// The object `nvext` of an answer: what a client asked for by `nvext.extra_fields`. Made when something becomes known, not per chunk.
package struct ResponseExtension: Hashable, Sendable {
    /// The object `worker_id`, as JSON; empty: none. So is the next one.
    package var workers: [UInt8] = []
    package var timing: [UInt8] = []
    /// Further members in their order.
    package var others: [Member] = []

    package struct Member: Hashable, Sendable {
        package var name: String
        package var json: [UInt8]

        package init(name: String, json: [UInt8]) {
            self.name = name
            self.json = json
        }

        /// Of the prompt.
        package init(tokenIDs: [TokenID]) {
            name = "token_ids"
            json = []
            TokenList.append(tokenIDs, to: &json)
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
        for member in others {
            writer.key(member.name)
            writer.raw(member.json.span.bytes)
        }
        writer.endObject()
        let json = writer.finish()
        return json.count > "{}".utf8.count ? json : []
    }
}
