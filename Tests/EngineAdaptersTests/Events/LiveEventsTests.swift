import ClusterModel
@testable import EngineAdapters
import Engines
import EventLoop
import Glibc
import Telemetry
import TestSupport
import Testing

/// A publisher of the ZeroMQ project's own library, over real sockets: `Tests/Fixtures/kv-events/live.py` runs it, and this test with it.
@Suite("Real ZeroMQ", .enabled(if: LivePublisher.ports != nil))
struct LiveEventsTests {
    private struct NoLog: LogSink {
        func write(_ line: [UInt8]) -> Bool { true }
    }

    @Test("past, present, losses, a connection that ends and a life that ends: what is left is the last life's")
    func follows() async throws {
        let ports = try #require(LivePublisher.ports), thread = try LoopThread("live")
        defer { thread.stop() }
        let told = await thread.run { loop in
            let metrics = MetricsRegistry()
            let surroundings = EngineSurroundings(
                loop: loop, sockets: EpollSockets(on: loop), pool: WorkPool(threads: 1),
                log: Logger(level: .error, style: .json, sink: NoLog(), metrics: metrics, wallClock: { 0 }), metrics: metrics)
            let feed = EngineEventFeed(
                rank: Rank(0), events: ZMTPEndpoint(host: "127.0.0.1", port: ports.events),
                replay: ZMTPEndpoint(host: "127.0.0.1", port: ports.replay), topic: "kv@live")
            let events = EngineEvents([feed], blockSize: EventScene.blockSize, blocks: 1_000, in: surroundings)
            events.start()
            var told = ToldCache()
            // Some twelve seconds of publishing, and room for a busy machine.
            for _ in 0..<6_000 where !Self.isComplete(told) {
                await loop.sleep(for: .milliseconds(20))
                var output = StepOutput()
                events.drain(into: &output)
                told.take(output)
            }
            events.close()
            return told
        }
        #expect(Self.isComplete(told), "\(told.device.count) blocks, \(told.clears) clears")
        #expect(told.problems.isEmpty && told.clears == 1)
    }

    /// The second life published two hundred prompts of one block, and each third went.
    private static let expected = Set((0..<200 as Range<UInt64>).filter { $0 % 3 != 0 }.flatMap { EventScene.hashes([1, $0]) })

    private static func isComplete(_ told: ToldCache) -> Bool { told.device == expected }
}

/// Where a publisher was started for these tests.
private enum LivePublisher {
    static let ports: (events: UInt16, replay: UInt16)? = {
        guard let text = getenv("APUS_LIVE_EVENTS") else { return nil }
        let ports = String(cString: text).split(separator: ",").compactMap { UInt16($0) }
        return ports.count == 2 ? (ports[0], ports[1]) : nil
    }()
}
