/// Where a live load stands: counts since its begin, warm-up and all.
package struct LoadProgress: Hashable, Sendable {
    package var sent = 0
    package var complete = 0
    package var left = 0
    package var failed = 0
    /// Sent more than `LoadLimits.late` behind their moment.
    package var late = 0
    /// Could not be sent within the timeout.
    package var unsent = 0
    /// Ended by us at an early end; counted nowhere else.
    package var interrupted = 0
    package var inFlight = 0
    /// Streams whose first piece has come.
    package var begun = 0
    package var outputTokens = 0
    /// Pieces of streams with content in them.
    package var pieces = 0
    package var connections = 0
    /// Asked again because a connection at rest had ended.
    package var repeated = 0

    package init() {}

    package var ended: Int { complete + left + failed }
}

/// What a live load came to.
package struct LoadResult: Sendable {
    package var recorder: LoadRecorder
    package var progress: LoadProgress
    /// From the begin to the end of the last answer.
    package var elapsed: Duration
    package var cost: ProcessCost
    /// The first failure's words, for those who have nothing but failures.
    package var firstFailure: String?
    /// The source had no more, or the duration was over; not that it was stopped.
    package var ranToItsEnd: Bool

    package init(
        recorder: LoadRecorder, progress: LoadProgress, elapsed: Duration, cost: ProcessCost, firstFailure: String?, ranToItsEnd: Bool
    ) {
        self.recorder = recorder
        self.progress = progress
        self.elapsed = elapsed
        self.cost = cost
        self.firstFailure = firstFailure
        self.ranToItsEnd = ranToItsEnd
    }

    /// Processor time of this process for each request that ended.
    package var cpuPerRequest: Duration? { progress.ended > 0 ? cost.cpu / progress.ended : nil }
    /// Cores that it kept busy.
    package var cores: Double { elapsed > .zero ? cost.cpu / elapsed : 0 }
}
