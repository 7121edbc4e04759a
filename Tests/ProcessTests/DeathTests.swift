import ClusterHarness
import EventLoop
import Testing

extension ProcessSuites {
    @Suite("A process is killed under load")
    struct DeathTests {
        @Test(
            "whichever role dies, nobody else does; what was open ends; when it is back everything works", arguments: ClusterRole.allCases)
        func killed(role: ClusterRole) async throws {
            var shape = ClusterShape()
            shape.routers = role == .router ? 2 : 1
            shape.frontends = role == .frontend ? 2 : 1
            try await ProcessCluster.with(shape) { cluster in
                let victim = cluster.members.first { $0.role == role }!
                let survivor = cluster.frontends.last!
                let load = Load(cluster, at: cluster.frontends)
                try load.start(12)
                try await cluster.loop.until("streams run", within: .seconds(20)) { load.complete >= 6 }
                try await victim.killNow()
                try await load.run(for: .seconds(3))
                #expect(cluster.dead == [victim.name], "nobody else died")
                try await victim.start()
                for frontend in cluster.frontends { try await cluster.ready(frontend) }
                let before = load.complete
                try await cluster.loop.until("requests are answered again", within: .seconds(20)) { load.complete >= before + 6 }
                try await load.stop()
                #expect(load.violations == [], "every request ended, with the text of the model or a typed error")
                note("\(role) killed: \(load.summary)")
                if role == .worker {
                    #expect(load.failed == 0, "the other worker went on with what the dead one had")
                }
                if role == .router { #expect(load.failed == 0, "the other router planned") }
                let reply = await (try cluster.client(of: survivor)).chat(ChatRequest(model: "apus-mock", prompt: "Again."))
                #expect(reply.isComplete)
            }
        }

        @Test("a frozen worker is noticed: its streams go on elsewhere, and it is used again when it is back")
        func frozen() async throws {
            try await ProcessCluster.with { cluster in
                let load = Load(cluster, at: cluster.frontends)
                try load.start(8)
                try await cluster.loop.until("streams run", within: .seconds(20)) { load.complete >= 4 }
                cluster.workers[0].process?.freeze()
                try await load.run(for: .seconds(4))
                let frozen = load.complete
                try await cluster.loop.until("the other worker serves", within: .seconds(20)) { load.complete >= frozen + 4 }
                cluster.workers[0].process?.thaw()
                try await load.run(for: .seconds(2))
                try await load.stop()
                #expect(load.violations == [] && load.failed == 0, "\(load.summary)")
                #expect(cluster.dead == [])
            }
        }
    }
}
