import ClusterModel

/// What became of one request, in moments from the begin of the run.
package struct RequestOutcome: Hashable, Sendable {
    package enum End: Hashable, Sendable {
        case complete
        /// The load's client went away, as was planned.
        case left
        /// By kind: a status, an error code, "timeout", "connection"; few different ones.
        case failed(String)
        /// Never sent: the load's own sender had no room for it or no time left. Counts as offered, and as nobody's good request.
        case unsent
    }

    /// When it was to be sent.
    package var due: Duration
    /// When it was sent: later than due where the sender was late, which counts against whoever is measured as its users would see it. When it was
    /// given up, if it was never sent.
    package var sent: Duration
    package var firstToken: Duration?
    package var ended: Duration
    package var end: End
    package var promptTokens: UInt32
    /// Of the prompt, found in a cache; nil: not said.
    package var cachedTokens: UInt32?
    package var outputTokens: UInt32
    package var tenant: UInt32 = 0

    package init(
        due: Duration, sent: Duration, firstToken: Duration?, ended: Duration, end: End, promptTokens: UInt32, cachedTokens: UInt32?,
        outputTokens: UInt32
    ) {
        self.due = due
        self.sent = sent
        self.firstToken = firstToken
        self.ended = ended
        self.end = end
        self.promptTokens = promptTokens
        self.cachedTokens = cachedTokens
        self.outputTokens = outputTokens
    }

    /// From the moment it was due: what waited in the sender counts as well.
    package var timeToFirstToken: Duration? { firstToken.map { $0 - due } }
    package var endToEnd: Duration { ended - due }
    /// Of the tokens after the first.
    package var timePerToken: Duration? {
        guard let firstToken, outputTokens > 1 else { return nil }
        return .nanoseconds((ended - firstToken).inNanoseconds / Int64(outputTokens - 1))
    }
}

/// What a good request keeps to; a request without a bound's measure keeps to it. All off: every complete request is good.
package struct GoodputLimits: Hashable, Sendable {
    package var timeToFirstToken: Duration?
    package var timePerToken: Duration?
    package var endToEnd: Duration?

    package init(timeToFirstToken: Duration? = nil, timePerToken: Duration? = nil, endToEnd: Duration? = nil) {
        self.timeToFirstToken = timeToFirstToken
        self.timePerToken = timePerToken
        self.endToEnd = endToEnd
    }

    /// As they are written and compared between hosts.
    var inMicroseconds: [UInt64?] { [timeToFirstToken, timePerToken, endToEnd].map { $0?.roundedMicroseconds } }

    package func holds(_ outcome: RequestOutcome) -> Bool {
        guard outcome.end == .complete else { return false }
        func isWithin(_ measured: Duration?, _ limit: Duration?) -> Bool {
            guard let limit, let measured else { return true }
            return measured <= limit
        }
        return isWithin(outcome.timeToFirstToken, timeToFirstToken) && isWithin(outcome.timePerToken, timePerToken)
            && isWithin(outcome.endToEnd, endToEnd)
    }
}

extension GoodputLimits: CustomStringConvertible {
    package var description: String {
        let bounds = [("ttft", timeToFirstToken), ("tpot", timePerToken), ("e2e", endToEnd)].compactMap { name, limit in
            limit.map { "\(name) ≤ \(NumberStyle.duration.tick($0.inSeconds))" }
        }
        return bounds.isEmpty ? "none" : bounds.joined(separator: ", ")
    }
}
