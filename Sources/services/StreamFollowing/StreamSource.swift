import ClusterModel
package import Transport
package import WireProtocol

/// Which stream is followed: whose, in which of its lives, and where it is heard.
package struct StreamSource: Sendable {
    package var kind: StreamKind
    /// The publisher's id.
    package var publisher: UInt64
    package var generation: UInt64
    package var feed: Address

    package init(_ kind: StreamKind, publisher: UInt64, generation: UInt64, feed: Address) {
        self.kind = kind
        self.publisher = publisher
        self.generation = generation
        self.feed = feed
    }
}

extension StreamKind {
    /// The messages that bear its events.
    var batches: MessageKind {
        switch self {
        case .workerEvents: .workerEvents
        case .routerState: .routerState
        case .frontendState: .frontendState
        }
    }

    /// Who publishes it.
    var publisher: PeerRole {
        switch self {
        case .workerEvents: .worker
        case .routerState: .router
        case .frontendState: .frontend
        }
    }

    /// Goes over a whole batch, so that none is applied by half; gives the number of its events.
    func count(_ body: RawSpan) throws(WireError) -> Int {
        switch self {
        case .workerEvents:
            var events = try WorkerEventCursor(body)
            let count = events.remaining
            while try events.next() != nil {}
            return count
        case .routerState:
            var changes = try RouterChangeCursor(body)
            return try changes.count()
        case .frontendState: return try Codec.decodeBody(FrontendState.self, from: body).changes.count
        }
    }
}

/// How a stream is followed.
package struct FollowingOptions: Sendable {
    /// Also asks for the sections of a snapshot that hold blocks; without them events about blocks still come.
    package var wantsBlocks = true
    package var heldBytes = FollowingLimits.heldBytes
    package var longestPause = FollowingLimits.longestPause

    package init() {}
}
