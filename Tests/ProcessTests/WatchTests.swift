import ClusterHarness
import EventLoop
import JSONText
import Testing

extension ProcessSuites {
    @Suite("wiretool watch")
    struct WatchTests {
        @Test("it prints what a worker says of a request: accepted, started, stored, ended; as text and as JSON, heard and followed")
        func events() async throws {
            var shape = ClusterShape()
            shape.workers = [.aggregated]
            try await ProcessCluster.with(shape) { cluster in
                let worker = cluster.workers[0], client = try cluster.client(of: cluster.frontends[0])
                guard let events = worker.addresses.publish, let links = worker.addresses.links else {
                    throw Unmet("the worker said where it listens: \(worker.addresses)")
                }
                let tool = try "\(ProcessCluster.folder())/wiretool", loop = cluster.loop
                let followed = try ChildProcess(
                    "watch", at: tool, ["watch", "--events", events, "--links", links, "--snapshot", "--beats", "--seconds", "25"], on: loop
                )
                let heard = try ChildProcess("watch", at: tool, ["watch", "--events", events, "--json", "--count", "6"], on: loop)
                try await loop.until("it follows", within: .seconds(20)) { followed.outputLines.contains { $0.hasSuffix("  beat") } }
                try await loop.until("it has joined", within: .seconds(10)) {
                    followed.outputLines.contains { $0.contains("state ready") }
                }
                try await loop.until("it has heard", within: .seconds(20)) { heard.lines.contains { $0.contains("generation") } }

                var request = ChatRequest(
                    model: "apus-mock", prompt: String(repeating: "Tell me of the sea. ", count: 40), maxTokens: 70)
                request.seed = 4
                #expect(await client.chat(request).isComplete)
                for word in ["accepted", "started", "prefilled", "stored rank 0 device", "grown", "ended", "load rank 0:"] {
                    try await loop.until("it says \(word)", within: .seconds(10)) {
                        followed.outputLines.contains { $0.contains("  \(word) ") }
                    }
                }
                // As many as were asked for, each a whole object; then it ends by itself.
                #expect(try await heard.ended(within: .seconds(10)) == .exited(0))
                let objects = try heard.outputLines.map { try JSONValue(parsing: Array($0.utf8)) }
                #expect(objects.count == 6 && objects.allSatisfy { $0["number"] != nil && $0["event"]?["type"]?.asString != nil })
                followed.terminate()
                #expect(try await followed.ended(within: .seconds(10)) == .exited(0))
                // The worker has no link of it left, and serves on.
                #expect(await client.chat(request).isComplete)
            }
        }

        @Test("a feed that nobody publishes is a failure, said in words")
        func nobody() async throws {
            try await ProcessCluster.with { cluster in
                let tool = try "\(ProcessCluster.folder())/wiretool"
                let watch = try ChildProcess(
                    "watch", at: tool, ["watch", "--events", "tcp://127.0.0.1:1", "--seconds", "1"], on: cluster.loop)
                #expect(try await watch.ended(within: .seconds(10)) == .exited(1))
                #expect(watch.lines.contains { $0.contains("nothing was heard") })
                let wrong = try ChildProcess(
                    "watch", at: tool, ["watch", "--events", "tcp://127.0.0.1:1", "--snapshot"], on: cluster.loop)
                #expect(try await wrong.ended(within: .seconds(10)) == .exited(2))
            }
        }
    }
}
