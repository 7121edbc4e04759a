import ClusterModel
import Engines
import EventLoop
import Transport
import WorkerService

/// What goes wrong between a worker and its readers, drawn from a seed: which fault, where, for how long.
final class StreamFaults: @unchecked Sendable {
    // Safety: belongs to the one thread that runs its world.

    let world: VirtualWorld
    let fabric: SimulatedFabric
    let load: StreamLoad
    private(set) var worker: StreamWorker
    private(set) var readers: [StreamReader] = []
    private(set) var events: [String] = []
    private(set) var lives = 1
    /// So short that replays often come too late.
    let isRingShort: Bool
    private let mock: MockConfiguration
    private var random: SeededRandom
    private var quiet = LinkFaults()
    private var generation: UInt64 = 0x7000

    init(seed: UInt64, readers count: Int) {
        var random = SeededRandom(seed: seed ^ 0x57_4E_A3)
        quiet.delay = .microseconds(Int64(50 + random.next() % 2_000))
        quiet.jitter = .microseconds(Int64(random.next() % 3_000))
        quiet.chunkBytes = 256 << Int(random.next() % 9)
        world = VirtualWorld(seed: seed)
        fabric = SimulatedFabric(world: world, plan: FaultPlan(quiet))
        isRingShort = random.next() % 4 == 0
        // Some with so many blocks that a tier takes several pages, most so few that there is always something to evict and to preempt.
        let isLarge = random.next() % 5 == 0
        var shape = StreamLoad.Shape()
        if isLarge { (shape.pause, shape.longestPrompt, shape.families) = (.milliseconds(40), 3_000, 40) }
        mock = MockConfiguration(
            blockSize: isLarge ? 4 : 16, contextLength: 4_096, ranks: 2,
            room: EngineRank(totalBlocks: isLarge ? 5_000 : 60, maxSequences: 6, maxBatchedTokens: 512, maxWaiting: 8),
            latency: LatencyModel(
                form: .fixed(prefillPerToken: isLarge ? .microseconds(1) : .microseconds(20), decodeStep: .milliseconds(8))))
        load = StreamLoad(seed: seed, shape, in: world, fabric)
        self.random = random
        worker = StreamWorker(generation: generation, mock, in: world, fabric) { [isRingShort] in Self.configure(&$0, isRingShort) }
        for _ in 0..<count { _ = joiner() }
    }

    private static func configure(_ config: inout WorkerConfig, _ isRingShort: Bool) {
        if isRingShort { config.ring = FeedRing.Bounds(events: 60) }
    }

    // MARK: Time

    func pass(_ span: Duration) { world.run(for: span) }

    func until(within limit: Duration, _ condition: () -> Bool) -> Bool {
        // In steps: looking into a process gives it a turn, and time would stand still.
        let deadline = world.now + limit
        while !condition() {
            guard world.now < deadline else { return false }
            world.run(for: .milliseconds(2))
        }
        return true
    }

    private func note(_ what: String) { events.append("\(world.now.nanoseconds / 1_000_000) ms: \(what)") }
    private func span(_ most: UInt64) -> Duration { .milliseconds(Int64(1 + random.next() % most)) }

    // MARK: Faults

    /// One fault, and some time.
    func strike() {
        let reader = readers[Int(random.next() % UInt64(readers.count))]
        switch random.next() % 14 {
        case 0...2: spoilFeed(of: reader)
        case 3: breakLinks(of: reader)
        case 4: part(reader)
        case 5: freeze(reader, for: span(3_000))
        case 6: hold(reader)
        case 7, 8: clear()
        case 9: if lives < 4 { restart(.init(random.next() % 2 == 0)) }
        case 10: if readers.count < 6 { note("\(joiner().name) joins") }
        case 11: slow(reader)
        case 12:
            note("break what joins frontend and worker")
            fabric.breakStreams(between: "frontend", and: StreamWorker.name)
        default: break
        }
        pass(span(900))
    }

