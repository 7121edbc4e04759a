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
    /// With the one that is not full.
    package var promptBlocks: UInt32
    /// Sequence hashes of the prompt's full blocks, as far as they are known. What other leases hold of them there is held once.
    package var hashes: [UInt64] = []
    /// Held beyond the prompt.
    package var outputBlocks: UInt32
    package var outputTokens: UInt32 = 0
    /// Of the prompt and the output, when that was last looked at: held by this lease alone. Only a lease whose output is expected to end weighs them.
    package var exclusiveBlocks: UInt32 = 0
    /// Of the prompt's blocks, those that its worker had said to have when the lease was booked: what it finds is held against that.
    package var confirmedBlocks: UInt32 = 0
    /// Off: its prefill counts nothing here, as its asker wished.
    package var tracksPrefill = true
    /// The same, should the worker run a whole request in the place of a decode leg.
    package var tracksWhole = true
    /// Off: its blocks are taken for its own, whatever their hashes say.
    package var sharesBlocks = true
    /// Its prefill is not done, so that its blocks are expected and not yet there.
    package var isPredicted = true
    /// How long it takes; none where this router did not plan it.
    package var timing: LegTiming?
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

    /// What others may share with it.
    package var sharedHashes: [UInt64] { sharesBlocks ? hashes : [] }
    /// Beside those: not full, grown since, or taken for its own.
    package var ownBlocks: UInt64 {
        UInt64(promptBlocks) - min(UInt64(promptBlocks), UInt64(sharesBlocks ? hashes.count : 0)) + UInt64(outputBlocks)
    }
    package var countedTokens: UInt32 { tracksPrefill ? prefillTokens : 0 }

    /// The nearer an output is to its expected end, the sooner the blocks that it alone holds come free: so much of them no longer counts.
    package var discount: BlockFraction {
        guard let expectedOutputTokens else { return .zero }
        return BlockFraction(exclusiveBlocks, times: min(outputTokens, max(expectedOutputTokens, 1)), over: max(expectedOutputTokens, 1))
    }
}

// What the worker says of one that is known.
extension Lease {
    /// It is in its queue. `told`: those of its hashes that there is room for.
    mutating func accept(_ said: Lease, _ told: [UInt64]) {
        // A move that has nothing to bring is computed anew, in the place that was booked for its decode leg.
        if role == .decode, said.role == .aggregated { tracksPrefill = tracksWhole }
        rank = said.rank
        role = said.role
        if request == nil { (request, attempt) = (said.request, said.attempt) }
        promptTokens = said.promptTokens
        prefillTokens = said.prefillTokens
        expectedOutputTokens = said.expectedOutputTokens
        promptBlocks = max(promptBlocks, said.promptBlocks)
        outputBlocks = max(outputBlocks, said.outputBlocks)
        outputTokens = max(outputTokens, said.outputTokens)
        if told.count > hashes.count { hashes = told }
        isPredicted = isPredicted && said.isPredicted
        bookedBy = nil
    }

    /// It has begun.
    mutating func start(_ rank: Rank, cachedTokens: UInt32, at now: Instant) {
        timing?.started(cachedTokens: cachedTokens, at: now)
        self.rank = rank
        // A request that is started again, after it was preempted, says so by its progress; one whose prefill is done has none left.
        // What a decode leg does not find in its cache is brought to it.
        if isPredicted, role != .decode { prefillTokens = promptTokens - min(cachedTokens, promptTokens) }
        bookedBy = nil
    }
}

/// Blocks and parts of them, whole thousandths: sums of them go up and down by the very same amounts, and come back to zero.
package struct BlockFraction: Hashable, Comparable, Sendable {
    package private(set) var thousandths: UInt64

    package static let zero = BlockFraction(thousandths: 0)

    private init(thousandths: UInt64) { self.thousandths = thousandths }

    init(_ blocks: UInt32, times part: UInt32, over whole: UInt32) {
        thousandths = UInt64(blocks) * (UInt64(part) * 1000 / UInt64(whole))
    }

    /// To the nearest whole block. Half a block is not taken off: what is left of it is held.
    package var rounded: UInt64 { (thousandths + 499) / 1000 }

    package static func += (left: inout BlockFraction, right: BlockFraction) { left.thousandths += right.thousandths }
    package static func -= (left: inout BlockFraction, right: BlockFraction) { left.thousandths -= right.thousandths }
    package static func < (left: BlockFraction, right: BlockFraction) -> Bool { left.thousandths < right.thousandths }
}

/// What a lease holds in the index.
struct LeaseHold {
    let placement: Placement
    let hashes: [UInt64]
    let isPredicted: Bool

    init(_ lease: borrowing Lease) {
        placement = lease.placement
        hashes = lease.sharedHashes
        isPredicted = lease.isPredicted
    }
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

/// What the leases of one placement add up to.
package struct LeaseCount: Hashable, Sendable {
    package var requests: UInt32 = 0
    package var prefillTokens: UInt64 = 0
    /// Blocks that no other lease can share.
    package var ownBlocks: UInt64 = 0
    /// Of blocks that one lease alone holds: so many will be free soon, and count no longer.
    package var discount = BlockFraction.zero
    /// Of those, not yet accepted by the worker.
    package var bookedRequests: UInt32 = 0
    package var bookedTokens: UInt64 = 0

    package init() {}

    /// Together with the blocks that leases share, each counted once. Never below nothing, however old the discounts are.
    package func blocks(shared: UInt64) -> UInt64 {
        let held = ownBlocks + shared
        return held - min(held, discount.rounded)
    }
}

/// Bounds of a lease table and the reasons for them.
package struct LeaseLimits: Hashable, Sendable {
    /// What a router of 4,096 workers with 64 running sequences each has at once; memory grows with it.
    package var leases = 256 << 10
    /// Of one worker: far above what any runs at once, so that none alone leaves no room for the others.
    package var ofWorker = 32 << 10
    /// Released ones that are remembered: the same number again.
    package var tombstones = 256 << 10
    /// Hashes that they keep, all together: prompts of 128 Ki tokens in all leases would take gigabytes. Beyond it a lease shares nothing.
    package var hashes = 16 << 20
    /// Of one lease: a prompt of eight million tokens in blocks of 64.
    package var hashesOfLease = 128 << 10
    /// In step with the worker's stream.
    package var acceptance = Duration.seconds(5)
    package var tombstone = Duration.seconds(10)
    /// A request whose prefill leg was placed so long ago has asked for its decode leg, or ended.
    package static let handOver = Duration.seconds(600)
    /// As many prefill legs as a router has leases of, by far.
    package static let handOvers = 64 << 10
    /// Bookings that are passed over are not looked through before there are so many of a worker.
    static let tidied = 1_024

    package init() {}
}
