import ClusterHarness
import ClusterModel
import EventLoop
import StreamFollowing
import Testing
import Transport
import WireProtocol

/// A reader of a stream: its process, its mirror, and an ear on its feed.
final class Reader: @unchecked Sendable {
    // Safety: belongs to the thread of its world.
    let loop: VirtualLoop
    let host: SimulatedHost
    let mirror: WorkerMirror
    let follower: StreamFollower
    let oracle: GapOracle

    init(_ name: String, _ world: FollowingWorld, options: FollowingOptions, gate: RecoveryGate) {
        let loop = world.world.makeLoop(name), host = world.fabric.host(name, loop: loop)
        let oracle = GapOracle(generation: FollowingWorld.generation)
        (mirror, follower) = loop.perform {
            let mirror = WorkerMirror()
            let endpoint = LinkEndpoint(
                loop: loop, network: host, policy: ScriptedPublisher.policy(.router, id: 0xAA, generation: 0xA1))
            let line = RecoveryLine(dialling: { ScriptedPublisher.linkAddress }, endpoint: endpoint, loop: loop)
            let source = StreamSource(
                .workerEvents, publisher: ScriptedPublisher.id, generation: FollowingWorld.generation, feed: ScriptedPublisher.feedAddress)
            mirror.whenCompleted = { oracle.completed($0) }
            do {
                let follower = try StreamFollower(
                    source, mirror: mirror, line: line, gate: gate, options: options, loop: loop,
                    network: OverheardNetwork(host, oracle: oracle))
                return (mirror, follower)
            } catch { preconditionFailure("\(error)") }
        }
        self.loop = loop
        self.host = host
        self.oracle = oracle
    }

    var counters: FollowerCounters { loop.perform { follower.counters } }
    var state: StreamState { loop.perform { follower.state } }
    var position: UInt64 { loop.perform { follower.position } }
    var picture: WorkerPicture { loop.perform { mirror.picture } }
    func on<Result>(_ body: @LoopActor (Reader) -> Result) -> Result { loop.perform { body(self) } }
}

/// A scripted publisher and readers of its stream, in virtual time.
final class FollowingWorld: @unchecked Sendable {
    // Safety: one test at a time drives the world.
    static let generation: UInt64 = 0x77
    let world: VirtualWorld
    let fabric: SimulatedFabric
    let publisher: ScriptedPublisher
    private var random: SeededRandom
    private var chains: [UInt64] = []
    private var nextLease: UInt64 = 1
    private(set) var ranks: UInt32 = 2

    init(seed: UInt64 = 1, faults: LinkFaults = LinkFaults()) {
        world = VirtualWorld(seed: seed)
        fabric = SimulatedFabric(world: world, plan: FaultPlan(faults))
        random = SeededRandom(seed: seed &* 77)
        let loop = world.makeLoop("publisher")
        publisher = ScriptedPublisher(loop: loop, host: fabric.host("publisher", loop: loop), generation: Self.generation)
    }

    func reader(_ name: String = "reader", gate: RecoveryGate = RecoveryGate(), _ change: (inout FollowingOptions) -> Void = { _ in })
        -> Reader
    {
        var options = FollowingOptions()
        change(&options)
        return Reader(name, self, options: options, gate: gate)
    }

    // MARK: Time

    func pass(_ span: Duration) { world.run(for: span) }

    @discardableResult
    func until(
        _ what: String, within limit: Duration = .seconds(20), sourceLocation: SourceLocation = #_sourceLocation, _ condition: () -> Bool
    ) -> Bool {
        // In steps: looking into a process gives it a turn, and time would stand still.
        let deadline = world.now + limit
        while !condition() {
            guard world.now < deadline else {
                Issue.record("did not happen in time: \(what)", sourceLocation: sourceLocation)
                return false
            }
            world.run(for: .milliseconds(1))
        }
        return true
    }

    func inStep(_ reader: Reader, within limit: Duration = .seconds(20), sourceLocation: SourceLocation = #_sourceLocation) {
        until("in step", within: limit, sourceLocation: sourceLocation) { reader.state == .inStep && reader.position == last }
    }

    func lose(_ reader: Reader, _ body: () -> Void) {
        var faults = LinkFaults()
        faults.feedLoss = 1
        fabric.plan["publisher", reader.host.name] = faults
        body()
        pass(.microseconds(400))
        fabric.plan["publisher", reader.host.name] = fabric.plan.standard
    }

    // MARK: Events

    var last: UInt64 { publisher.on { UInt64($0.events.count) } }

    func publish(_ batch: [WorkerEvent]) { publisher.on { $0.publish(batch) } }

    func load(_ waiting: UInt64) {
        var load = RankLoad()
        load.waitingTokens = waiting
        publish([.rankLoad(load)])
    }

