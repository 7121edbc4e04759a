import WireProtocol

/// Bounds of who follows a whole cluster, with their reasons. Those of one stream: `FollowingLimits` of StreamFollowing.
package enum FollowingBounds {
    /// Lives of workers, and frontends: as many as a directory names.
    static let workers = Limits.workerIDs
    /// Requests of one worker that a snapshot of its stream names; a router books no more on one.
    static let heldRequests = 65_536
    /// Sessions of one worker that a snapshot names.
    static let heldSessions = 65_536
    /// Requests that are put together at once, unless a book is told of fewer: some 100 MB.
    package static let openRequests = 65_536
    /// Of a request: attempts, and both legs of each.
    static let parts = 16
}
