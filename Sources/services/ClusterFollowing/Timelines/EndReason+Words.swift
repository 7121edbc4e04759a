package import WireProtocol

extension EndReason {
    /// For people.
    package var words: String {
        switch self {
        case .finished: "finished"
        case .handedOver: "handed over"
        case .cancelled: "cancelled"
        case .failed: "failed"
        case .prefillLost: "prefill lost"
        case .drained: "drained"
        case .timedOut: "timed out"
        case .linkLost: "link lost"
        case .superseded: "superseded"
        default: "reason \(rawValue)"
        }
    }
}
