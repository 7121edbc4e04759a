import ClusterHarness
import ClusterModel
import EventLoop
import Glibc
import TestSupport

/// A cluster whose frontend speaks HTTPS, or whose links are TLS, with certificates in a folder of the test's own; and its clients, which are
/// Python's ssl.
@LoopActor
struct TLSWorld {
    let cluster: ProcessCluster
    let folder: String

    /// Makes the certificates, and starts the processes as `shape` says; frontends are added by the test.
    nonisolated static func with(
        _ shape: ClusterShape = frontendless, _ body: @escaping @LoopActor @Sendable (TLSWorld) async throws -> Void
    ) async throws {
        let folder = try TemporaryFolder("tls")
        defer { folder.remove() }
        let path = folder.path
        try await ProcessCluster.with(shape) { cluster in
            let world = TLSWorld(cluster: cluster, folder: path)
            try await world.makeCertificates(in: "certs")
            try await body(world)
        }
    }

    nonisolated static var frontendless: ClusterShape {
        var shape = ClusterShape()
        shape.frontends = 0
        return shape
    }

    /// Where the certificates are.
    nonisolated var certs: String { "\(folder)/certs" }

    func makeCertificates(in name: String) async throws {
        let (ending, lines) = try await run("/bin/bash", ["\(GoldenVectors.root)/deploy/dev/certs", "\(folder)/\(name)"])
        guard ending == .exited(0) else { throw Unmet("certificates are made: \(lines)") }
    }

    /// Waits until it serves a model; its client is not ours, so its admin side is asked.
    func addFrontend(_ options: [String]) async throws -> ClusterMember {
        let frontend = try await cluster.addFrontend(options)
        let deadline = cluster.loop.now + ProcessCluster.startLimit
        while try await cluster.metric("apus_frontend_models_ready", of: frontend) != 1 {
            guard cluster.loop.now < deadline else { throw Unmet("\(frontend.name) has a model: \(frontend.lastWords)") }
            await cluster.loop.sleep(for: .milliseconds(10))
        }
        return frontend
    }

    nonisolated var https: [String] { ["--https-cert-file", "\(certs)/cert.pem", "--https-key-file", "\(certs)/key.pem"] }
    nonisolated var links: [String] {
        ["--tls-ca-file", "\(certs)/ca.pem", "--tls-cert-file", "\(certs)/cert.pem", "--tls-key-file", "\(certs)/key.pem"]
    }

    /// What the client printed, which is "ok" if all was well.
    func client(_ name: String, at address: String?) async throws -> String {
        let port = address?.split(separator: ":").last.map(String.init) ?? ""
        let (ending, lines) = try await run(
            "/usr/bin/env", ["python3", "\(GoldenVectors.root)/Tests/Fixtures/tls/client.py", name, "127.0.0.1", port, certs])
        return ending == .exited(0) ? lines.last ?? "" : "\(ending): \(lines.joined(separator: "\n"))"
    }

    func run(_ program: String, _ arguments: [String]) async throws -> (ChildProcess.Ending, [String]) {
        let child = try ChildProcess("helper", at: program, arguments, on: cluster.loop)
        let ending = try await child.ended(within: .seconds(120))
        return (ending, child.outputLines + (ending == .exited(0) ? [] : child.lines))
    }

    /// Puts another file in the place of one, at once, as operators should.
    func replace(_ name: String, by other: String) async throws {
        let (ending, lines) = try await run(
            "/bin/sh", ["-c", "cp '\(folder)/\(other)' '\(certs)/\(name).new' && mv '\(certs)/\(name).new' '\(certs)/\(name)'"])
        guard ending == .exited(0) else { throw Unmet("\(name) is replaced: \(lines)") }
    }

    /// The reasons of the log lines with that message.
    func reasons(_ message: String, of member: ClusterMember, field: String = "reason") -> [String] {
        (member.process?.log ?? []).filter { $0.message == message }.compactMap { $0[field] }
    }
}