    /// Everything works again, and everybody runs.
    func calm() {
        note("calm")
        for reader in readers {
            reader.loop.thaw()
            fabric.heal(reader.name, StreamWorker.name)
        }
        fabric.plan = FaultPlan(quiet)
    }

    func joiner() -> StreamReader {
        let reader = StreamReader("reader-\(readers.count + 1)", generation: generation, in: world, fabric)
        readers.append(reader)
        return reader
    }

    private func spoilFeed(of reader: StreamReader) {
        var faults = quiet
        faults.feedLoss = Double(random.next() % 12) / 100
        faults.feedDuplication = Double(random.next() % 10) / 100
        faults.feedReordering = Double(random.next() % 10) / 100
        note("\(reader.name) loses \(faults.feedLoss), hears twice \(faults.feedDuplication), in disorder \(faults.feedReordering)")
        fabric.plan[StreamWorker.name, reader.name] = faults
    }

    private func slow(_ reader: StreamReader) {
        var faults = quiet
        // What is under way arrives at this rate still when the fault is over: the largest answer in about a second.
        faults.bytesPerSecond = 250_000 + Int(random.next() % 2_000_000)
        note("\(reader.name) gets \(faults.bytesPerSecond ?? 0) bytes a second")
        fabric.plan[StreamWorker.name, reader.name] = faults
    }

    private func breakLinks(of reader: StreamReader) {
        note("break what joins \(reader.name) and the worker")
        if random.next() % 2 == 0 {
            fabric.breakStreams(between: reader.name, and: StreamWorker.name)
        } else {
            fabric.breakStream(from: StreamWorker.name, to: reader.name, afterBytes: Int(random.next() % 30_000))
        }
    }

    private func part(_ reader: StreamReader) {
        let away = span(3_000)
        note("part \(reader.name) from the worker for \(away)")
        fabric.partition(reader.name, StreamWorker.name)
        world.schedule(after: away) { [self] in fabric.heal(reader.name, StreamWorker.name) }
    }

    private func hold(_ reader: StreamReader) {
        let away = span(2_000)
        note("hold what the worker sends to \(reader.name) for \(away)")
        fabric.cut(from: StreamWorker.name, to: reader.name)
        world.schedule(after: away) { [self] in fabric.heal(from: StreamWorker.name, to: reader.name) }
    }

    private func freeze(_ reader: StreamReader, for away: Duration) {
        note("freeze \(reader.name) for \(away)")
        reader.loop.freeze()
        world.schedule(after: away) { reader.loop.thaw() }
    }

    private func clear() {
        let rank = Rank(UInt32(random.next() % 2))
        note("clear rank \(rank)\(random.next() % 2 == 0 ? " and the other" : "")")
        worker.engine.clearSoon(rank)
        if events.last?.hasSuffix("other") == true { worker.engine.clearSoon(Rank(1 - rank.rawValue)) }
    }

    /// Another life, of which each reader learns some time later.
    private func restart(_ how: ProcessDeath) {
        generation += 1
        lives += 1
        note("kill the worker, \(how); another life")
        replace(how)
        let claimed = generation
        for reader in readers {
            world.schedule(after: span(300)) { [self] in if generation == claimed { reader.adopt(claimed) } }
        }
    }

    /// A process in place of the other that claims to be the same life, and counts from 1.
    func countAnew() {
        lives += 1
        note("kill the worker; it comes back in the same life")
        replace(.reset)
    }

    private func replace(_ how: ProcessDeath) {
        worker.kill(how)
        pass(span(200))
        worker = StreamWorker(generation: generation, mock, in: world, fabric) { [isRingShort] in Self.configure(&$0, isRingShort) }
    }

    /// Nothing runs any more.
    func end() {
        worker.kill(.reset)
        for reader in readers { reader.loop.kill() }
    }
}

extension ProcessDeath {
    fileprivate init(_ isSilent: Bool) { self = isSilent ? .silent : .reset }
}
