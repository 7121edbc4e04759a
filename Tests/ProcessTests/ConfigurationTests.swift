import ClusterHarness
import EventLoop
import Glibc
import JSONText
import TestSupport
import Testing

extension ProcessSuites {
    @Suite("Configuration")
    struct ConfigurationTests {
        /// Runs a program to its end.
        private static func run(_ role: ClusterRole, _ arguments: [String]) async throws -> (Int32, output: String, errors: String) {
            let folder = try ProcessCluster.folder(), thread = try LoopThread("configuration")
            defer { thread.stop() }
            return try await thread.run { loop in
                let child = try ChildProcess(role.program, at: "\(folder)/\(role.program)", arguments, on: loop)
                guard case .exited(let code) = try await child.ended(within: .seconds(20)) else { throw Unmet("\(role) exits") }
                return (code, child.outputLines.joined(separator: "\n"), child.lines.joined(separator: "\n"))
            }
        }

        private static func withFile<Result>(_ text: String, _ body: (String) async throws -> Result) async throws -> Result {
            var path = Array("/tmp/apus-config-XXXXXX".utf8CString)
            let descriptor = mkstemp(&path)
            try #require(descriptor >= 0)
            let name = String(decoding: path.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
            defer { unlink(name) }
            let bytes = Array(text.utf8)
            #expect(write(descriptor, bytes, bytes.count) == bytes.count)
            close(descriptor)
            return try await body(name)
        }

        @Test("a file with three mistakes: all three are told, with 2", arguments: ClusterRole.allCases)
        func mistakes(role: ClusterRole) async throws {
            let text = #"{"admin-listen": "nowhere", "drain-limit": "soon", "no-such-thing": 1}"#
            try await Self.withFile(text) { file in
                for mode in [["--check-config"], []] {
                    let (code, output, errors) = try await Self.run(role, ["--config", file] + mode)
                    #expect(code == 2 && output.isEmpty)
                    for name in ["admin-listen", "drain-limit", "no-such-thing"] { #expect(errors.contains(name), "\(errors)") }
                    #expect(errors.contains("3 errors"))
                }
            }
        }

        @Test(
            "--check-config of a good file ends with 0, and --print-config shows each value and its origin", arguments: ClusterRole.allCases
        )
        func printed(role: ClusterRole) async throws {
            try await Self.withFile(#"{"drain-limit": "7s"}"#) { file in
                let checked = try await Self.run(role, ["--config", file, "--check-config"])
                #expect(checked.0 == 0 && checked.errors.isEmpty)
                let (code, output, _) = try await Self.run(role, ["--config", file, "--cluster-id", "here", "--print-config"])
                #expect(code == 0)
                let config = try JSONValue(parsing: output)
                #expect(config["drain-limit"]?["value"]?.asString == "7s")
                #expect(config["drain-limit"]?["origin"]?.asString?.contains(file) == true)
                #expect(config["cluster-id"]?["value"]?.asString == "here")
                #expect(config["admin-listen"]?["origin"]?.asString == "default")
            }
        }

        @Test("a wrong flag ends with 2 and a hint, --help and --version with 0", arguments: ClusterRole.allCases)
        func usage(role: ClusterRole) async throws {
            let (code, _, errors) = try await Self.run(role, ["--admin-listn", "127.0.0.1:1"])
            #expect(code == 2 && errors.contains("admin-listen"))
            let help = try await Self.run(role, ["--help"]), version = try await Self.run(role, ["--version"])
            #expect(help.0 == 0 && help.output.contains("--admin-listen") && help.errors.isEmpty)
            #expect(version.0 == 0 && version.output.hasPrefix(role.program))
        }

        @Test("an address that is taken ends the start with 1 and names it", arguments: [ClusterRole.router, .frontend])
        func taken(role: ClusterRole) async throws {
            try await ProcessCluster.with { cluster in
                let member = role == .router ? cluster.routers[0] : cluster.frontends[0]
                let address = try #require(role == .router ? member.addresses.links : member.addresses.http)
                let second = try ChildProcess(
                    "second", at: "\(try ProcessCluster.folder())/\(role.program)",
                    ["--listen", address, "--publish", "tcp://127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--log-format", "json"],
                    on: cluster.loop)
                #expect(try await second.ended(within: .seconds(20)) == .exited(1))
                #expect(second.log.contains { $0.level == "error" }, "\(second.lastWords)")
                #expect(member.isRunning)
            }
        }
    }
}
