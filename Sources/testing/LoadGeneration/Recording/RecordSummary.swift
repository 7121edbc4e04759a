/// The last line of a record: why it ended, and what is not in it.
package struct RecordSummary: Hashable, Sendable {
    package enum Cause: String, CaseIterable, Sendable {
        /// The time that was asked for is over.
        case time
        /// As many requests as were asked for are there.
        case count
        /// The file has its size.
        case limit
        /// Somebody ended it.
        case signal
    }

    /// How long was recorded.
    package var span: Duration
    package var cause: Cause
    /// Lines of requests.
    package var requests: UInt64
    package var missed: RecordedMisses

    package init(span: Duration, cause: Cause, requests: UInt64, missed: RecordedMisses) {
        self.span = span
        self.cause = cause
        self.requests = requests
        self.missed = missed
    }
}

/// What a recorder knows that it does not know.
package struct RecordedMisses: Hashable, Sendable {
    /// Requests that ended, and whose begin was not heard.
    package var begunBefore: UInt64 = 0
    /// Requests that had not ended when the recording did.
    package var unfinished: UInt64 = 0
    /// Requests of which the end was not heard, and that are left out.
    package var unheardEnds: UInt64 = 0
    /// Requests that failed without a placement: nothing but their failure is known.
    package var unplaced: UInt64 = 0
    /// Requests past a bound of the recorder.
    package var overBounds: UInt64 = 0
    /// Requests whose list of hashes is shorter than their prompt.
    package var cutHashes: UInt64 = 0
    /// Requests that are known to have named a session, and not which.
    package var unknownSessions: UInt64 = 0
    /// Requests whose decision was not asked for or not kept: queue time, policy and perhaps session are not known.
    package var unexplained: UInt64 = 0
    /// Requests of which no frontend told: status, and what clients were told.
    package var untold: UInt64 = 0
    /// Times that a stream of a router or worker had numbers missing; most are made up for.
    package var gaps: UInt64 = 0
    /// Streams that were joined anew within the recording: what happened meanwhile is not known.
    package var rejoins: UInt64 = 0

    package init() {}

    static var counts: [(name: String, path: WritableKeyPath<RecordedMisses, UInt64>)] {
        [
            ("begun_before", \.begunBefore), ("unfinished", \.unfinished), ("unheard_ends", \.unheardEnds), ("unplaced", \.unplaced),
            ("over_bounds", \.overBounds), ("cut_hashes", \.cutHashes), ("unknown_sessions", \.unknownSessions),
            ("unexplained", \.unexplained), ("untold", \.untold), ("gaps", \.gaps), ("rejoins", \.rejoins),
        ]
    }

    /// Those above zero, by name: for whoever reads a report.
    package var named: [(name: String, count: UInt64)] {
        Self.counts.map { ($0.name, self[keyPath: $0.path]) }.filter { $0.1 > 0 }
    }
}
