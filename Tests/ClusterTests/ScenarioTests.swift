import ClusterHarness
import ClusterModel
import EventLoop
import ServiceRuntime
import Testing
import Transport

/// One fault at a known moment, in a quiet cluster.
@Suite("What fails, and what happens then")
struct ScenarioTests {
    private static let words = "The quick brown fox jumps over the lazy dog, again and again. "

    /// A cluster that is ready, and is ended behind the body.
    private func with(
        routers: Int = 1, workers: Int = 2, frontends: Int = 1, seed: UInt64 = 1, _ body: (VirtualCluster) throws -> Void
    ) throws {
        let cluster = VirtualCluster(seed: seed)
        defer { cluster.end() }
        var shape = ClusterShape()
        shape.routers = routers
        shape.workers = Array(repeating: .aggregated, count: workers)
        shape.frontends = frontends
        try cluster.add(shape)
        try cluster.untilReady()
        try body(cluster)
    }

    private func request(_ tokens: Int, seed: Int64 = 3) -> ChatRequest {
        var request = ChatRequest(model: "apus-mock", prompt: String(repeating: Self.words, count: 12), maxTokens: tokens)
        request.seed = seed
        return request
    }

    private func begin(_ count: Int, tokens: Int, in cluster: VirtualCluster) -> [(ChatRequest, PendingReply)] {
        (0..<count).map { index in
            let request = request(tokens, seed: Int64(index)), frontends = cluster.members(.frontend)
            return (request, cluster.begin(request, at: frontends[index % frontends.count]))
        }
    }

    /// Begins `count` streams and waits until each of them has shown some tokens.
    private func streams(_ count: Int, tokens: Int, in cluster: VirtualCluster) throws -> [(ChatRequest, PendingReply)] {
        let begun = begin(count, tokens: tokens, in: cluster)
        try cluster.until("the streams run") { cluster.openRequests(of: .worker) == count }
        cluster.pass(.milliseconds(300))
        #expect(begun.allSatisfy { $0.1.reply == nil }, "they are open")
        return begun
    }

    private func expectWhole(_ begun: [(ChatRequest, PendingReply)], in cluster: VirtualCluster, within limit: Duration = .seconds(60)) throws {
        try cluster.until("every stream has ended", within: limit) { begun.allSatisfy { $0.1.reply != nil } }
        for (request, pending) in begun {
            guard let reply = pending.reply else { continue }
            #expect(reply.isComplete, "\(reply.summary)")
            #expect(reply.text == ExpectedText.text(of: request))
        }
    }

    private func expectRest(_ cluster: VirtualCluster) {
        cluster.pass(.seconds(6))
        #expect(cluster.heldAtRest == [])
    }

    @Test("a worker is killed in the middle of its streams: another goes on, and the clients see one stream each", arguments: 1...5 as ClosedRange<UInt64>)
    func workerKilled(seed: UInt64) throws {
        try with(workers: 3, seed: seed) { cluster in
            let begun = try streams(9, tokens: 120, in: cluster)
            cluster.member("worker-2").kill(seed % 2 == 0 ? .silent : .reset)
            try expectWhole(begun, in: cluster)
            cluster.member("worker-2").restart()
            try cluster.untilReady()
            try expectWhole(begin(3, tokens: 40, in: cluster), in: cluster)
            expectRest(cluster)
        }
    }

    @Test("a worker is frozen in the middle of its streams: they go on elsewhere, and what it says later changes nothing")
    func workerFrozen() throws {
        try with(workers: 2) { cluster in
            let begun = try streams(6, tokens: 120, in: cluster)
            cluster.member("worker-1").freeze()
            try expectWhole(begun, in: cluster)
            cluster.member("worker-1").thaw()
            cluster.pass(.seconds(3))
            try expectWhole(begin(4, tokens: 40, in: cluster), in: cluster)
            expectRest(cluster)
        }
    }

