import ClusterHarness
import ClusterModel
import Engines
import EventLoop
import StreamFollowing
import Testing
import Transport
import WireProtocol
import WorkerService

@Suite("A worker's stream and those who follow it")
struct StreamTests {
    @Test(
        "T19: whatever network, readers and worker do, each gap is counted, and two quiet seconds later every reader shows the worker's truth",
        arguments: 1...20 as ClosedRange<UInt64>)
    func truth(seed: UInt64) {
        let report = StreamRun.run(seed: seed)
        #expect(report.violations == [], "\(report.line)\nrepeat with: wiretool simulate --streams --seed \(seed) --verbose")
        #expect(report.requests > 20 && report.counters.events > 500 && report.faults.count > 5, "\(report.line)")
    }

    @Test("the same seed gives the same trace; another seed another")
    func replay() {
        var options = StreamRun.Options()
        options.span = .seconds(4)
        let first = StreamRun.run(seed: 7, options), second = StreamRun.run(seed: 7, options)
        #expect(first.line == second.line && first.faults == second.faults)
        #expect(StreamRun.run(seed: 8, options).traceHash != first.traceHash)
    }

    /// A worker, work for it, and readers, with nothing wrong: pieces of the network take the same time whoever else is there.
    private struct Scene {
        let world: VirtualWorld
        let fabric: SimulatedFabric
        let worker: StreamWorker
        let load: StreamLoad

        init(seed: UInt64 = 5) {
            world = VirtualWorld(seed: seed)
            var faults = LinkFaults()
            faults.jitter = .zero
            fabric = SimulatedFabric(world: world, plan: FaultPlan(faults))
            var shape = StreamLoad.Shape()
            shape.pause = .milliseconds(120)
            load = StreamLoad(seed: seed, shape, in: world, fabric)
            let mock = MockConfiguration(
                blockSize: 16, contextLength: 4_096, ranks: 2,
                room: EngineRank(totalBlocks: 60, maxSequences: 6, maxBatchedTokens: 512, maxWaiting: 8),
                latency: LatencyModel(form: .fixed(prefillPerToken: .microseconds(20), decodeStep: .milliseconds(8))))
            // Past what a socket holds for a reader that does not read, and past what the ring holds.
            worker = StreamWorker(generation: 1, mock, in: world, fabric) { $0.ring = FeedRing.Bounds(events: 1_000) }
        }

        /// One that holds as much as a stopped process: a few hundred messages, in its own memory and the kernel's.
        func reader(_ name: String) -> StreamReader {
            let marks = InboxMarks(highBytes: 1 << 20, lowBytes: 256 << 10, highItems: 256, lowItems: 64)
            return StreamReader(name, generation: 1, in: world, fabric, marks: marks)
        }

        func until(_ what: String, within limit: Duration = .seconds(20), _ condition: () -> Bool) {
            let deadline = world.now + limit
            while !condition() {
                guard world.now < deadline else {
                    Issue.record("did not happen in time: \(what)")
                    return
                }
                world.run(for: .milliseconds(1))
            }
        }
    }

    @Test(
        "T21: a reader that stands still for 30 s costs the worker nothing: each step begins when it would have, and the reader catches up")
    func stopped() {
        var steps: [[Instant]] = []
        for stops in [false, true] {
            let scene = Scene(), other = scene.reader("reader-1"), reader = scene.reader("reader-2")
            scene.load.start()
            scene.world.run(for: .seconds(2))
            if stops { reader.loop.freeze() }
            scene.world.run(for: .seconds(30))
            if stops {
                reader.loop.thaw()
                scene.until("it is in step again", within: .seconds(2)) {
                    reader.state == .inStep && reader.position == other.position
                }
                let counters = reader.counters
                #expect(counters.snapshots == 2 && counters.gaps > 0 && counters.missingEvents > 2_000, "\(counters)")
            } else {
                #expect(reader.counters.gaps == 0)
            }
            #expect(other.counters.gaps == 0 && other.counters.snapshots == 1)
            #expect(reader.picture == other.picture && reader.violations + other.violations == [])
            steps.append(scene.worker.engine.steps.filter { $0 < .zero + .seconds(32) })
        }
        #expect(steps[0].count > 1_000 && steps[0].count == steps[1].count)
        // This network cuts bytes into pieces at random, a nanosecond apart.
        let furthest = zip(steps[0], steps[1]).map { abs($0.duration(to: $1).inNanoseconds) }.max() ?? .max
        #expect(furthest < 1_000)
    }

