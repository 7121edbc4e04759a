package import WireProtocol

/// How a link ended. Every link ends exactly once, and its handler is told exactly once, unless it was this side that aborted it.
package enum LinkEnd: Error, Hashable, Sendable {
    /// One side said Goodbye and the other acknowledged it.
    case goodbye(GoodbyeReason, byPeer: Bool)
    case refused(Refuse)
    case closedByPeer(TransportError)
    /// Nothing was heard for this long though the connection is open.
    case silent(Duration)
    /// The peer's kernel took no byte for too long.
    case writeStalled
    /// More waits for the peer than is allowed.
    case outboxFull
    case badFraming
    case badMessage(WireError)
    case handshakeTimeout
    case dialFailed(TransportError)
}

/// What came back for a question.
enum LinkAnswer: Sendable {
    case message(UInt16, [UInt8])
    case ended
}

/// Why a question has no answer.
package enum LinkFailure: Error, Hashable, Sendable {
    case ended, timedOut
    case failed(Failure)
    case malformed(WireError)
}
