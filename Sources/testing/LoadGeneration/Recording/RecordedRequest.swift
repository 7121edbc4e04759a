/// One request that ended, as the streams of a cluster told of it. No text and no tokens.
package struct RecordedRequest: Hashable, Sendable {
    /// When it was asked for, from the begin of the recording on the recorder's clock: its placement was heard, less the time it was parked.
    package var arrival: Duration
    /// Ordinal in `RecordedFleet.models`.
    package var model: Int
    /// Ordinal of the router that placed it first; nil: not heard.
    package var router: Int?
    package var promptTokens: UInt32
    /// Over all choices, as the client was told; else as the workers counted.
    package var outputTokens: UInt32
    /// Answers to the one prompt; nil: not told.
    package var choices: UInt8?
    /// Of the prompt, really found in a cache.
    package var cachedTokens: UInt32?
    /// Of the prompt's full blocks: keyed, equal ones are equal prefixes within one file.
    package var hashes: [UInt64]
    package var attempts: UInt8
    /// A number of this file's.
    package var session: UInt64?
    /// A number of this file's; nil: none was named.
    package var tenant: UInt64?
    /// Parked before its first placement.
    package var queued: Duration?
    /// By which its first placement was chosen.
    package var policy: String?
    /// HTTP's; nil: no frontend told of it.
    package var status: UInt16?
    /// As its frontend measured: received to first token.
    package var firstToken: Duration?
    /// As its frontend measured: received to finish.
    package var total: Duration?
    /// Of the last leg that produced tokens, or was to.
    package var end: RecordedEnd
    /// In the order in which they were placed.
    package var legs: [RecordedLeg]

    package init(arrival: Duration, model: Int, promptTokens: UInt32, outputTokens: UInt32, end: RecordedEnd) {
        self.arrival = arrival
        self.model = model
        self.promptTokens = promptTokens
        self.outputTokens = outputTokens
        self.end = end
        hashes = []
        attempts = 1
        legs = []
    }
}

/// One placement of a request, and what became of it. Durations are the worker's own.
package struct RecordedLeg: Hashable, Sendable {
    package var attempt: UInt8
    package var role: RecordedRole
    /// Ordinal in `RecordedFleet.workers`.
    package var worker: Int
    package var rank: UInt32
    /// When the placement was heard.
    package var placed: Duration
    /// Blocks of the prompt that the router believed to be there, and reckoned with; nil: not heard.
    package var believedBlocks: UInt32?
    /// Really found; nil: it never started.
    package var cachedTokens: UInt32?
    package var outputTokens: UInt32
    /// Received to started.
    package var waited: Duration?
    /// Started to the end of prefill.
    package var prefill: Duration?
    /// First token to the last.
    package var decode: Duration?
    package var end: RecordedEnd

    package init(attempt: UInt8, role: RecordedRole, worker: Int, rank: UInt32, placed: Duration, end: RecordedEnd) {
        self.attempt = attempt
        self.role = role
        self.worker = worker
        self.rank = rank
        self.placed = placed
        self.end = end
        outputTokens = 0
    }
}

/// How a request or one of its legs ended.
package enum RecordedEnd: String, CaseIterable, Sendable {
    // Said by workers.
    case finished
    case handedOver = "handed_over"
    case cancelled
    case failed
    case prefillLost = "prefill_lost"
    case drained
    case timedOut = "timed_out"
    case linkLost = "link_lost"
    case superseded
    // Said by routers, of what no worker accepted.
    case neverDispatched = "never_dispatched"
    case refused
    case expired
    case workerLost = "worker_lost"
    /// It ended while nobody listened, or for a reason that this version does not know.
    case unknown
}
