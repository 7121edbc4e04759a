import ClusterHarness
import EventLoop
import TestSupport
import Testing

extension ProcessSuites {
    @Suite("TLS between processes")
    struct LinkTLSTests {
        /// A router, a worker and a frontend with nothing but TLS between them. They are the test's own children: the harness's clusters are plain.
        @LoopActor
        private struct Trio {
            let world: TLSWorld
            let router: ChildProcess
            let worker: ChildProcess
            let frontend: ChildProcess
            let links: String
            let publish: String

            static let limit = ProcessCluster.startLimit

            init(_ world: TLSWorld) async throws {
                self.world = world
                let folder = try ProcessCluster.folder(), loop = world.cluster.loop
                func start(_ program: String, _ options: [String]) throws -> ChildProcess {
                    let common = ["--log-format", "json", "--admin-listen", "127.0.0.1:0"] + world.links
                    return try ChildProcess(program, at: "\(folder)/\(program)", options + common, on: loop)
                }
                let own = "tls+tcp://127.0.0.1:0"
                router = try start("router", ["--listen", own, "--publish", own])
                let said = try await router.logged("listening", within: Self.limit)
                links = try #require(said["links"])
                publish = try #require(said["feed"])
                worker = try start("workerd", ["--routers", links, "--listen", own, "--publish", own])
                frontend = try start("frontend", ["--routers", links, "--listen", "127.0.0.1:0", "--publish", own])
                _ = try await frontend.logged("model ready", within: Self.limit)
            }

            var reasons: [String] { router.log.filter { $0.message == "link rejected" }.compactMap { $0["reason"] } }

            func end() {
                for child in [frontend, worker, router] { child.killNow() }
            }

            /// Both programs and clients of Python's ssl as peers of the router's port.
            func client(_ name: String) async throws -> String { try await world.client(name, at: links) }
        }

        private static func with(_ body: @escaping @LoopActor @Sendable (Trio) async throws -> Void) async throws {
            var shape = ClusterShape()
            (shape.routers, shape.workers, shape.frontends) = (0, [], 0)
            try await TLSWorld.with(shape) { world in
                let trio = try await Trio(world)
                do { try await body(trio) } catch {
                    trio.end()
                    throw error
                }
                trio.end()
            }
        }

        @Test("T51: wrong authority, ended, none, downgrade, plain: nobody but the cluster's own gets in, and a log line says so")
        func strangers() async throws {
            try await Self.with { trio in
                #expect(try await trio.client("link") == "ok")
                let world = trio.world
                try await world.cluster.loop.until("refusals are told", within: .seconds(30)) {
                    trio.reasons.contains { $0.contains("tlsFailed") && $0.contains("no certificate, one of another authority") }
                }
                // The same peers at the port of its feed, of which nng tells by counting.
                #expect(try await world.client("link", at: trio.publish) == "ok")
                try await world.cluster.loop.until("refusals of the feed are told", within: .seconds(60)) {
                    trio.router.log.contains { $0.message == "subscribers refused" && $0["feed"] == trio.publish }
                }
                note("refusals of links over TLS: \(trio.reasons)")
            }
        }

        @Test(
            "T51: a process of ours with another authority's certificate is refused, and both sides say why",
            arguments: [("other-ca.pem", "other-cert.pem", "other-key.pem"), ("ca.pem", "other-cert.pem", "other-key.pem")])
        func foreignProcess(files: (String, String, String)) async throws {
            try await Self.with { trio in
                let world = trio.world, folder = try ProcessCluster.folder(), certs = world.certs
                let stranger = try ChildProcess(
                    "stranger", at: "\(folder)/frontend",
                    [
                        "--log-format", "json", "--routers", trio.links, "--listen", "127.0.0.1:0", "--publish", "tcp://127.0.0.1:0",
                        "--admin-listen", "127.0.0.1:0", "--tls-ca-file", "\(certs)/\(files.0)", "--tls-cert-file", "\(certs)/\(files.1)",
                        "--tls-key-file", "\(certs)/\(files.2)",
                    ], on: world.cluster.loop)
                defer { stranger.killNow() }
                let said = try await stranger.logged("router not reached", within: .seconds(30))
                note("a stranger hears: \(said["reason"] ?? "")")
                try await world.cluster.loop.until("the router tells of it", within: .seconds(30)) { !trio.reasons.isEmpty }
                #expect(stranger.log.allSatisfy { $0.message != "registered" })
            }
        }

        @Test("T51: a plain dialer at a port of TLS, and one of TLS at a plain port, do not become links")
        func plainDialer() async throws {
            try await Self.with { trio in
                let world = trio.world, folder = try ProcessCluster.folder()
                let stranger = try ChildProcess(
                    "stranger", at: "\(folder)/frontend",
                    [
                        "--log-format", "json", "--routers", String(trio.links.dropFirst("tls+".count)), "--listen", "127.0.0.1:0",
                        "--publish", "tcp://127.0.0.1:0", "--admin-listen", "127.0.0.1:0",
                    ], on: world.cluster.loop)
                defer { stranger.killNow() }
                _ = try await stranger.logged("router not reached", within: .seconds(30))
                try await world.cluster.loop.until("the router tells of it", within: .seconds(30)) {
                    trio.reasons.contains { $0.contains("tlsFailed") }
                }
                #expect(stranger.log.allSatisfy { $0.message != "registered" })
            }
        }

        @Test("certificates of another authority are taken while the cluster runs: open links live on, new ones need the new")
        func reload() async throws {
            try await Self.with { trio in
                let world = trio.world
                try await world.makeCertificates(in: "next")
                for name in ["ca.pem", "cert.pem", "key.pem"] { try await world.replace(name, by: "next/\(name)") }
                for child in [trio.router, trio.worker, trio.frontend] {
                    _ = try await child.logged("certificate changed", within: .seconds(30))
                }
                // The files are the new ones now, so this client is of the new authority.
                #expect(try await trio.client("link") == "ok")
                #expect(trio.frontend.log.allSatisfy { $0.message != "router lost" }, "\(trio.frontend.lastWords)")
                // A new worker and a new frontend find everything: links and feeds of all three have the new certificate.
                trio.frontend.killNow()
                let folder = try ProcessCluster.folder(), own = "tls+tcp://127.0.0.1:0"
                let next = try ChildProcess(
                    "frontend-2", at: "\(folder)/frontend",
                    [
                        "--log-format", "json", "--admin-listen", "127.0.0.1:0", "--routers", trio.links, "--listen", "127.0.0.1:0",
                        "--publish", own,
                    ] + world.links, on: world.cluster.loop)
                defer { next.killNow() }
                _ = try await next.logged("model ready", within: Trio.limit)
            }
        }
    }
}
