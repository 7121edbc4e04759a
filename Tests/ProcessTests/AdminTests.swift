import ClusterHarness
import EventLoop
import Testing

extension ProcessSuites {
    @Suite("Admin sides beyond this machine")
    struct AdminTests {
        /// A process that listens everywhere with its admin side, with the token and the certificates of the world.
        @LoopActor
        private static func start(_ role: ClusterRole, _ options: [String], in world: TLSWorld) async throws -> (ChildProcess, String) {
            var arguments = [
                "--log-format", "json", "--publish", "tcp://127.0.0.1:0", "--admin-listen", "0.0.0.0:0", "--admin-token-file",
                "\(world.certs)/token", "--admin-https-cert-file", "\(world.certs)/cert.pem", "--admin-https-key-file",
                "\(world.certs)/key.pem", "--listen", role == .frontend ? "127.0.0.1:0" : "tcp://127.0.0.1:0",
            ]
            if role != .router { arguments += ["--routers", world.cluster.routers[0].addresses.links ?? ""] }
            let child = try ChildProcess(
                role.program, at: "\(try ProcessCluster.folder())/\(role.program)", arguments + options, on: world.cluster.loop)
            let said = try await child.logged("admin", within: ProcessCluster.startLimit)
            _ = try await child.logged("serving", within: ProcessCluster.startLimit)
            guard let address = said["admin"] else { throw Unmet("its admin side says where it is") }
            return (child, address)
        }

        private static func world(_ body: @escaping @LoopActor @Sendable (TLSWorld) async throws -> Void) async throws {
            try await TLSWorld.with { world in
                try await world.makeToken("0123456789abcdef0123456789abcdef")
                try await body(world)
            }
        }

        @Test("with a token and TLS all of it is served beyond loopback, to who shows the token", arguments: ClusterRole.allCases)
        func token(role: ClusterRole) async throws {
            try await Self.world { world in
                let (child, address) = try await Self.start(role, [], in: world)
                #expect(try await world.client("admin", at: address) == "ok")
                // Another one takes its place while the process runs.
                try await world.makeToken("fedcba9876543210fedcba9876543210")
                _ = try await child.logged("admin token changed", within: .seconds(30))
                #expect(try await world.client("admin", at: address) == "ok")
                for token in ["0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"] {
                    #expect(!child.lines.contains { $0.contains(token) })
                }
                child.terminate()
                #expect(try await child.ended(within: ProcessCluster.stopLimit) == .exited(0))
            }
        }

        @Test("with an authority for clients nobody without its certificate gets in, and the token is asked for all the same")
        func mutual() async throws {
            try await Self.world { world in
                let (child, address) = try await Self.start(.router, ["--admin-https-client-ca-file", "\(world.certs)/ca.pem"], in: world)
                #expect(try await world.client("admin_mutual", at: address) == "ok")
                child.terminate()
                #expect(try await child.ended(within: ProcessCluster.stopLimit) == .exited(0))
            }
        }

        @Test("a token that would travel in plain text ends the start with 2, and its reason", arguments: ClusterRole.allCases)
        func plain(role: ClusterRole) async throws {
            try await Self.world { world in
                let arguments = ["--admin-listen", "0.0.0.0:0", "--admin-token-file", "\(world.certs)/token", "--check-config"]
                let (ending, lines) = try await world.run("\(try ProcessCluster.folder())/\(role.program)", arguments)
                #expect(ending == .exited(2) && lines.contains { $0.contains("could be read on its way") }, "\(ending): \(lines)")
            }
        }
    }
}

extension TLSWorld {
    /// Puts it where the certificates are, at once.
    fileprivate func makeToken(_ token: String) async throws {
        let (ending, lines) = try await run(
            "/bin/sh", ["-c", "umask 077 && echo '\(token)' >'\(certs)/token.new' && mv '\(certs)/token.new' '\(certs)/token'"])
        guard ending == .exited(0) else { throw Unmet("the token is written: \(lines)") }
    }
}
