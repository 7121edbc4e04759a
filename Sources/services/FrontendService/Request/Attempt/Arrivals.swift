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
        let leg: Leg
        /// As many as tokens, in `logprobs`.
        let hasLogprobs: Bool
        let firstPosition: UInt32
    }

    var tokens: [TokenID] = []
    var runs: [Run] = []
    /// Of the runs that have them.
    var logprobs: [TokenLogprob] = []
    /// Of the leg that makes the answer, whether it computes the prompt as well or not.
    private var main = LegNews()
    /// Of the leg that computes the prompt for it.
    private var prefill = LegNews()

    subscript(leg: Leg) -> LegNews {
        _read { if leg == .prefill { yield prefill } else { yield main } }
        _modify { if leg == .prefill { yield &prefill } else { yield &main } }
    }

    /// Of any leg. An end of a choice alone is none.
    var hasTokens: Bool { main.hasTokens || prefill.hasTokens }
    var isEmpty: Bool { runs.isEmpty && main.isEmpty && prefill.isEmpty }

    /// Keeps the memory for what comes next.
    mutating func clear() {
        tokens.removeAll(keepingCapacity: true)
        runs.removeAll(keepingCapacity: true)
        logprobs.removeAll(keepingCapacity: true)
        main = LegNews()
        prefill = LegNews()
    }

    /// Puts a run of another one behind its own.
    mutating func append(_ run: Run, _ tokens: ArraySlice<TokenID>, _ logprobs: ArraySlice<TokenLogprob>) {
        runs.append(run)
        self.tokens.append(contentsOf: tokens)
        self.logprobs.append(contentsOf: logprobs)
    }
}

/// What a leg's worker said of it, as far as the request depends on it: each thing at most once, for a worker may send as many as it likes.
struct LegNews {
    var isAccepted = false
    /// What the worker found cached when it started.
    var cachedTokens: UInt32?
    /// What it says of its own time. Nobody waits for that: it comes along with what follows.
    var workerTimes: WorkerSlice?
    /// Tokens of it came; a frame may have none.
    var hasTokens = false
    /// What was asked for, where that is no tokens.
    var embedding: [UInt8]?
    var refusal: RefusedStatus?
    var ended: EndedStatus?
    /// The link to the worker ended.
    var loss: WorkerLoss?

    /// Frames are seen by their runs.
    var isEmpty: Bool {
        !isAccepted && cachedTokens == nil && embedding == nil && refusal == nil && ended == nil && loss == nil
    }
    /// Nothing more is said of it.
    var isLast: Bool { refusal != nil || ended != nil || loss != nil }

    /// Of one kind each status tells one part.
    mutating func add(_ times: WorkerSlice) { workerTimes = (workerTimes ?? WorkerSlice()).filled(from: times) }
}

/// How a leg lost its worker.
enum WorkerLoss {
    case gone
    /// It died, and soon after it had started this request: the request may be why.
    case diedYoung
}
