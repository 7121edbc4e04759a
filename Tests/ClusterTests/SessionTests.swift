import ClusterHarness
import ClusterModel
import EventLoop
import JSONText
import Testing
import Transport

/// Sessions over real services. Placements go round, so that whatever sticks does so by its session.
@Suite("Sessions in a cluster")
struct SessionTests {
    private func with(
        routers: Int = 1, workers: Int = 3, frontends: Int = 1, seed: UInt64 = 1, frontendOptions: [String] = [],
        workerOptions: [String] = [],
        _ body: (VirtualCluster) throws -> Void
    ) throws {
        let cluster = VirtualCluster(seed: seed)
        defer { cluster.end() }
        var shape = ClusterShape()
        shape.routers = routers
        shape.workers = Array(repeating: .aggregated, count: workers)
        shape.frontends = frontends
        shape.routerOptions += ["--policy", "round-robin"]
        shape.workerOptions += workerOptions
        shape.frontendOptions += frontendOptions
        try cluster.add(shape)
        try cluster.untilReady()
        try body(cluster)
    }

    private struct Turn {
        let worker: String
        let reply: ChatReply
        var code: String? { reply.answer.failure?.code }
        var cached: Int { reply.answer.usage?.cachedTokens ?? 0 }
    }

    private func request(_ id: String?, _ action: String? = nil, timeout: Int? = nil, words: Int = 12) -> ChatRequest {
        var request = ChatRequest(
            model: "apus-mock", prompt: String(repeating: "The quick brown fox jumps over the lazy dog. ", count: words), maxTokens: 16)
        request.seed = 3
        guard let id else { return request }
        var control = JSONObject()
        control["session_id"] = .string(id)
        if let action { control["action"] = .string(action) }
        if let timeout { control["timeout"] = .number(JSONNumber(Int64(timeout))) }
        request.extra = [("nvext", ["session_control": .object(control)])]
        return request
    }

    /// One request to its end, and who ran it.
    private func turn(_ cluster: VirtualCluster, _ request: ChatRequest, at frontend: Int = 0) throws -> Turn {
        let pending = cluster.begin(request, at: cluster.members(.frontend)[frontend])
        var worker = ""
        try cluster.until("the turn ends", within: .seconds(60)) {
            if let busy = cluster.members(.worker).first(where: { $0.isAlive && $0.process.openRequests > 0 }) { worker = busy.name }
            return pending.reply != nil
        }
        guard let reply = pending.reply else { throw Unmet("a reply") }
        return Turn(worker: worker, reply: reply)
    }

    private func turns(_ cluster: VirtualCluster, _ id: String?, _ count: Int, at frontend: Int = 0) throws -> Set<String> {
        Set(
            try (0..<count).map { _ in
                let turn = try turn(cluster, request(id), at: frontend)
                #expect(turn.reply.isComplete, "\(turn.reply.summary)")
                return turn.worker
            })
    }

    /// Bound at workers, over all of them.
    private func bound(_ cluster: VirtualCluster) -> Int {
        cluster.members(.worker).reduce(0) { $0 + Int($1.isAlive ? $1.process.metric("apus_worker_sessions") ?? 0 : 0) }
    }

    private func expectRest(_ cluster: VirtualCluster) {
        cluster.pass(.seconds(6))
        #expect(cluster.heldAtRest == [])
    }

    @Test("a session sticks over many turns, where requests without one go round")
    func sticks() throws {
        try with(frontends: 2) { cluster in
            #expect(try turns(cluster, nil, 6).count == 3)
            let first = try turn(cluster, request("s", "open"))
            #expect(first.reply.isComplete && bound(cluster) == 1)
            #expect(try turns(cluster, "s", 6) == [first.worker])
            #expect(try turns(cluster, "s", 3, at: 1) == [first.worker], "whichever frontend is asked")
            let last = try turn(cluster, request("s"))
            #expect(last.cached > 100)
            #expect(try turn(cluster, request("s", "close")).worker == first.worker)
            cluster.pass(.milliseconds(100))
            #expect(bound(cluster) == 0)
            #expect(try turns(cluster, "s", 6).count == 3)
            expectRest(cluster)
        }
    }