    @Test("the only router is killed: running streams go on, new requests wait for its return, its ledger is right again")
    func routerKilled() throws {
        try with { cluster in
            let begun = try streams(4, tokens: 200, in: cluster)
            cluster.member("router-1").kill()
            cluster.pass(.milliseconds(500))
            let waiting = cluster.begin(request(20, seed: 77), at: cluster.member("frontend-1"))
            cluster.pass(.milliseconds(700))
            #expect(waiting.reply == nil, "it waits, it is not refused")
            cluster.member("router-1").restart()
            try expectWhole(begun + [(request(20, seed: 77), waiting)], in: cluster)
            expectRest(cluster)
        }
    }

    @Test("one of two routers is killed: nobody waits")
    func oneRouterKilled() throws {
        try with(routers: 2) { cluster in
            let begun = try streams(4, tokens: 150, in: cluster)
            cluster.member("router-1").kill()
            try expectWhole(begun + begin(4, tokens: 20, in: cluster), in: cluster)
            cluster.member("router-1").restart()
            try cluster.untilReady()
            expectRest(cluster)
        }
    }

    @Test("a frontend is killed: the workers cancel what it owned within a second")
    func frontendKilled() throws {
        try with(frontends: 2) { cluster in
            let begun = try streams(6, tokens: 400, in: cluster)
            cluster.member("frontend-1").kill()
            cluster.pass(.seconds(1))
            #expect(cluster.openRequests(of: .worker) == 3, "only those of the other frontend run on")
            try cluster.until("the clients of the dead one know") { begun.enumerated().allSatisfy { $0.offset % 2 == 1 || $0.element.1.reply != nil } }
            try expectWhole(begun.enumerated().filter { $0.offset % 2 == 1 }.map(\.element), in: cluster)
            cluster.member("frontend-1").restart()
            try cluster.untilReady()
            expectRest(cluster)
        }
    }

    @Test("a client leaves: its worker's slot is free within a second", arguments: [false, true])
    func clientLeaves(abruptly: Bool) throws {
        try with { cluster in
            var conduct = ClientConduct()
            conduct.leavesAfterEvents = 10
            conduct.leavesAbruptly = abruptly
            let pending = cluster.begin(request(400), at: cluster.member("frontend-1"), conduct)
            try cluster.until("it has left") { pending.reply != nil }
            #expect(pending.reply?.http.ending == .left)
            cluster.pass(.seconds(1))
            #expect(cluster.openRequests(of: .worker) == 0 && cluster.openRequests(of: .frontend) == 0)
            expectRest(cluster)
        }
    }

    @Test("a client leaves before its first token, in prefill: the same")
    func clientLeavesEarly() throws {
        try with { cluster in
            var conduct = ClientConduct()
            conduct.leavesAfter = .milliseconds(12)
            var request = request(50)
            request.prompt = String(repeating: Self.words, count: 400)
            let pending = cluster.begin(request, at: cluster.member("frontend-1"), conduct)
            try cluster.until("it has left") { pending.reply != nil }
            cluster.pass(.seconds(1))
            #expect(cluster.openRequests(of: .worker) == 0 && cluster.openRequests(of: .frontend) == 0)
            expectRest(cluster)
        }
    }

    @Test("a process that drains takes nothing new, lets what runs end, and ends with 0", arguments: ClusterRole.allCases)
    func drains(role: ClusterRole) throws {
        try with(routers: 2, workers: 2, frontends: 2) { cluster in
            let begun = try streams(6, tokens: 150, in: cluster)
            let leaving = cluster.members(role)[0]
            leaving.drain()
            cluster.pass(.milliseconds(100))
            let other = cluster.members(.frontend)[1]
            let later = (0..<4).map { index in (request(20, seed: 50 + index), cluster.begin(request(20, seed: 50 + index), at: other)) }
            try expectWhole(begun + later, in: cluster)
            try cluster.until("it has ended", within: .seconds(30)) { !leaving.isAlive }
            #expect(leaving.process.exitCode == .ok)
            leaving.restart()
            try cluster.untilReady()
            try expectWhole(begin(4, tokens: 20, in: cluster), in: cluster)
            expectRest(cluster)
        }
    }
}
