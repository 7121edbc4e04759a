/// A worker was recorded where another one stood: the first one stayed. Whoever recorded it tells the log.
package struct RecordingConflict: Hashable, Sendable, CustomStringConvertible {
    /// The names are those of the answer's members, and of logs.
    package enum Field: String, Sendable, CaseIterable {
        case prefillWorker = "prefill_worker_id"
        case prefillRank = "prefill_dp_rank"
        case prefillType = "prefill_worker_type"
        case decodeWorker = "decode_worker_id"
        case decodeRank = "decode_dp_rank"
        case decodeType = "decode_worker_type"
    }

    package let field: Field
    /// As text: ids and ranks in decimal digits.
    package let kept: String
    package let offered: String

    package init(field: Field, kept: String, offered: String) {
        self.field = field
        self.kept = kept
        self.offered = offered
    }

    package var description: String { "\(field.rawValue) is \(kept), not \(offered)" }
}
