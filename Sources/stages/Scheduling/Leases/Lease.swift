package import ClusterModel

/// Whose stream of events drives a lease: a worker in one of its lives.
package struct WorkerLife: Hashable, Comparable, Sendable {
    package let worker: WorkerID
    package let generation: Generation

    package init(worker: WorkerID, generation: Generation) {
        self.worker = worker
        self.generation = generation
    }

    package static func < (left: WorkerLife, right: WorkerLife) -> Bool {
        (left.worker, left.generation) < (right.worker, right.generation)
    }
}

/// A booking of a placement for one leg of one attempt of a request.
package struct Lease: Hashable, Sendable {
    /// Unique among the leases of all routers.
    package let number: UInt64
    package let life: WorkerLife
    package var rank: Rank
    package var role: PlacementRole
    /// None where only a later event of it was heard.
    package var request: RequestID?
    package var attempt: UInt8
    package var promptTokens: UInt32
    /// Still to be computed, as was last said.
    package var prefillTokens: UInt32
    package var expectedOutputTokens: UInt32?
    package var promptBlocks: UInt32
    /// Held beyond the prompt.
    package var outputBlocks: UInt32
    /// Another router, which booked it and told of it; nil once the worker has said it itself. None if this router booked it.
    package var bookedBy: RouterLife?

    package init(
        number: UInt64, life: WorkerLife, rank: Rank, role: PlacementRole = .aggregated, request: RequestID? = nil, attempt: UInt8 = 0,
        promptTokens: UInt32 = 0, prefillTokens: UInt32 = 0, expectedOutputTokens: UInt32? = nil, promptBlocks: UInt32 = 0,
        outputBlocks: UInt32 = 0
    ) {
        self.number = number
        self.life = life
        self.rank = rank
        self.role = role
        self.request = request
        self.attempt = attempt
        self.promptTokens = promptTokens
        self.prefillTokens = prefillTokens
        self.expectedOutputTokens = expectedOutputTokens
        self.promptBlocks = promptBlocks
        self.outputBlocks = outputBlocks
    }

    package var placement: Placement { Placement(worker: life.worker, rank: rank) }
}

/// How a lease ended.
package enum LeaseRelease: UInt8, CaseIterable, Sendable {
    case finished = 1
    case cancelled
    case neverDispatched
    case refused
    case workerLost
    case expired
}

/// A lease that ended, for whoever publishes it.
package struct ReleasedLease: Hashable, Sendable {
    package let lease: Lease
    package let reason: LeaseRelease

    package init(lease: Lease, reason: LeaseRelease) {
        self.lease = lease
        self.reason = reason
    }
}

/// What the leases of one placement add up to. Blocks that leases share are counted for each of them.
package struct LeaseCount: Hashable, Sendable {
    package var requests: UInt32 = 0
    package var prefillTokens: UInt64 = 0
    package var blocks: UInt64 = 0
    /// Of those, not yet accepted by the worker.
    package var bookedRequests: UInt32 = 0
    package var bookedTokens: UInt64 = 0

    package init() {}
}

/// Bounds of a lease table and the reasons for them.
package struct LeaseLimits: Hashable, Sendable {
    /// What a router of 4,096 workers with 64 running sequences each has at once; memory grows with it.
    package var leases = 256 << 10
    /// Released ones that are remembered: the same number again.
    package var tombstones = 256 << 10
    /// In step with the worker's stream.
    package var acceptance = Duration.seconds(5)
    package var tombstone = Duration.seconds(10)

    package init() {}
}