    /// Something that may happen to a worker: true to what went before.
    func randomEvent(clears: Bool = true) -> WorkerEvent {
        let rank = UInt32(random.next() % UInt64(ranks)), tier: Tier = random.next() % 4 == 0 ? .host : .device
        let truth = publisher.on { $0.truth }, held = truth.blocks[.init(rank: rank, tier: tier)] ?? [:]
        switch random.next() % 20 {
        case 0..<9:
            var fresh: [UInt64] = []
            for _ in 0..<(1 + random.next() % 12) {
                let hash = 1 + random.next() % 400
                if held[hash] == nil, !fresh.contains(hash) { fresh.append(hash) }
            }
            guard !fresh.isEmpty else { return removal(rank, tier, held) }
            let parent = random.next() % 3 == 0 ? nil : held.keys.min()
            return .blocksStored(BlocksStored(rank: rank, tier: tier, parent: parent, hashes: fresh))
        case 9..<14: return removal(rank, tier, held)
        case 14 where clears: return .rankCleared(RankCleared(rank: rank))
        case 15, 16:
            let open = truth.leases.keys.sorted()
            guard !open.isEmpty else { fallthrough }
            var ended = RequestEnded()
            ended.lease = open[Int(random.next() % UInt64(open.count))]
            return .requestEnded(ended)
        case 17, 18:
            var accepted = RequestAccepted()
            accepted.lease = nextLease
            accepted.promptTokens = UInt32(random.next() % 1_000)
            nextLease += 1
            return .requestAccepted(accepted)
        default:
            var load = RankLoad()
            load.waitingTokens = random.next() % 10_000
            return .rankLoad(load)
        }
    }

    private func removal(_ rank: UInt32, _ tier: Tier, _ held: [UInt64: UInt64]) -> WorkerEvent {
        let gone = held.keys.sorted().filter { _ in random.next() % 4 == 0 }.prefix(20)
        return .blocksRemoved(BlocksRemoved(rank: rank, tier: tier, hashes: Array(gone)))
    }

    /// So many batches of some events, with pauses between them.
    func work(_ batches: Int, pauses: Duration = .milliseconds(5), clears: Bool = true) {
        for _ in 0..<batches {
            var batch: [WorkerEvent] = []
            // One by one: each is true to those before it.
            for _ in 0..<(1 + random.next() % 4) {
                let event = randomEvent(clears: clears)
                publisher.on { $0.prepare(event) }
                batch.append(event)
            }
            publisher.on { $0.publishPrepared(batch) }
            pass(.nanoseconds(Int64(random.next() % UInt64(max(pauses.inNanoseconds, 1)))))
        }
    }

    func expectTruth(_ reader: Reader, sourceLocation: SourceLocation = #_sourceLocation) {
        let picture = reader.picture, truth = publisher.on { $0.truth }
        #expect(picture.blocks == truth.blocks.filter { !$0.value.isEmpty }, sourceLocation: sourceLocation)
        #expect(picture.requests.keys.sorted() == truth.leases.keys.sorted(), sourceLocation: sourceLocation)
        #expect(picture.loads.values.first == truth.load, sourceLocation: sourceLocation)
        #expect(reader.on { $0.mirror.violations } == [], sourceLocation: sourceLocation)
        #expect(reader.counters.gaps == UInt64(reader.oracle.gaps), "each gap was counted", sourceLocation: sourceLocation)
    }
}

extension Reader {
    /// As if the feed had brought it.
    @LoopActor func deliver(_ bytes: UnsafeRawBufferPointer) {
        let message = RawSpan(_unsafeBytes: bytes)
        guard let header = try? MessageHeader(reading: message), let feed = FeedStandIn.feed(loop, host) else { return }
        follower.feed(feed, batch: header, body: message.extracting(droppingFirst: MessageHeader.byteCount))
    }

    @LoopActor func deliverBeat(_ last: UInt64) {
        guard let feed = FeedStandIn.feed(loop, host) else { return }
        follower.feed(feed, beat: last, generation: FollowingWorld.generation)
    }
}

/// A subscription that nothing comes over.
private enum FeedStandIn {
    @LoopActor
    final class Deaf: FeedReader {
        func feed(_ feed: FeedSubscriber, batch header: MessageHeader, body: RawSpan) {}
        func feed(_ feed: FeedSubscriber, beat last: UInt64, generation: UInt64) {}
        func feed(_ feed: FeedSubscriber, became verdict: Liveness.Verdict) {}
    }

    @LoopActor static func feed(_ loop: Loop, _ network: any Network) -> FeedSubscriber? {
        try? FeedSubscriber(
            to: Address(host: "nobody", port: 1), kind: .workerEvents, loop: loop, network: network, reader: Deaf())
    }
}
