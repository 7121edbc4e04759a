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

    subscript(leg: Leg) -> LegNews { leg == .prefill ? prefill : main }

    /// Changes what is known of a leg in place, and tells whether its worker says nothing more.
    @discardableResult
    mutating func hear(of leg: Leg, _ change: (inout LegNews) -> Void) -> Bool {
        if leg == .prefill {
            change(&prefill)
            return prefill.isLast
        }
        change(&main)
        return main.isLast
    }

    /// A frame with tokens came.
    mutating func hasTokens(of leg: Leg) { if leg == .prefill { prefill.hasTokens = true } else { main.hasTokens = true } }

    /// Of any leg. An end of a choice alone is none.
    var hasTokens: Bool { main.hasTokens || prefill.hasTokens }
    var isEmpty: Bool { runs.isEmpty && main.isEmpty && prefill.isEmpty }

    /// Room for one more frame. At once for some of them, since the tokens of a short answer come one by one in one turn.
    mutating func makeRoom() {
        guard runs.capacity == 0 else { return }
        runs.reserveCapacity(Self.usualRuns)
        tokens.reserveCapacity(Self.usualRuns)
    }

    private static let usualRuns = 8

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

/// How a leg lost its worker.
enum WorkerLoss {
    case gone
    /// It died, and soon after it had started this request: the request may be why.
    case diedYoung
}
