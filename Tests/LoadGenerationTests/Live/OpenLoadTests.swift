import ClusterModel
import EventLoop
import HTTPServing
import Testing

@testable import LoadGeneration

@Suite("An open load, in virtual time")
struct OpenLoadTests {
    private func everyTenMilliseconds(_ count: Int) -> [Duration] { (1...count).map { .milliseconds(10 * $0) } }

    @Test(
        "a server that stalls slows nothing down: what is due is sent, and its wait is measured from then",
        arguments: [1, 2, 3] as [UInt64])
    func coordinatedOmission(seed: UInt64) throws {
        let scene = LiveScene(seed: seed), server = scene.serveNothing()
        try scene.start(.open, planned(everyTenMilliseconds(1_000)))
        scene.world.run(for: .seconds(2))
        scene.serverLoop.freeze()
        scene.world.run(for: .seconds(5))
        // 7 seconds in, one request each 10 ms, though nobody has answered for 5 of them.
        let progress = try #require(scene.run).progressNow(scene)
        #expect((695...700).contains(progress.sent) && progress.inFlight >= 495)
        scene.serverLoop.thaw()
        let result = try scene.finish(), summary = result.recorder.summary
        #expect(result.progress.complete == 1_000 && summary.counts.complete == 1_000)
        // Half of the requests fell into the stall, and waited 2.5 s in the mean.
        let first = summary[.firstToken]
        #expect(try #require(first.percentile(40)) < .milliseconds(20))
        #expect(try #require(first.percentile(75)) > .seconds(2) && #require(first.percentile(75)) < .seconds(3))
        #expect(try #require(first.percentile(99.9)) > .milliseconds(4_900))
        #expect(try #require(summary[.sendDelay].max) <= .milliseconds(1))
        #expect(server.requestCount(scene) == 1_000)
    }

    @Test("when all connections are busy, what is due waits for one, is counted late, and is left out of nothing")
    func fewConnections() throws {
        let scene = LiveScene(), server = scene.serveNothing { $0.delay = .milliseconds(100) }
        try scene.start(.open, planned(everyTenMilliseconds(100)), plan: { $0.connections = 2 })
        let result = try scene.finish(), summary = result.recorder.summary
        // Two at a time, 100 ms each: the last one ends after 5 s, and was due after 1 s.
        #expect(summary.counts.complete == 100 && result.progress.connections == 2)
        #expect(result.progress.late > 90)
        #expect(try #require(summary[.firstToken].max) > .milliseconds(3_900))
        #expect(try #require(summary[.serviceFirstToken].max) < .milliseconds(110))
        #expect(server.requestCount(scene) == 100)
    }

    @Test("what cannot be sent within the timeout is given up, and counted as unsent")
    func unsent() throws {
        let scene = LiveScene(), server = scene.serve { exchange in await scene.serverLoop.sleep(for: .seconds(2)) }
        _ = server
        try scene.start(
            .open, planned(everyTenMilliseconds(50)),
            plan: {
                $0.connections = 1
                $0.timeout = .seconds(1)
            })
        let result = try scene.finish(), counts = result.recorder.summary.counts
        #expect(counts.offered == 50 && counts.complete == 0)
        #expect(counts.unsent >= 45 && counts.failed + counts.unsent == 50)
        #expect(result.progress.unsent == Int(counts.unsent))
    }

    @Test("nothing that is due after the duration is sent, and what was sent is waited for")
    func duration() throws {
        let scene = LiveScene(), server = scene.serveNothing { $0.delay = .seconds(3) }
        try scene.start(.open, planned(everyTenMilliseconds(1_000)), plan: { $0.duration = .seconds(1) })
        let result = try scene.finish()
        #expect(result.progress.sent == 99 && result.progress.complete == 99 && result.ranToItsEnd)
        #expect(result.elapsed > .seconds(3) && result.elapsed < .milliseconds(4_100))
        #expect(server.requestCount(scene) == 99)
    }

    @Test("warm-up and cool-down are sent and not measured")
    func windows() throws {
        let scene = LiveScene(), server = scene.serveNothing()
        try scene.start(
            .open, planned(everyTenMilliseconds(1_000)),
            plan: {
                $0.duration = .seconds(2)
                $0.warmUp = .milliseconds(500)
                $0.coolDown = .milliseconds(300)
            })
        let result = try scene.finish(), summary = result.recorder.summary
        #expect(server.requestCount(scene) == 199 && result.progress.complete == 199)
        // Due from 500 ms up to, and not at, 1,700 ms.
        #expect(summary.counts.complete == 120 && summary.firstDue == .milliseconds(500) && summary.lastDue == .milliseconds(1_690))
        #expect(summary[.betweenTokens].count == 3 * 120)
    }

    @Test("stopped early it leaves what is under way, counts that as interrupted, and reports the rest")
    func stopped() throws {
        let scene = LiveScene(), server = scene.serveNothing { $0.delay = .milliseconds(500) }
        try scene.start(.open, planned(everyTenMilliseconds(1_000)))
        scene.world.run(for: .seconds(2))
        let run = try #require(scene.run)
        scene.clientLoop.perform { run.stop() }
        let result = try scene.finish(within: .seconds(1))
        #expect(!result.ranToItsEnd && result.progress.interrupted >= 45)
        #expect(result.progress.complete + result.progress.interrupted == result.progress.sent)
        #expect(Int(result.recorder.summary.counts.complete) == result.progress.complete && result.progress.complete > 100)
        #expect(server.requestCount(scene) <= result.progress.sent)
    }

    @Test("a client that leaves closes its connection when its patience ends, and is no failure")
    func leaving() throws {
        let scene = LiveScene(), server = scene.serveNothing { $0.delay = .seconds(5) }
        try scene.start(.open, planned([.seconds(1), .seconds(2)]) { $0.patience = $1 == 0 ? .milliseconds(300) : nil })
        scene.world.run(for: .milliseconds(1_310))
        #expect(scene.client.openCount == 0)
        let result = try scene.finish(), summary = result.recorder.summary
        #expect(summary.counts.left == 1 && summary.counts.complete == 1 && summary.counts.failed == 0)
        _ = server
    }
}

extension LoadRun {
    nonisolated func progressNow(_ scene: LiveScene) -> LoadProgress { scene.clientLoop.perform { progress } }
}

extension NullServer {
    nonisolated func requestCount(_ scene: LiveScene) -> Int { scene.serverLoop.perform { requests } }
}
