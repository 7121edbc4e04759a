package import ClusterModel

/// What part of a request a placement is asked to serve.
package enum PlacementWish: UInt8, CaseIterable, Sendable {
    /// The scheduler chooses whole or split.
    case any
    /// One worker for all of it.
    case aggregated
    case prefill
    case decode
}

/// What a worker serves, and what a leg of a decision is.
package enum PlacementRole: UInt8, CaseIterable, Sendable {
    case aggregated
    case prefill
    case decode
}

/// A worker that a request names, and perhaps which rank of it.
package struct PlacementTarget: Hashable, Sendable {
    package let worker: WorkerID
    /// None: the worker's least loaded one.
    package let rank: Rank?

    package init(worker: WorkerID, rank: Rank?) {
        self.worker = worker
        self.rank = rank
    }
}

/// A client's demand that a leg runs on a certain worker: it runs there or nowhere.
package struct PlacementPin: Hashable, Sendable {
    package let role: PlacementRole
    package let target: PlacementTarget

    package init(role: PlacementRole, target: PlacementTarget) {
        self.role = role
        self.target = target
    }
}

/// The placement that a session is bound to.
package struct SessionPlace: Hashable, Sendable {
    package let target: PlacementTarget
    /// It runs there or nowhere: waits, or fails. Otherwise a busy worker is spilled from.
    package let isHard: Bool

    package init(target: PlacementTarget, isHard: Bool) {
        self.target = target
        self.isHard = isHard
    }
}

/// Workers that a request lists. Sorted once, since each candidate is looked up in it.
package struct WorkerList: Hashable, Sendable {
    private var sorted: [UInt64]

    package init(_ ids: [UInt64] = []) { sorted = ids.count < 2 ? ids : ids.sorted() }

    package var isEmpty: Bool { sorted.isEmpty }

    package func contains(_ worker: WorkerID) -> Bool {
        var low = 0, high = sorted.count
        while low < high {
            let middle = (low + high) / 2
            if sorted[middle] < worker.rawValue { low = middle + 1 } else { high = middle }
        }
        return low < sorted.count && sorted[low] == worker.rawValue
    }
}

/// What a request asks of the scheduler: everything a choice may depend on, and no text or token.
package struct RouteQuery: Sendable {
    package var request = RequestID(origin: 0, counter: 0)
    package var wish = PlacementWish.any
    /// Prompt, and tokens shown so far.
    package var tokenCount: UInt32 = 0
    /// That run side by side.
    package var choices: UInt32 = 1
    /// That may still be produced; 0: up to the context length.
    package var maxTokens: UInt32 = 0
    package var expectedOutputTokens: UInt32?
    /// Of the pool: tokens in a block of `hashes`.
    package var blockSize: UInt32 = 0
    /// Sequence hashes of all full blocks.
    package var hashes: [UInt64] = []
    /// Abilities that the worker must have, as bits.
    package var needs: UInt64 = 0
    /// Beside those, of where it decodes.
    package var decodeNeeds: UInt64 = 0
    /// The adapter; empty: none.
    package var loRA = ""
    /// At most one a role.
    package var pins: [PlacementPin] = []
    /// Taken if it is eligible and not busy: it may still hold the request's blocks. A request that is to be whole runs there whatever its role.
    package var preferred: PlacementTarget?
    /// Where the request's session is bound.
    package var session: SessionPlace?
    /// Empty: every worker.
    package var allowed = WorkerList()
    /// Refused or lost this request.
    package var excluded = WorkerList()
    /// The asker has no link to them.
    package var unreachable = WorkerList()
    /// Only asks where it would go: nothing will be booked, so a busy placement is an answer too.
    package var isQuestion = false
    /// It may run as two legs, where workers can hand over.
    package var maySplit = false
    /// Of a decode leg whose state is handed over when it is computed: who has it.
    package var stateFrom: KVSide?
    /// The request's own settings; none: the router's.
    package var policy = ""
    package var overlapWeight: Float?
    package var temperature: Float?
    package var assumeReuse: Bool?
    package var trackPrefill: Bool?

    package init() {}

    /// Blocks that the prompt fills, the last one perhaps in part.
    package var promptBlocks: UInt64 {
        let size = UInt64(max(blockSize, 1))
        return (UInt64(tokenCount) + size - 1) / size
    }

    /// The role of the one leg that serves the request when it is not split.
    package var singleLeg: PlacementRole {
        switch wish {
        case .any, .aggregated: .aggregated
        case .prefill: .prefill
        case .decode: .decode
        }
    }
}
