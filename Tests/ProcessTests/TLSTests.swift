import ClusterHarness
import EventLoop
import JSONText
import TestSupport
import Testing

extension ProcessSuites {
    @Suite("TLS")
    struct TLSTests {
        @Test(
            "HTTPS is served, long and streamed, with goodbyes; who is plain, old, slow, cut or garbage costs the next client nothing")
        func edge() async throws {
            try await TLSWorld.with { world in
                let frontend = try await world.addFrontend(world.https + ["--header-limit", "500ms"])
                let start = try await frontend.process?.logged("listening", within: .seconds(10))
                #expect(start?.fields["encrypted"]?.asBool == true && start?["missing"]?.contains("--https-cert-file") == false)
                for name in ["serves", "goodbye", "unbelieved", "old_versions", "plain", "garbage", "pieces", "silent"] {
                    let said = try await world.client(name, at: frontend.addresses.http)
                    #expect(said == "ok", "\(name)")
                }
                let reasons = world.reasons("client refused", of: frontend)
                #expect(reasons.contains { $0.contains("does not know the authority") }, "\(reasons)")
                #expect(reasons.contains { $0.contains("no TLS 1.2") }, "\(reasons)")
                #expect(reasons.contains { $0.contains("does not speak TLS") }, "\(reasons)")
                // The gauge is set once a second.
                var left: Double?
                for _ in 0..<200 {
                    left = try await world.cluster.metric("apus_frontend_connections", of: frontend)
                    if left == 0 { break }
                    await world.cluster.loop.sleep(for: .milliseconds(50))
                }
                #expect(left == 0, "no connection is left")
                #expect(frontend.isRunning)
            }
        }

        @Test("with an authority for clients nobody without its certificate gets in, and a log line says why")
        func mutual() async throws {
            try await TLSWorld.with { world in
                let frontend = try await world.addFrontend(world.https + ["--https-client-ca-file", "\(world.certs)/ca.pem"])
                #expect(try await world.client("mutual", at: frontend.addresses.http) == "ok")
                let reasons = world.reasons("client refused", of: frontend)
                for words in ["showed no certificate", "authority is not one that is believed", "it has ended"] {
                    #expect(reasons.contains { $0.contains(words) }, "\(words): \(reasons)")
                }
            }
        }

        @Test("a new certificate holds for new connections, an old connection lives on, a broken file changes nothing and is named")
        func reload() async throws {
            try await TLSWorld.with { world in
                let frontend = try await world.addFrontend(world.https), loop = world.cluster.loop
                let first = try await fingerprint(world, frontend)
                let end = try #require(try await world.cluster.metric("apus_tls_certificate_expires_seconds", of: frontend))
                #expect(end > Double(loop.wallClockMilliseconds / 1_000))
                let python = "\(GoldenVectors.root)/Tests/Fixtures/tls/client.py"
                let port = String(frontend.addresses.http?.split(separator: ":").last ?? "")
                let lasting = try ChildProcess(
                    "lasting", at: "/usr/bin/env", ["python3", python, "lasting", "127.0.0.1", port, world.certs], on: loop)

                // Half a set, a set that has ended, and no certificate at all: each refused by name.
                try await world.makeCertificates(in: "next")
                for (cert, key, words) in [
                    ("next/cert.pem", "certs/key.pem", "it is not the key of the certificate"),
                    ("certs/expired-cert.pem", "certs/expired-key.pem", "has ended"),
                    ("next/key.pem", "next/key.pem", "no certificate in PEM"),
                ] {
                    try await world.replace("cert.pem", by: cert)
                    try await world.replace("key.pem", by: key)
                    try await loop.until("the set is refused: \(words)", within: .seconds(30)) {
                        world.reasons("certificate refused", of: frontend).contains { $0.contains(words) }
                    }
                    let shown = try await fingerprint(world, frontend)
                    #expect(shown == first)
                    #expect(try await world.cluster.metric("apus_tls_files_in_force", of: frontend) == 0)
                }
                try await world.replace("cert.pem", by: "next/cert.pem")
                try await world.replace("key.pem", by: "next/key.pem")
                try await world.replace("ca.pem", by: "next/ca.pem")
                _ = try await frontend.process?.logged("certificate changed", within: .seconds(30))
                let second = try await fingerprint(world, frontend)
                #expect(second != first)
                #expect(try await world.cluster.metric("apus_tls_files_in_force", of: frontend) == 1)
                let (touched, _) = try await world.run("/bin/sh", ["-c", "touch '\(world.certs)/changed'"])
                #expect(touched == .exited(0))
                #expect(try await lasting.ended(within: .seconds(60)) == .exited(0), "\(lasting.lastWords)")
            }
        }

        @LoopActor
        private func fingerprint(_ world: TLSWorld, _ frontend: ClusterMember) async throws -> String {
            let (ending, lines) = try await world.run(
                "/usr/bin/env",
                [
                    "python3", "\(GoldenVectors.root)/Tests/Fixtures/tls/client.py", "fingerprint", "127.0.0.1",
                    String(frontend.addresses.http?.split(separator: ":").last ?? ""), world.certs,
                ])
            guard ending == .exited(0), let digest = lines.first else { throw Unmet("a certificate is shown: \(lines)") }
            return digest
        }
    }
}
