/// What was recorded of a cluster: what it was, what was asked of it, and what it made of that.
package struct Record: Hashable, Sendable {
    package internal(set) var fleet = RecordedFleet()
    /// By arrival.
    package internal(set) var requests: [RecordedRequest] = []
    /// Nil: the recorder was killed.
    package internal(set) var summary: RecordSummary?
    /// The last line had no end, and is not counted.
    package internal(set) var isCut = false

    init() {}

    package init(_ bytes: [UInt8]) throws(RecordFault) {
        var reader = RecordReader()
        try reader.read(bytes.span.bytes)
        self = try reader.finish()
    }

    /// The model that most requests were for; nil: there is none.
    package var busiestModel: Int? {
        var counts = Array(repeating: 0, count: fleet.models.count)
        for request in requests { counts[request.model] += 1 }
        return counts.indices.max { (counts[$0], -$0) < (counts[$1], -$1) }
    }

    package func requests(of model: Int) -> [RecordedRequest] { requests.filter { $0.model == model } }

    /// The load that this was, with what became of each request left out: request for request as `requests(of:)` has them.
    ///
    /// `source` names the file in reports.
    package func workload(of model: Int, source: String) -> Workload {
        var ids: [UInt64: UInt64] = [:]
        let planned = requests(of: model).map { request in
            var planned = PlannedRequest(
                due: request.arrival, promptTokens: request.promptTokens,
                // Whoever asks again gets a token at least, also where the first one had left before it.
                outputTokens: max(request.outputTokens, 1))
            planned.blocks = request.hashes.map { hash in
                if let id = ids[hash] { return id }
                let id = UInt64(ids.count)
                ids[hash] = id
                return id
            }
            planned.session = request.session
            // 0 is nobody's.
            planned.tenant = UInt32(clamping: request.tenant.map { $0 &+ 1 } ?? 0)
            return planned
        }
        return Workload(requests: planned, blockTokens: fleet.models[model].blockTokens, source: source)
    }
}
