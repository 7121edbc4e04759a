import ClusterModel
import ClusterHarness
import ClusterModel
import EventLoop
import Testing

extension ProcessSuites {
    @Suite("Routers die under load")
    struct RouterDeathTests {
        @Test("the only router is killed and restarted: streams go on, new requests wait and succeed")
        func onlyRouter() async throws {
            try await ProcessCluster.with { cluster in
                let router = cluster.routers[0]
                let load = Load(cluster, at: cluster.frontends)
                try load.start(12)
                try await cluster.loop.until("streams run", within: .seconds(20)) { load.complete >= 6 }
                try await router.killNow()
                // Those who ended their stream ask for the next, and nobody plans it.
                try await load.run(for: .seconds(1))
                let before = load.complete
                try await router.start()
                try await cluster.loop.until("requests are answered again", within: .seconds(20)) { load.complete >= before + 12 }
                try await load.stop()
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
