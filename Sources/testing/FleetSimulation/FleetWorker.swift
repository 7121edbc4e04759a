import ClusterModel
import Engines
import Scheduling

/// A worker: the engine, what it was asked for, and what it has yet to say of that.
final class FleetWorker {
    let number: Int
    let role: PlacementRole
    private let configuration: MockConfiguration
    private(set) var life: WorkerLife
    private(set) var engine: MockEngine
    private(set) var isAlive = true
    /// A step is under way since then.
    private(set) var stepBegan: Instant?
    private var output = StepOutput()
    /// By their keys in the engine.
    private(set) var legs: [UInt64: FleetLeg] = [:]
    private var lastKey: UInt64 = 0
    /// As its ranks said after their last step, and what they were given since.
    private(set) var loads: [EngineLoad]
    private var givenTokens: [UInt64]
    private(set) var saidLoads: [EngineLoad]
    /// Not published yet.
    private(set) var pending: [FleetNews.Item] = []
    var published: Instant?
    var isPublishing = false
    /// The link over which its KV state leaves is taken until then.
    var linkFree = Instant.zero

    // What it did, for the figures.
    private(set) var requests = 0
    private(set) var prefillTokens = 0
    private(set) var steps = 0
    private(set) var busy = Duration.zero

    init(_ number: Int, _ role: PlacementRole, _ configuration: MockConfiguration) {
        self.number = number
        self.role = role
        self.configuration = configuration
        life = WorkerLife(worker: WorkerID(UInt64(number) + 1), generation: Generation(1))
        engine = MockEngine(configuration)
        loads = Array(repeating: EngineLoad(), count: configuration.ranks)
        saidLoads = loads
        givenTokens = Array(repeating: 0, count: configuration.ranks)
    }

    // MARK: Requests

    /// Prefill that waits on a rank, as the worker knows it now.
    func waitingTokens(_ rank: Rank) -> UInt64 { loads[Int(rank.rawValue)].waitingTokens + givenTokens[Int(rank.rawValue)] }

    func engage(_ leg: FleetLeg, _ make: (EngineRequestKey) -> EngineRequest) {
        lastKey += 1
        leg.key = lastKey
        legs[lastKey] = leg
        if leg.role != .decode {
            givenTokens[Int(leg.lease.rank.rawValue)] += UInt64(leg.lease.promptTokens)
            requests += 1
        }
        engine.admit(make(EngineRequestKey(lastKey)))
    }

    func forget(_ leg: FleetLeg) { legs[leg.key] = nil }

    func cancel(_ leg: FleetLeg) { if legs[leg.key] != nil { engine.cancel(EngineRequestKey(leg.key), choice: nil) } }

    // MARK: Steps

    var canStep: Bool { isAlive && stepBegan == nil && engine.hasWork }

    /// How long the step takes that begins now.
    func step(at now: Instant) -> Duration {
        output.removeAll()
        for rank in givenTokens.indices { givenTokens[rank] = 0 }
        let took: Duration
        do throws(EngineFailure) { took = try engine.step(at: now, into: &output) } catch {
            preconditionFailure("a simulated engine without faults failed: \(error)")
        }
        stepBegan = now
        steps += 1
        busy += took
        return took
    }

    /// What the step that ends now came to; its memory is to be given back.
    func takeOutput() -> StepOutput {
        stepBegan = nil
        loads = output.loads
        prefillTokens += output.prefillTokens
        defer { output = StepOutput() }
        return output
    }

    func giveBack(_ output: consuming StepOutput) { self.output = output }

    // MARK: News

    func say(_ item: FleetNews.Item) { pending.append(item) }

    /// Everything that is to be said, with the loads that changed; nil if that is nothing.
    func news() -> FleetNews? {
        for rank in loads.indices {
            var load = loads[rank]
            load.waitingTokens += givenTokens[rank]
            guard load != saidLoads[rank] else { continue }
            saidLoads[rank] = load
            pending.append(.load(Rank(UInt32(rank)), load))
        }
        guard !pending.isEmpty else { return nil }
        defer { pending = [] }
        return FleetNews(worker: number, life: life, items: pending)
    }

    // MARK: Faults

    /// Dies, and gives up those it served.
    func die() -> [FleetLeg] {
        isAlive = false
        stepBegan = nil
        pending = []
        isPublishing = false
        let lost = legs.sorted { $0.key < $1.key }.map(\.value)
        legs = [:]
        return lost
    }

    /// Back, with nothing of what it was.
    func revive() {
        life = WorkerLife(worker: life.worker, generation: Generation(life.generation.rawValue + 1))
        engine = MockEngine(configuration)
        loads = Array(repeating: EngineLoad(), count: loads.count)
        saidLoads = loads
        givenTokens = Array(repeating: 0, count: loads.count)
        linkFree = .zero
        isAlive = true
    }
}
