/// What a recorded cluster consisted of: as much of it as a simulation needs to be set up alike.
package struct RecordedFleet: Hashable, Sendable {
    /// By ordinal, as requests name them.
    package var models: [RecordedModel] = []
    /// By ordinal; one that restarted, or took another role, is two.
    package var workers: [RecordedWorker] = []
    package var routers = 0

    package init() {}

    /// The workers of one model that were there at some time of the recording.
    package func workers(of model: Int) -> [RecordedWorker] { workers.filter { $0.model == model } }
}

/// One pool: a model and a block size.
package struct RecordedModel: Hashable, Sendable {
    package var name: String
    /// Tokens of a block.
    package var blockTokens: UInt32
    /// Prompt and output together; 0: not said.
    package var contextTokens: UInt32

    package init(name: String, blockTokens: UInt32, contextTokens: UInt32) {
        self.name = name
        self.blockTokens = blockTokens
        self.contextTokens = contextTokens
    }
}

/// Of a worker what it takes on, of a request's leg which part of the work it is.
package enum RecordedRole: String, CaseIterable, Sendable {
    /// Whole requests.
    case aggregated
    case prefill
    case decode
}

/// One life of a worker in one role.
package struct RecordedWorker: Hashable, Sendable {
    /// From the begin of the recording; zero: it was there before.
    package var joined: Duration
    /// Nil: it was there to the end.
    package var left: Duration?
    package var model: Int
    package var role: RecordedRole
    package var ranks: [RecordedRank]

    package init(joined: Duration, left: Duration? = nil, model: Int, role: RecordedRole, ranks: [RecordedRank]) {
        self.joined = joined
        self.left = left
        self.model = model
        self.role = role
        self.ranks = ranks
    }
}

/// What one rank has room for.
package struct RecordedRank: Hashable, Sendable {
    package var rank: UInt32
    /// On the device.
    package var blocks: UInt32
    package var hostBlocks: UInt32
    package var diskBlocks: UInt32
    /// Running at once.
    package var maxSequences: UInt32
    /// In one engine step.
    package var maxBatchedTokens: UInt32

    package init(
        rank: UInt32, blocks: UInt32, hostBlocks: UInt32 = 0, diskBlocks: UInt32 = 0, maxSequences: UInt32, maxBatchedTokens: UInt32
    ) {
        self.rank = rank
        self.blocks = blocks
        self.hostBlocks = hostBlocks
        self.diskBlocks = diskBlocks
        self.maxSequences = maxSequences
        self.maxBatchedTokens = maxBatchedTokens
    }
}
