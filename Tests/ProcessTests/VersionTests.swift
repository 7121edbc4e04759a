import ClusterHarness
import EventLoop
import JSONText
import Testing

extension ProcessSuites {
    @Suite("Versions")
    struct VersionTests {
        private static func serves(_ shape: ClusterShape) async throws {
            try await ProcessCluster.with(shape) { cluster in
                let client = try cluster.client(of: cluster.frontends[0])
                for index in 0..<4 {
                    var request = ChatRequest(model: "apus-mock", prompt: "Version \(index).", maxTokens: 30)
                    request.seed = Int64(index)
                    request.streams = index % 2 == 0
                    let reply = await client.chat(request)
                    #expect(reply.isComplete, "\(reply.summary)")
                    #expect(reply.text == ExpectedText.text(of: request))
                }
                for member in cluster.members {
                    let complaints = member.process?.log.filter { $0.level == "error" }.map(\.message) ?? []
                    #expect(complaints == [], "\(member.name)")
                }
            }
        }

        @Test("a process of a later minor gets along with those of today, in every role", arguments: ClusterRole.allCases)
        func laterMinor(role: ClusterRole) async throws {
            var shape = ClusterShape()
            let later = ["--synthetic-minor", "3"]
            switch role {
            case .router: shape.routerOptions = later
            case .worker: shape.workerOptions = later
            case .frontend: shape.frontendOptions = later
            }
            try await Self.serves(shape)
        }

        @Test("processes of a later minor get along with each other, and of two different ones too")
        func laterMinors() async throws {
            var shape = ClusterShape()
            (shape.routerOptions, shape.workerOptions, shape.frontendOptions) =
                (["--synthetic-minor", "3"], ["--synthetic-minor", "3"], ["--synthetic-minor", "3"])
            try await Self.serves(shape)
            shape.workerOptions = ["--synthetic-minor", "2"]
            shape.frontendOptions = []
            try await Self.serves(shape)
        }

        @Test("a peer of another major is refused, and both sides say so")
        func anotherMajor() async throws {
            try await ProcessCluster.with { cluster in
                let router = try #require(cluster.routers[0].addresses.links)
                let peer = try ChildProcess(
                    "wiretool", at: "\(try ProcessCluster.folder())/wiretool",
                    ["greet", "--to", router, "--link", "route", "--synthetic-major", "2"], on: cluster.loop)
                #expect(try await peer.ended(within: .seconds(20)) == .exited(1))
                let said = peer.lines.joined(separator: "\n")
                #expect(said.contains("major"), "\(said)")
                let logged = try await cluster.routers[0].process?.logged("link rejected", within: .seconds(5))
                #expect(logged?["reason"]?.contains("major") == true, "\(String(describing: logged))")
                let client = try cluster.client(of: cluster.frontends[0])
                #expect(await client.chat(ChatRequest(model: "apus-mock", prompt: "Still?")).isComplete)
            }
        }
    }
}
