import ClusterModel
@testable import EngineAdapters
import Engines
import EventLoop
import Telemetry

/// A worker that follows an engine of two hosts in virtual time, and what a router would know by what is told.
final class EventScene: @unchecked Sendable {
    // Safety: one test drives it, on one thread.
    static let blockSize: UInt32 = 2

    let world: VirtualWorld
    let fabric: VirtualSocketFabric
    let loop: VirtualLoop
    let engineLoop: VirtualLoop
    let engine: EngineDouble
    let events: EngineEvents
    let metrics = MetricsRegistry()
    /// What was told, taken as a router takes it: by rank and tier.
    private(set) var told = ToldCache()
    private(set) var notices = 0

    /// Counts the lines.
    private final class Lines: LogSink, @unchecked Sendable {
        // Safety: written and read on the thread of the world.
        var count = 0

        func write(_ line: [UInt8]) -> Bool {
            count += 1
            return true
        }
    }

    private let lines = Lines()
    var logLines: Int { lines.count }

    init(seed: UInt64 = 1, topic: String = "kv", replays: Bool = true, minor: UInt8 = 1, blocks: Int = 1_000, load: Bool = false) {
        world = VirtualWorld(seed: seed)
        fabric = VirtualSocketFabric(world)
        loop = world.makeLoop("worker")
        engineLoop = world.makeLoop("engine")
        let sockets = VirtualSockets("worker", loop: loop, on: fabric),
            engineSockets = VirtualSockets("engine", loop: engineLoop, on: fabric)
        let metrics = metrics, lines = lines
        let surroundings = EngineSurroundings(
            loop: loop, sockets: sockets, pool: WorkPool(threads: 0),
            log: Logger(level: .info, style: .json, sink: lines, metrics: metrics, wallClock: { 0 }), metrics: metrics)
        engine = engineLoop.perform { EngineDouble(on: engineSockets, minor: minor) }
        var feed = EngineEventFeed(
            rank: Rank(0), events: ZMTPEndpoint(host: "engine", port: EngineDouble.eventPort), topic: topic)
        if replays { feed.replay = ZMTPEndpoint(host: "engine", port: EngineDouble.replayPort) }
        if load { feed.load = ZMTPEndpoint(host: "engine", port: EngineDouble.loadPort) }
        let feeds = [feed]
        events = loop.perform { EngineEvents(feeds, blockSize: Self.blockSize, blocks: blocks, in: surroundings) }
        loop.perform {
            events.whenChanged = { [unowned self] in notices += 1 }
            events.start()
        }
    }

    func onEngine(_ body: @LoopActor (EngineDouble) -> Void) { engineLoop.perform { body(engine) } }

    /// True if it comes to hold within so many seconds; what is told is taken all the while.
    func runs(for seconds: Int64 = 60, until condition: @LoopActor (EngineEvents) -> Bool) -> Bool {
        world.run(for: .seconds(seconds)) {
            loop.perform {
                drain()
                return condition(events)
            }
        }
    }

    func pass(seconds: Int64) { _ = runs(for: seconds) { _ in false } }

    @LoopActor private func drain() {
        guard events.hasChanges else { return }
        var output = StepOutput()
        events.drain(into: &output)
        told.take(output)
    }

    func close() {
        loop.perform { events.close() }
        engineLoop.perform { engine.close() }
    }

    var isFollowing: Bool { loop.perform { events.isFollowing } }

    /// Hashes of a whole prompt.
    static func hashes(_ tokens: [UInt64], adapter: String = "", salt: CacheSalt? = nil) -> [SequenceHash] {
        let tokens = tokens.map { TokenID($0) }
        var hashes: [SequenceHash] = []
        BlockHasher(blockSize: blockSize, adapter: adapter, salt: salt).extend(&hashes, toCover: tokens.span)
        return hashes
    }
}

/// What a router believes that was told all changes, and where they contradicted themselves.
struct ToldCache {
    private(set) var blocks: [EngineTier: Set<SequenceHash>] = [:]
    private(set) var problems: [String] = []
    private(set) var clears = 0

    var device: Set<SequenceHash> { blocks[.device] ?? [] }

    mutating func take(_ output: StepOutput) {
        for change in output.cache {
            switch change.kind {
            case .cleared:
                clears += 1
                blocks = [:]
            case .stored(let parent):
                if let parent, !isHeld(parent) { problems.append("\(parent) is no parent that was told") }
                for hash in hashes(of: change, in: output) { store(hash, change.tier) }
            case .removed:
                for hash in hashes(of: change, in: output) { remove(hash, change.tier) }
            }
        }
    }

    private func hashes(of change: CacheChange, in output: StepOutput) -> ArraySlice<SequenceHash> {
        output.hashes[Int(change.first)..<Int(change.first + change.count)]
    }

    /// Order: of all tiers it is only asked whether one has it.
    private func isHeld(_ hash: SequenceHash) -> Bool { blocks.values.contains { $0.contains(hash) } }

    private mutating func store(_ hash: SequenceHash, _ tier: EngineTier) {
        let (isNew, _) = blocks[tier, default: []].insert(hash)
        if !isNew { problems.append("\(hash) is stored twice") }
    }

    private mutating func remove(_ hash: SequenceHash, _ tier: EngineTier) {
        let known = blocks[tier, default: []].remove(hash)
        if known == nil { problems.append("\(hash) is removed and was not there") }
    }
}
