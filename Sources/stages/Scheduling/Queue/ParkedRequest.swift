package import ClusterModel

/// What the order of a queue depends on, of one request.
package struct ParkedRequest: Hashable, Sendable {
    package var lane = QueueLane()
    package var tenant = ""
    /// Of the tenant: its share of what is placed.
    package var weight = 1.0
    package var priority = 0.0
    /// Of a tenant's requests those of the highest class go first, whatever the policy says.
    package var priorityClass: UInt32 = 0
    /// It has state, or part of its answer: only memory turns it away, and it goes first of all that its tenant has.
    package var isUnderWay = false
    /// Still to be computed: what the tenant is charged, and the queue bounded by.
    package var tokens: UInt32 = 1
    package var promptTokens: UInt32 = 0
    package let arrival: Instant
    /// Leaves the queue then.
    package var expiry: Instant
    /// Of the whole request.
    package var deadline: Instant

    package init(arrival: Instant, expiry: Instant, deadline: Instant) {
        self.arrival = arrival
        self.expiry = expiry
        self.deadline = deadline
    }
}

/// Names a parked request in its queue, for as long as it is there.
package struct QueueTicket: Hashable, Sendable {
    /// Small numbers, used again: for tables beside the queue.
    package let index: Int
    let sequence: UInt64
}

/// Why a request is not parked.
package enum QueueRefusal: Error, Hashable, Sendable {
    /// As many entries or tokens as the queue takes.
    case full
    /// What is before it takes longer than it may wait: by so much.
    case unreachable(by: Duration)
}
