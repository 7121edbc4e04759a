import ClusterModel
import WireProtocol

/// What came for one request since its task last looked: token ids, not text, so that a client that reads slowly costs four bytes a token.
struct Arrivals {
    /// Some tokens of one choice, as one frame brought them; they stand in `tokens`.
    struct Run {
        let choice: UInt8
        let leg: Leg
        let firstPosition: UInt32
        let count: Int
        let finish: FinishReason?
    }

    var tokens: [TokenID] = []
    var runs: [Run] = []
    /// As many as tokens where the request asked for them, else none.
    var logprobs: [TokenLogprob] = []
    var statuses: [StatusEntry] = []
    /// The link to its worker ended.
    var isWorkerLost = false

    var isEmpty: Bool { runs.isEmpty && statuses.isEmpty && !isWorkerLost }

    /// Keeps the memory for what comes next.
    mutating func clear() {
        tokens.removeAll(keepingCapacity: true)
        runs.removeAll(keepingCapacity: true)
        logprobs.removeAll(keepingCapacity: true)
        statuses.removeAll(keepingCapacity: true)
        isWorkerLost = false
    }
}