    @Test(
        "the only router is killed and comes back: sessions stick, as the workers told the new one", arguments: 1...3 as ClosedRange<UInt64>
    )
    func routerRestart(seed: UInt64) throws {
        try with(seed: seed) { cluster in
            var holders: [String: String] = [:]
            for index in 1...5 {
                holders["s\(index)"] = try turn(cluster, request("s\(index)", "open")).worker
                // A request without a session shifts the ring.
                if index.isMultiple(of: 2) { _ = try turn(cluster, request(nil)) }
            }
            #expect(bound(cluster) == 5)
            cluster.member("router-1").kill()
            cluster.pass(.milliseconds(800))
            cluster.member("router-1").restart()
            try cluster.untilReady()
            try cluster.until("its mirror is built again") { cluster.member("router-1").process.metric("apus_router_sessions") == 5 }
            for index in 1...5 {
                let holder = holders["s\(index)"] ?? ""
                #expect(try turns(cluster, "s\(index)", 3) == [holder])
            }
            #expect(cluster.member("router-1").process.metric("apus_router_session_plans_total") == 15)
            expectRest(cluster)
        }
    }

    @Test("its worker is killed, or drains: the session is placed anew once, and sticks there", arguments: [false, true])
    func workerLost(byDrain: Bool) throws {
        try with { cluster in
            let holder = try turn(cluster, request("s", "open", timeout: 600)).worker
            if byDrain { cluster.member(holder).drain() } else { cluster.member(holder).kill() }
            try cluster.until("the router knows") { cluster.member("router-1").process.metric("apus_router_sessions") == 0 }
            let next = try turn(cluster, request("s")).worker
            #expect(next != holder && bound(cluster) == 1)
            #expect(try turns(cluster, "s", 4) == [next])
            try cluster.until("the first has ended") { !cluster.member(holder).isAlive }
            cluster.member(holder).restart()
            try cluster.untilReady()
            #expect(try turns(cluster, "s", 4) == [next])
            expectRest(cluster)
        }
    }

    @Test("its worker dies in the middle of a turn: the client sees one answer, and the session goes on where that ended")
    func workerLostMidTurn() throws {
        try with { cluster in
            let holder = try turn(cluster, request("s", "open")).worker
            var long = request("s")
            long.maxTokens = 200
            let pending = cluster.begin(long, at: cluster.member("frontend-1"))
            try cluster.until("it runs there") { cluster.member(holder).process.openRequests == 1 }
            cluster.pass(.milliseconds(300))
            cluster.member(holder).kill()
            try cluster.until("it ends", within: .seconds(60)) { pending.reply != nil }
            #expect(pending.reply?.isComplete == true && pending.reply?.text == ExpectedText.text(of: long))
            #expect(bound(cluster) == 1)
            let next = try turn(cluster, request("s")).worker
            #expect(next != holder)
            #expect(try turns(cluster, "s", 4) == [next])
            cluster.member(holder).restart()
            try cluster.untilReady()
            expectRest(cluster)
        }
    }

