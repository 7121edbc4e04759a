import ClusterHarness
import ClusterModel
import EventLoop
import Testing

extension ProcessSuites {
    @Suite("Routers die under load")
    struct RouterDeathTests {
        /// Streams whose text is known, asked one by one.
        @LoopActor
        private final class Stories {
            private let client: TestClient
            private let loop: EpollLoop
            private(set) var told: [(ChatRequest, ChatReply)] = []

            init(_ client: TestClient, on loop: EpollLoop) {
                self.client = client
                self.loop = loop
            }

            func ask(_ number: Int, maxTokens: Int) {
                var request = ChatRequest(model: "apus-mock", prompt: "Chapter \(number) of a tale.", maxTokens: maxTokens)
                request.seed = Int64(number)
                loop.spawn { [self, request] in told.append((request, await client.chat(request))) }
            }
        }

        @Test(
            "the only router is killed under load and restarted: streams go on to their end, new requests wait and succeed, sessions stick")
        func onlyRouter() async throws {
            var shape = ClusterShape()
            shape.workers = [.aggregated, .aggregated, .aggregated]
            shape.workerOptions = ["--speedup", "2"]
            // Nothing but its binding takes a session back to its worker.
            shape.routerOptions = ["--policy", "round-robin"]
            try await ProcessCluster.with(shape) { cluster in
                let router = cluster.routers[0], loop = cluster.loop, client = try cluster.client(of: cluster.frontends[0])
                let load = Load(cluster, at: cluster.frontends)
                try load.start(12)
                let holder = try #require(await client.chat(.turn(of: "conversation", action: "open")).worker)
                let long = Stories(client, on: loop), waiting = Stories(client, on: loop)
                for number in 0..<4 { long.ask(number, maxTokens: 400) }
                let begun = load.complete
                try await loop.until("streams run", within: .seconds(20)) { load.complete >= begun + 12 }
                #expect(long.told.isEmpty)
                try await router.killNow()
                for number in 4..<8 { waiting.ask(number, maxTokens: 20) }
                try await loop.until("what ran goes on to its end without a router", within: .seconds(20)) { long.told.count == 4 }
                // Nobody plans these, nor what the users of the load ask next.
                #expect(waiting.told.isEmpty)
                let before = load.complete
                try await router.start()
                try await loop.until("requests are answered again", within: .seconds(20)) { load.complete >= before + 12 }
                try await loop.until("those that waited too", within: .seconds(20)) { waiting.told.count == 4 }
                for _ in 0..<4 { #expect(await client.chat(.turn(of: "conversation")).worker == holder) }
                try await load.stop()
                for (request, reply) in long.told + waiting.told {
                    #expect(reply.isComplete && reply.text == ExpectedText.text(of: request), "\(reply.summary)")
                }
                #expect(load.violations == [] && load.failed == 0 && load.broken == 0, "\(load.summary)")
                #expect(cluster.dead == [])
                note("the only router killed: \(load.summary)")
            }
        }

        @Test("of two routers each is killed once: no client sees an error, and they know each other again")
        func twoRouters() async throws {
            var shape = ClusterShape()
            shape.routers = 2
            shape.frontends = 2
            try await ProcessCluster.with(shape) { cluster in
                let load = Load(cluster, at: cluster.frontends)
                try load.start(12)
                try await cluster.loop.until("streams run", within: .seconds(20)) { load.complete >= 6 }
                for router in cluster.routers {
                    try await router.killNow()
                    let before = load.complete
                    try await cluster.loop.until("the other one plans", within: .seconds(20)) { load.complete >= before + 12 }
                    try await router.start()
                    for frontend in cluster.frontends { try await cluster.ready(frontend) }
                    try await linked(cluster)
                }
                try await load.stop()
                #expect(load.violations == [] && load.failed == 0 && load.broken == 0, "\(load.summary)")
                #expect(cluster.dead == [])
                note("each of two routers killed: \(load.summary)")
            }
        }

        @Test("two routers are drained in turn, with SIGTERM: no client sees an error, and each ends with 0")
        func drained() async throws {
            var shape = ClusterShape()
            shape.routers = 2
            try await ProcessCluster.with(shape) { cluster in
                try await linked(cluster)
                let load = Load(cluster, at: cluster.frontends)
                try load.start(8)
                try await cluster.loop.until("streams run", within: .seconds(20)) { load.complete >= 4 }
                for router in cluster.routers {
                    #expect(try await router.drain() == .exited(0))
                    let before = load.complete
                    try await cluster.loop.until("the other one plans", within: .seconds(20)) { load.complete >= before + 8 }
                    try await router.start()
                    for frontend in cluster.frontends { try await cluster.ready(frontend) }
                    try await linked(cluster)
                }
                try await load.stop()
                #expect(load.violations == [] && load.failed == 0 && load.broken == 0, "\(load.summary)")
            }
        }

        /// Each router has its link to the other.
        @LoopActor
        private func linked(_ cluster: ProcessCluster) async throws {
            let deadline = cluster.loop.now + .seconds(20)
            for router in cluster.routers {
                while try await cluster.metric("apus_router_peers", of: router) != 1 {
                    guard cluster.loop.now < deadline else { throw Unmet("\(router.name) has a link to the other router") }
                    await cluster.loop.sleep(for: .milliseconds(20))
                }
            }
        }
    }
}
