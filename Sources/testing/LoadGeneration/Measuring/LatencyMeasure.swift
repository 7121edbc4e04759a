/// What is measured of requests, each as one distribution.
package enum LatencyMeasure: Int, CaseIterable, Sendable {
    /// Until the first token, from the moment the request was due. Of every request that got one, however it ended.
    ///
    /// Users come when they come: a request that its sender held back had waited already, and to leave that out would make a slow server look
    /// well for slowing its client down (coordinated omission).
    case firstToken
    /// The same from the moment it was sent: what the server did, without what its users saw.
    case serviceFirstToken
    /// Between tokens: a piece of n tokens after a gap g counts as n gaps of g/n, so that servers that send tokens singly or in bundles compare.
    case betweenTokens
    /// Between pieces, whatever they hold: the pauses that a reader sees.
    case betweenPieces
    /// The mean time of one request's tokens after the first; of complete requests.
    case perToken
    /// From the moment it was due to its end; of complete requests.
    case endToEnd
    /// From the moment it was due to its end; of failed requests.
    ///
    /// They stand apart because they would spoil the others either way: a quick refusal would make them better, and how long a timed out request
    /// would have taken nobody knows. Whoever reads percentiles reads the share of failures and goodput beside them.
    case untilFailure
    /// From the moment it was due until it was sent: what the load's own sender owes.
    case sendDelay

    /// In JSON, for good.
    package var name: String {
        switch self {
        case .firstToken: "ttft"
        case .serviceFirstToken: "ttft_service"
        case .betweenTokens: "itl"
        case .betweenPieces: "chunk_gap"
        case .perToken: "tpot"
        case .endToEnd: "e2e"
        case .untilFailure: "failure"
        case .sendDelay: "send_delay"
        }
    }

    /// For people.
    package var title: String {
        switch self {
        case .firstToken: "Time to first token"
        case .serviceFirstToken: "… from when it was sent"
        case .betweenTokens: "Between tokens"
        case .betweenPieces: "Between pieces"
        case .perToken: "Per token, by request"
        case .endToEnd: "End to end"
        case .untilFailure: "Until failure"
        case .sendDelay: "Sent late by"
        }
    }
}