    @Test(
        "two halves of a cluster open one session each: when they meet it is at one worker, and nothing is kept at the other",
        arguments: 1...4 as ClosedRange<UInt64>)
    func conflict(seed: UInt64) throws {
        try with(routers: 2, workers: 2, frontends: 2, seed: seed) { cluster in
            let halves = [("router-1", "worker-2"), ("router-2", "worker-1"), ("frontend-1", "router-2"), ("frontend-2", "router-1")]
            for (one, other) in halves { cluster.fabric.partition(one, other) }
            cluster.pass(.seconds(4))
            // What each worker has bound before is not the same, so that their counters differ.
            if seed > 1 { for index in 1...Int(seed) { _ = try turn(cluster, request("t\(index)", "open"), at: 1) } }
            let one = try turn(cluster, request("s", "open"), at: 0), two = try turn(cluster, request("s", "open"), at: 1)
            #expect(one.worker == "worker-1" && two.worker == "worker-2" && bound(cluster) == 2 + (seed > 1 ? Int(seed) : 0))
            for (one, other) in halves { cluster.fabric.heal(one, other) }
            try cluster.until("the loser has given it up") {
                cluster.members(.worker).reduce(0.0) {
                    $0 + ($1.process.metric(#"apus_worker_sessions_ended_total{reason="conflict"}"#) ?? 0)
                } == 1
            }
            try cluster.untilReady()
            cluster.pass(.seconds(2))
            // Both had bound as many, or worker 2 more: the smaller id, or the smaller counter, wins.
            #expect(bound(cluster) == 1 + (seed > 1 ? Int(seed) : 0))
            #expect(try turns(cluster, "s", 4, at: 0) == ["worker-1"])
            #expect(try turns(cluster, "s", 4, at: 1) == ["worker-1"])
            expectRest(cluster)
        }
    }

    @Test("a session that nobody uses ends at its worker, and one that runs does not")
    func expiry() throws {
        try with(workers: 2) { cluster in
            let holder = try turn(cluster, request("s", "open", timeout: 4)).worker
            // Each turn slides the end.
            for _ in 0..<3 {
                cluster.pass(.seconds(3))
                #expect(try turn(cluster, request("s")).worker == holder)
            }
            #expect(bound(cluster) == 1)
            var long = request("s")
            long.maxTokens = 1_500
            let pending = cluster.begin(long, at: cluster.member("frontend-1"))
            cluster.pass(.seconds(6))
            #expect(pending.reply == nil && bound(cluster) == 1)
            try cluster.until("it ends", within: .seconds(120)) { pending.reply != nil }
            cluster.pass(.seconds(5))
            #expect(bound(cluster) == 0)
            #expect(try turns(cluster, "s", 4).count == 2)
            expectRest(cluster)
        }
    }

    @Test("requests that race to open one session, at several frontends of one router, bind it once")
    func race() throws {
        try with(frontends: 3) { cluster in
            let pending = (0..<9).map { cluster.begin(request("s", "open"), at: cluster.members(.frontend)[$0 % 3]) }
            try cluster.until("all end", within: .seconds(60)) { pending.allSatisfy { $0.reply != nil } }
            #expect(pending.allSatisfy { $0.reply?.isComplete == true })
            #expect(bound(cluster) == 1 && cluster.member("router-1").process.metric("apus_router_session_conflicts_total") == 0)
            expectRest(cluster)
        }
    }

    @Test("a worker without room for sessions refuses to open one, and an engine that holds none is no place for it")
    func refused() throws {
        try with(workers: 2, workerOptions: ["--session-limit", "1"]) { cluster in
            for index in 1...2 { #expect(try turn(cluster, request("s\(index)", "open")).reply.isComplete) }
            let third = try turn(cluster, request("s3", "open"))
            #expect(third.reply.http.status == 503 && third.code == "session_limit")
            // Bound is better than not, but not a condition.
            #expect(try turn(cluster, request("s3", "bind")).reply.isComplete && bound(cluster) == 2)
            expectRest(cluster)
        }
        try with(workers: 2, workerOptions: ["--no-mock-prefix-caching"]) { cluster in
            let refused = try turn(cluster, request("s", "open"))
            #expect(refused.reply.http.status == 400 && refused.code == "session_unsupported")
            #expect(refused.reply.answer.failure?.param == "nvext.session_control")
            #expect(try turn(cluster, request("s", "bind")).reply.isComplete)
            #expect(try turn(cluster, request("s")).reply.isComplete)
            expectRest(cluster)
        }
    }

    @Test(
        "hard: while its worker is full the session waits, and then runs there; soft: it goes elsewhere meanwhile",
        arguments: [false, true])
    func full(isHard: Bool) throws {
        let mode = ["--session-mode", isHard ? "hard" : "soft"]
        try with(
            workers: 2, frontendOptions: mode,
            workerOptions: ["--max-sequences", "16", "--max-batched-tokens", "256", "--mock-prefill-token", "200us"]
        ) { cluster in
            let holder = try turn(cluster, request("s", "open", words: 1)).worker
            // Prompts that come to the same session fill its worker.
            let fill = (0..<3).map { _ in cluster.begin(request("s", words: 40), at: cluster.member("frontend-1")) }
            cluster.pass(.milliseconds(100))
            let turn = cluster.begin(request("s", words: 1), at: cluster.member("frontend-1"))
            var other = false
            try cluster.until("it ends", within: .seconds(120)) {
                if cluster.members(.worker).contains(where: { $0.name != holder && $0.process.openRequests > 0 }) { other = true }
                return turn.reply != nil && fill.allSatisfy { $0.reply != nil }
            }
            for one in fill + [turn] { #expect(one.reply?.isComplete == true, "\(one.reply?.summary ?? "")") }
            #expect(other != isHard && bound(cluster) == 1)
            expectRest(cluster)
        }
    }
}
