import ClusterModel
import RequestTracking
import WireProtocol

/// What came for one request since its task last looked: token ids, not text, so that a client that reads slowly costs a dozen bytes a token.
struct Arrivals {
    /// Some tokens of one choice, as one frame brought them; they stand in `tokens`.
    struct Run {
        let choice: UInt8
        let count: UInt8
        let finish: FinishReason?
        let firstPosition: UInt32
    }

    var tokens: [TokenID] = []
    var runs: [Run] = []
    /// As many as tokens where the request asked for them, else none.
    var logprobs: [TokenLogprob] = []

    // Of statuses what the request depends on, each at most once: a worker may send as many as it likes.

    var isAccepted = false
    /// What the worker found cached when it started.
    var cachedTokens: UInt32?
    /// What it says of its own time. Nobody waits for that: it comes along with what follows.
    var workerTimes: WorkerSlice?
    var refusal: RefusedStatus?
    var ended: EndedStatus?
    /// The link to the worker ended.
    var loss: WorkerLoss?

    var isEmpty: Bool { runs.isEmpty && !isAccepted && cachedTokens == nil && refusal == nil && ended == nil && loss == nil }

    /// Of one kind each status tells one part.
    mutating func add(_ times: WorkerSlice) { workerTimes = (workerTimes ?? WorkerSlice()).filled(from: times) }

    /// Keeps the memory for what comes next.
    mutating func clear() {
        tokens.removeAll(keepingCapacity: true)
        runs.removeAll(keepingCapacity: true)
        logprobs.removeAll(keepingCapacity: true)
        isAccepted = false
        cachedTokens = nil
        workerTimes = nil
        refusal = nil
        ended = nil
        loss = nil
    }
}

/// How a request lost its worker.
enum WorkerLoss {
    case gone
    /// It died, and soon after it had started this request: the request may be why.
    case diedYoung
}
