import JSONText

/// What a client of a split cluster is told beside the text, if it asks for it.
struct SplitAnswer: Sendable {
    /// To be put into a request.
    static let asked: [(name: String, value: JSONValue)] = [("nvext", ["extra_fields": ["worker_id", "timing", "stages"]])]

    private(set) var prefillWorker: UInt64?
    private(set) var decodeWorker: UInt64?
    /// Milliseconds.
    private(set) var transferEstimate: Double?
    /// Milliseconds that nothing else went on in.
    private(set) var exposedTransfer: Double?

    init(_ reply: ChatReply) {
        let http = reply.http
        let parts = http.isStream ? http.events.events.compactMap { try? JSONValue(parsing: $0.data) } : [http.json].compactMap { $0 }
        for nvext in parts.compactMap({ $0["nvext"] }) {
            prefillWorker = nvext["worker_id"]?["prefill_worker_id"]?.asUInt64 ?? prefillWorker
            decodeWorker = nvext["worker_id"]?["decode_worker_id"]?.asUInt64 ?? decodeWorker
            transferEstimate = nvext["timing"]?["kv_transfer_estimated_latency_ms"]?.asDouble ?? transferEstimate
            exposedTransfer = nvext["stages"]?["transfer_ms"]?.asDouble ?? exposedTransfer
        }
    }

    var isSplit: Bool { prefillWorker != nil && prefillWorker != decodeWorker }

    /// What is wrong with it as the answer to a request that was split and not moved.
    var faults: [String] {
        guard let prefillWorker, let decodeWorker else { return ["it does not tell both workers"] }
        guard prefillWorker != decodeWorker else { return ["one worker did all of it"] }
        // An answer that is over before the prefill worker's last word tells of no transfer. That is rare, and `SplitDrill` asks that it is.
        guard transferEstimate != nil || exposedTransfer != nil else { return [] }
        guard let transferEstimate else { return ["it does not tell how long the transfer took"] }
        guard let exposedTransfer else { return [] }
        // Both are told in milliseconds of nanoseconds.
        return transferEstimate + 1e-6 < exposedTransfer
            ? ["its transfer is estimated at \(transferEstimate) ms, and showed for \(exposedTransfer) ms"] : []
    }
}
