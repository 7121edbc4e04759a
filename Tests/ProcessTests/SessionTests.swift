import ClusterHarness
import ClusterModel
import EventLoop
import JSONText
import Testing

extension ProcessSuites {
    @Suite("Sessions of real programs")
    struct SessionTests {
        /// Requests that have ended at each worker.
        @LoopActor
        private func ended(_ cluster: ProcessCluster) async throws -> [Double] {
            var counts: [Double] = []
            for worker in cluster.workers { counts.append(try await cluster.metric("apus_worker_requests_ended_total", of: worker) ?? 0) }
            return counts
        }

        /// Which worker ran a request with this session; nil for a failed one.
        @LoopActor
        private func turn(_ cluster: ProcessCluster, _ action: String? = nil) async throws -> Int? {
            var request = ChatRequest(model: "apus-mock", prompt: "Tell me more of the sea.", maxTokens: 8)
            var control = JSONObject()
            control["session_id"] = "conversation"
            if let action { control["action"] = .string(action) }
            request.extra = [("nvext", ["session_control": .object(control)])]
            let before = try await ended(cluster)
            let reply = await (try cluster.client(of: cluster.frontends[0])).chat(request)
            guard reply.isComplete else { return nil }
            var ran: Int?
            // The worker counts it when it has said the last of it.
            let deadline = cluster.loop.now + .seconds(10)
            while ran == nil, cluster.loop.now < deadline {
                let after = try await ended(cluster)
                ran = after.indices.first { after[$0] > before[$0] }
            }
            return ran
        }

        @Test("a session sticks over many turns, and across a restart of the only router")
        func routerRestart() async throws {
            var shape = ClusterShape()
            shape.workers = [.aggregated, .aggregated, .aggregated]
            shape.routerOptions += ["--policy", "round-robin"]
            try await ProcessCluster.with(shape) { cluster in
                let holder = try await turn(cluster, "open")
                #expect(holder != nil)
                for _ in 0..<4 { #expect(try await turn(cluster) == holder) }
                try await cluster.routers[0].killNow()
                try await cluster.routers[0].start()
                try await cluster.ready(cluster.frontends[0])
                let deadline = cluster.loop.now + .seconds(20)
                while cluster.loop.now < deadline, try await cluster.metric("apus_router_sessions", of: cluster.routers[0]) != 1 {
                    await cluster.loop.sleep(for: .milliseconds(20))
                }
                for _ in 0..<4 { #expect(try await turn(cluster) == holder, "as its worker told the new router") }
                #expect(try await turn(cluster, "close") == holder)
                let places = try await (0..<6).asyncMap { _ in try await turn(cluster) }
                #expect(Set(places).count == 3, "what is closed binds nobody")
            }
        }
    }
}

extension Range<Int> {
    /// One after the other.
    @LoopActor
    fileprivate func asyncMap<Value>(_ body: @LoopActor (Int) async throws -> Value) async throws -> [Value] {
        var values: [Value] = []
        for index in self { values.append(try await body(index)) }
        return values
    }
}
