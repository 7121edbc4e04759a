import ClusterModel

/// What a format's reader gathers: requests whose `due` is the trace's own stamp.
struct StampedRequests {
    private(set) var requests: [PlannedRequest] = []
    private(set) var leftOut = 0
    let blockTokens: UInt32

    init(blockTokens: UInt32) { self.blockTokens = blockTokens }

    var count: Int { requests.count }

    mutating func append(_ request: PlannedRequest, line: Int) throws(TraceError) {
        guard request.promptTokens > 0, request.outputTokens > 0 else { return leftOut += 1 }
        guard requests.count < TraceLimits.requests else {
            throw TraceError(line: line, "there are more than \(TraceLimits.requests) requests")
        }
        requests.append(request)
    }

    /// By their stamps, those of one stamp in the file's order; the first stamp is the begin.
    mutating func order() {
        let isOrdered = zip(requests, requests.dropFirst()).allSatisfy { $0.due <= $1.due }
        if !isOrdered {
            // Not every sort keeps what is equal in order, so the place in the file decides.
            let places = requests.indices.sorted { (requests[$0].due, $0) < (requests[$1].due, $1) }
            requests = places.map { requests[$0] }
        }
        guard let first = requests.first?.due, first != .zero else { return }
        for index in requests.indices { requests[index].due -= first }
    }

    /// Spreads the requests of one stamp evenly up to the next stamp, but over no more than two steps of the clock that stamped them: two requests in one
    /// second before a silent hour came in that second. A step is the smallest difference between two stamps; those of clocks that tick waver a little.
    mutating func spread() {
        var step: Duration?
        for (earlier, later) in zip(requests, requests.dropFirst()) where later.due > earlier.due {
            step = min(step ?? later.due - earlier.due, later.due - earlier.due)
        }
        guard let step else { return }
        var begin = 0
        while begin < requests.count {
            let stamp = requests[begin].due
            var end = begin + 1
            while end < requests.count, requests[end].due == stamp { end += 1 }
            if end - begin > 1 {
                let gap = end < requests.count ? min(requests[end].due - stamp, step * 2) : step
                let nanoseconds = gap.inNanoseconds, count = Int64(end - begin)
                for index in begin..<end {
                    // Quotient and rest apart, so that a long gap does not overflow.
                    let place = Int64(index - begin)
                    let offset = nanoseconds / count * place + nanoseconds % count * place / count
                    requests[index].due = stamp + .nanoseconds(offset)
                }
            }
            begin = end
        }
    }
}
