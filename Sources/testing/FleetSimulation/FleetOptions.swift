package import Engines
package import LoadGeneration
package import Scheduling

/// Which fleet is simulated: its workers, its routers, what passes between them, and what goes wrong.
package struct FleetOptions: Sendable {
    /// Workers that do all of a request.
    package var workers = 8
    /// Workers for prompts alone, and workers that go on from there. With both, `workers` may be 0.
    package var prefillWorkers = 0
    package var decodeWorkers = 0
    /// Of each worker.
    package var ranks = 1
    package var blockSize: UInt32 = 512
    package var room = EngineRank(totalBlocks: 6_000, maxSequences: 256, maxBatchedTokens: 8_192, maxWaiting: 1_024)
    package var latency = Engines.LatencyModel()
    /// Tokens of a prompt and its answer, at most.
    package var contextLength = FleetLimits.contextLength
    package var preemption = MockPreemption.lifo

    package var policy = FleetPolicy.kv
    package var queue = QueueSettings()
    package var routers = 1
    package var routerChoice = RouterRule.rendezvous
    /// Until other routers hear of a booking, and how often they never do.
    package var syncDelay = Duration.milliseconds(2)
    package var syncLoss = 0.0

    /// From one process to another.
    package var hop = Duration.microseconds(300)
    /// Events of a worker gather for so long before they leave.
    package var eventPause = Duration.milliseconds(10)
    /// What the KV state of a token takes, and how much of it passes in a second from one worker to another.
    package var stateBytesPerToken = 131_072.0
    package var stateBytesPerSecond = 64e9

    package var faults: [FleetFault] = []
    /// Until the end of a worker's life is noticed.
    package var detection = Duration.milliseconds(1)
    package var attempts = 3
    package var firstToken = Duration.seconds(120)
    /// The share of requests that say how long their answers will be.
    package var expectingShare = 0.0
    package var limits = GoodputLimits(timeToFirstToken: .seconds(2), timePerToken: .milliseconds(25))
    package var seed: UInt64 = 1

    package init() {}

    var placements: Int { (workers + prefillWorkers + decodeWorkers) * ranks }

    /// Of which a request is split.
    var isSplit: Bool { prefillWorkers > 0 && decodeWorkers > 0 }

    func engine(_ role: PlacementRole) -> MockConfiguration {
        var configuration = MockConfiguration(
            modelName: "simulated", blockSize: blockSize, contextLength: contextLength, ranks: ranks, room: room,
            latency: latency)
        configuration.preemption = preemption
        configuration.embeddingDimensions = 0
        // The state itself is not moved here, only its time is: the smallest shape will do.
        if isSplit { configuration.kv = MockKVConfiguration(layers: 1, headDimension: 1) }
        return configuration
    }

    var roles: [PlacementRole] {
        Array(repeating: .aggregated, count: workers) + Array(repeating: .prefill, count: prefillWorkers)
            + Array(repeating: .decode, count: decodeWorkers)
    }
}

/// Which router a request is sent to.
package enum RouterRule: String, CaseIterable, Sendable {
    /// As frontends do: requests that begin alike meet in one router.
    case rendezvous
    case random
}

/// Something that goes wrong at a moment of the run.
package struct FleetFault: Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        /// A worker dies with all that it has; it comes back empty.
        case worker(Int)
        /// A router dies; it comes back and rebuilds itself from the workers.
        case router(Int)
        /// A worker loses its cache, and says so.
        case cleared(Int)
    }

    package var kind: Kind
    package var at: Duration
    /// Nil: for ever.
    package var lasting: Duration?

    package init(_ kind: Kind, at: Duration, lasting: Duration? = nil) {
        self.kind = kind
        self.at = at
        self.lasting = lasting
    }
}

/// Bounds of a simulation, and the reasons for them.
package enum FleetLimits {
    /// No trace has longer prompts, and an engine's is no matter here.
    static let contextLength: UInt32 = 4 << 20
    package static let workers = 8_192
    /// What the index has room for.
    package static let placements = 8_192
    package static let routers = 16
    /// What one router does now and then: expire leases, try again what waits.
    static let tick = Duration.milliseconds(250)
    /// Nothing may last longer than this after the last request was due.
    static let tail = Duration.seconds(3_600)
    /// Longer than a booking stands that no worker has accepted.
    static let settling = Duration.seconds(15)
}
