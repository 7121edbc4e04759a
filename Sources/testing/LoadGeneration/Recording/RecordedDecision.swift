/// Of a router's record of a decision what a recording keeps.
package struct RecordedDecision: Hashable, Sendable {
    /// What the request's session did.
    package enum Session: String, Sendable {
        /// None, or none that was bound.
        case none
        case bound
        case spilled
        case lost
    }

    package var session: Session
    package var queued: Duration
    package var policy: String

    package init(session: Session, queued: Duration, policy: String) {
        self.session = session
        self.queued = queued
        self.policy = policy
    }
}

/// A worker from its start to its end.
package struct RecordedLife: Hashable, Comparable, Sendable {
    package let worker: UInt64
    package let generation: UInt64

    package init(worker: UInt64, generation: UInt64) {
        self.worker = worker
        self.generation = generation
    }

    package static func < (left: RecordedLife, right: RecordedLife) -> Bool {
        (left.worker, left.generation) < (right.worker, right.generation)
    }
}
