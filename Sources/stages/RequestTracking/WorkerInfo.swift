package import ClusterModel
package import JSONText

/// Which workers serve a request, as its client is told: the member `worker_id` of `nvext`.
package struct WorkerInfo: Hashable, Sendable {
    package var prefillWorker: WorkerID?
    package var prefillRank: Rank?
    package var decodeWorker: WorkerID?
    package var decodeRank: Rank?

    package init(
        prefillWorker: WorkerID? = nil, prefillRank: Rank? = nil, decodeWorker: WorkerID? = nil, decodeRank: Rank? = nil
    ) {
        self.prefillWorker = prefillWorker
        self.prefillRank = prefillRank
        self.decodeWorker = decodeWorker
        self.decodeRank = decodeRank
    }

    package func write(to writer: inout JSONWriter) {
        func number(_ name: String, _ value: UInt64?, _ writer: inout JSONWriter) {
            guard let value else { return }
            writer.key(name)
            writer.number(value)
        }
        writer.beginObject()
        number("prefill_worker_id", prefillWorker?.rawValue, &writer)
        number("prefill_dp_rank", prefillRank.map { UInt64($0.rawValue) }, &writer)
        number("decode_worker_id", decodeWorker?.rawValue, &writer)
        number("decode_dp_rank", decodeRank.map { UInt64($0.rawValue) }, &writer)
        writer.endObject()
    }

    package var json: [UInt8] {
        var writer = JSONWriter()
        write(to: &writer)
        return writer.finish()
    }
}
