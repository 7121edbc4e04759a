package import EngineAdapters
package import Engines
package import EventLoop
package import Transport
package import WireProtocol

/// What a worker is told. Defaults stand in `WorkerOptions`, and here for tests.
package struct WorkerConfig: Sendable {
    package var role = WorkerRole.aggregated
    /// Every one of them is told of this worker.
    package var routers: [Address] = []
    package var listen = Address(host: "127.0.0.1", port: 0)
    package var publish = Address(host: "127.0.0.1", port: 0)
    package var servedNames: [String] = []
    /// How long a drain may take before what still runs is given back to its frontends.
    package var drainLimit = Duration.seconds(120)
    var sessions = SessionLimits()
    /// How much of its stream it keeps for those who missed some.
    package var ring = FeedRing.Bounds()
    package var rooms = RoomSettings()
    package var eventFaults = EventFaults()
    package var engine = EngineSelection.mock(MockConfiguration())

    package init() {}
}

/// Which engine runs, with what that engine is told.
package indirect enum EngineSelection: Sendable {
    case mock(MockConfiguration)
    case reference(ReferenceConfiguration)
    /// One that runs elsewhere, reached over the loop.
    case remote(@LoopActor @Sendable (EngineSurroundings) -> any RemoteEngine)
    /// One of the others, which fails on purpose.
    case faulty(EngineSelection, EngineFaults)
    /// For tests: an engine that somebody else looks into.
    case made(at: StepPlace = .thread, @Sendable () throws -> any InferenceEngine)

    /// Where the engine is made and stepped: known before it is made, since that may take long as well.
    package var place: StepPlace {
        switch self {
        case .mock: MockEngine.isBrief ? .loop : .thread
        // Faults change what an engine says of its time, and not the time that its calls take.
        case .faulty(let selection, _): selection.place
        case .remote: RemoteEngineSteps.isBrief ? .loop : .thread
        case .reference: .thread
        case .made(let place, _): place
        }
    }

    /// The engine, if it runs elsewhere: made before the steps, which begin when it was reached.
    @LoopActor package func remote(_ surroundings: EngineSurroundings) -> (any RemoteEngine)? {
        switch self {
        case .remote(let make): make(surroundings)
        case .faulty(let selection, _): selection.remote(surroundings)
        case .mock, .reference, .made: nil
        }
    }

    /// Called on the thread that steps it. `reached` is what `remote` gave, with what it said of itself.
    package func make(_ reached: RemoteEngineSteps? = nil) throws -> any InferenceEngine {
        switch self {
        case .mock(let configuration): MockEngine(configuration)
        case .reference(let configuration): ReferenceEngine(configuration)
        case .faulty(let selection, let faults): FaultyEngine(try selection.make(reached), faults)
        case .made(_, let make): try make()
        case .remote:
            if let reached { reached } else { throw EngineFailure("an engine that runs elsewhere was not reached") }
        }
    }

    /// What is to go wrong, in words.
    package var faults: [String] { if case .faulty(let selection, let faults) = self { selection.faults + faults.names } else { [] } }
}