    @Test("every reader is empty within 100 ms of a clear of all ranks, and follows what is stored afterwards")
    func cleared() {
        let scene = Scene(), readers = (1...3).map { scene.reader("reader-\($0)") }
        scene.load.start()
        scene.world.run(for: .seconds(3))
        scene.load.stop()
        scene.until("at rest") { scene.worker.isIdle }
        scene.world.run(for: .milliseconds(50))
        for reader in readers { #expect(reader.picture.blockCount > 50 && reader.picture.blocks == scene.worker.blocks) }
        for rank in 0..<2 as Range<UInt32> { scene.worker.engine.clearSoon(Rank(rank)) }
        scene.load.nudge()
        scene.world.run(for: .milliseconds(100))
        for reader in readers { #expect(reader.picture.blockCount == 0 && reader.violations == []) }
        scene.load.start()
        scene.world.run(for: .seconds(2))
        scene.load.stop()
        scene.until("at rest") { scene.worker.isIdle }
        scene.world.run(for: .milliseconds(50))
        for reader in readers { #expect(reader.picture.blockCount > 0 && reader.picture.blocks == scene.worker.blocks) }
    }

    @Test("T22: ten thousand damaged pages of a real worker's snapshot: none is taken for one")
    func damagedPages() {
        let scene = Scene(), pages = PageCollector(), loop = scene.world.makeLoop("collector")
        let host = scene.fabric.host("collector", loop: loop)
        scene.load.start()
        scene.world.run(for: .seconds(3))
        let endpoint = loop.perform {
            LinkEndpoint(loop: loop, network: host, policy: StreamWorker.policy(.router, id: 9, generation: 9))
        }
        loop.spawn { await pages.collect(endpoint) }
        scene.until("all pages are there") { pages.isDone }
        #expect(pages.bodies.count == 5 && pages.bodies.contains { $0.count > 1_000 })
        var random = SeededRandom(seed: 22), refusals: [WireError.Code: Int] = [:]
        for _ in 0..<10_000 {
            var body = pages.bodies[Int(random.next() % UInt64(pages.bodies.count))]
            if random.next() % 4 == 0 {
                body.removeLast(1 + Int(random.next() % UInt64(body.count)))
            } else {
                for _ in 0...(random.next() % 3) { body[Int(random.next() % UInt64(body.count))] ^= 1 << UInt8(random.next() % 8) }
            }
            guard !pages.bodies.contains(body) else { continue }  // two flips of one bit
            do throws(WireError) {
                _ = try Codec.decodeBody(SnapshotPage.self, from: body.span.bytes)
                Issue.record("a damaged page decodes")
            } catch { refusals[error.code, default: 0] += 1 }
        }
        #expect(refusals.values.reduce(0, +) > 9_900)
    }
}

/// All pages of the worker's snapshot, as they came.
private final class PageCollector: @unchecked Sendable {
    // Safety: belongs to the one thread that runs its world.
    private(set) var bodies: [[UInt8]] = []
    private(set) var isDone = false

    @LoopActor func collect(_ endpoint: LinkEndpoint) async {
        guard case .success(let link) = await endpoint.dial(StreamWorker.links, kind: .recovery) else { return }
        var question = SnapshotQuestion(stream: .workerEvents, publisher: StreamWorker.id, generation: 1, cursor: SnapshotCursor())
        while !isDone {
            do throws(LinkFailure) {
                let page = try await link.ask(question, answeredBy: SnapshotPage.self, within: .seconds(5))
                var body: [UInt8] = []
                Codec.appendBody(page, to: &body)
                bodies.append(body)
                if let next = page.next { question.cursor = next } else { isDone = true }
            } catch { return }
        }
        link.goodbye(.done)
    }
}
