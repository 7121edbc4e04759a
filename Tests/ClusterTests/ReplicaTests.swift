import ClusterHarness
import ClusterModel
import EventLoop
import ServiceRuntime
import Testing
import Transport

/// Several routers place on the same workers, and none of them is needed.
@Suite("Several routers")
struct ReplicaTests {
    private static let words = "Six of one and half a dozen of the other, says the proverb. "

    private func with(
        routers: Int, workers: Int = 2, frontends: Int = 2, seed: UInt64 = 1, options: [String] = [],
        _ body: (VirtualCluster) throws -> Void
    ) throws {
        let cluster = VirtualCluster(seed: seed)
        defer { cluster.end() }
        var shape = ClusterShape()
        shape.routers = routers
        shape.workers = Array(repeating: .aggregated, count: workers)
        shape.frontends = frontends
        shape.workerOptions = options
        try cluster.add(shape)
        try cluster.untilReady()
        try cluster.until("everybody sees everybody") { cluster.missing.isEmpty }
        try body(cluster)
    }

    private func request(_ number: Int, tokens: Int, words: Int = 12) -> ChatRequest {
        var request = ChatRequest(
            model: "apus-mock", prompt: "\(number). " + String(repeating: Self.words, count: words), maxTokens: tokens)
        request.seed = Int64(number)
        return request
    }

    private func begin(_ numbers: Range<Int>, tokens: Int, words: Int = 12, in cluster: VirtualCluster) -> [(ChatRequest, PendingReply)] {
        let frontends = cluster.members(.frontend)
        return numbers.map { number in
            let request = request(number, tokens: tokens, words: words)
            return (request, cluster.begin(request, at: frontends[number % frontends.count]))
        }
    }

    private func expectWhole(_ begun: [(ChatRequest, PendingReply)], in cluster: VirtualCluster, within limit: Duration = .seconds(60))
        throws
    {
        try cluster.until("every answer is there", within: limit) { begun.allSatisfy { $0.1.reply != nil } }
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

    @Test("L4: the ledgers of all routers agree with the workers, while they work and at rest", arguments: [1, 2, 4])
    func ledgersAgree(routers: Int) throws {
        try with(routers: routers) { cluster in
            let begun = begin(0..<12, tokens: 200, in: cluster)
            try cluster.until("they run") { cluster.openRequests(of: .worker) == 12 }
            cluster.pass(.milliseconds(100))
            for router in cluster.members(.router) { #expect(router.process.openRequests == 12, "\(router.name)") }
            try expectWhole(begun, in: cluster)
            expectRest(cluster)
        }
    }

    @Test("L4: a router that begins while requests run has them in its ledger from the workers", arguments: [1, 2, 4])
    func ledgerOfANewLife(routers: Int) throws {
        try with(routers: routers) { cluster in
            let begun = begin(0..<8, tokens: 300, in: cluster)
            try cluster.until("they run") { cluster.openRequests(of: .worker) == 8 }
            cluster.member("router-1").kill()
            cluster.pass(.milliseconds(300))
            cluster.member("router-1").restart()
            try cluster.until("it knows all again", within: .seconds(5)) { cluster.missing.isEmpty }
            #expect(cluster.member("router-1").process.openRequests == cluster.openRequests(of: .worker))
            try expectWhole(begun, in: cluster)
            expectRest(cluster)
        }
    }

    @Test("one of several routers is killed and comes back again and again: no client notices", arguments: [2, 4], [1, 2] as [UInt64])
    func killed(routers: Int, seed: UInt64) throws {
        try with(routers: routers, seed: seed) { cluster in
            var begun: [(ChatRequest, PendingReply)] = []
            for round in 0..<4 {
                begun += begin(round * 10..<round * 10 + 10, tokens: 60, in: cluster)
                let victim = cluster.members(.router)[round % routers]
                cluster.pass(.milliseconds(20 + 30 * Int64(round)))
                victim.kill(round % 2 == 0 ? .reset : .silent)
                begun += begin(100 + round * 10..<104 + round * 10, tokens: 30, in: cluster)
                cluster.pass(.milliseconds(700))
                victim.restart()
                try cluster.until("all see all", within: .seconds(10)) { cluster.missing.isEmpty }
            }
            try expectWhole(begun, in: cluster)
            expectRest(cluster)
        }
    }

    @Test("every router restarts in turn, by the book: no client notices, and each says that it ended well", arguments: [2, 4])
    func rolling(routers: Int) throws {
        try with(routers: routers) { cluster in
            var begun: [(ChatRequest, PendingReply)] = []
            for (round, router) in cluster.members(.router).enumerated() {
                begun += begin(round * 20..<round * 20 + 6, tokens: 80, in: cluster)
                router.drain()
                cluster.pass(.milliseconds(5))
                begun += begin(round * 20 + 6..<round * 20 + 12, tokens: 20, in: cluster)
                try cluster.until("it has ended") { !router.isAlive }
                #expect(router.process.exitCode == .ok)
                router.restart()
                try cluster.until("all see all", within: .seconds(10)) { cluster.missing.isEmpty }
            }
            try expectWhole(begun, in: cluster)
            expectRest(cluster)
        }
    }

    @Test("the only router restarts by the book: what is asked meanwhile waits, and no attempt is lost on it")
    func onlyRouterDrains() throws {
        try with(routers: 1) { cluster in
            let router = cluster.member("router-1")
            var begun = begin(0..<4, tokens: 100, in: cluster)
            router.drain()
            begun += begin(4..<8, tokens: 20, in: cluster)
            try cluster.until("it has ended") { !router.isAlive }
            begun += begin(8..<12, tokens: 20, in: cluster)
            router.restart()
            try expectWhole(begun, in: cluster)
            #expect(cluster.members(.frontend).allSatisfy { $0.attemptsMoved == 0 })
            expectRest(cluster)
        }
    }

    @Test("D.5: what several routers book in one moment is held by the workers to what was believed and one batch", arguments: [1, 2, 4])
    func racing(routers: Int) throws {
        // Prompts of a whole batch each, all at once: no router hears of the others' bookings in time.
        try with(routers: routers, workers: 2, frontends: 4, options: ["--max-batched-tokens", "512"]) { cluster in
            let begun = begin(0..<16, tokens: 8, words: 8, in: cluster)
            try expectWhole(begun, in: cluster)
            // A router that is alone knows all that is booked; of several each knows the others' too late, and the worker says so.
            let refused = cluster.members(.frontend).reduce(0) { $0 + $1.attemptsMoved }
            #expect(routers == 1 ? refused == 0 : refused > 0, "\(refused) refusals")
            expectRest(cluster)
        }
    }
}
