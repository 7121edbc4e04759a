import ClusterHarness
import EventLoop
import Testing

extension ProcessSuites {
    @Suite("SIGTERM")
    struct DrainTests {
        /// A stream that is long enough to be open when the signal comes.
        private static func stream(_ tokens: Int) -> ChatRequest {
            var request = ChatRequest(model: "apus-mock", prompt: "A long story.", maxTokens: tokens)
            request.seed = 5
            return request
        }

        @Test("drains: open streams end whole, and the process with 0", arguments: ClusterRole.allCases)
        func drains(role: ClusterRole) async throws {
            var shape = ClusterShape()
            // Streams last for seconds.
            shape.workerOptions = ["--speedup", "0.5"]
            try await ProcessCluster.with(shape) { cluster in
                let frontend = cluster.frontends[0], client = try cluster.client(of: frontend), request = Self.stream(150)
                let replies = Replies()
                for _ in 0..<6 {
                    cluster.loop.spawn { replies.all.append(await client.chat(request)) }
                }
                let streams = "apus_frontend_streams_open"
                for _ in 0..<500 {
                    if try await cluster.metric(streams, of: frontend) == 6 { break }
                    await cluster.loop.sleep(for: .milliseconds(10))
                }
                await cluster.loop.sleep(for: .milliseconds(300))
                #expect(replies.all.isEmpty, "the streams are open")
                let victim = cluster.members.first { $0.role == role }!
                #expect(try await victim.drain(within: .seconds(60)) == .exited(0), "\(victim.lastWords)")
                try await cluster.loop.until("every stream has ended", within: .seconds(60)) { replies.all.count == 6 }
                for reply in replies.all {
                    #expect(reply.isComplete, "\(reply.summary)")
                    #expect(reply.text == ExpectedText.text(of: request))
                }
                // nng may be stuck in the end of a socket: then the process says so after five seconds, and is over all the same.
                let messages = (victim.process?.log.map(\.message) ?? []).filter { $0 != "a socket did not close" }
                #expect(messages.contains("stopping") && messages.last == "ended")
            }
        }

        @Test("readiness is false from the first moment, and new connections are refused while old ones are served")
        func readiness() async throws {
            var shape = ClusterShape()
            shape.frontendOptions = ["--drain-grace", "2s"]
            try await ProcessCluster.with(shape) { cluster in
                let frontend = cluster.frontends[0], admin = try cluster.admin(of: frontend), client = try cluster.client(of: frontend)
                frontend.process?.terminate()
                _ = try await frontend.process?.logged("stopping", within: .seconds(5))
                let said = await admin.get("/readyz"), alive = await admin.get("/livez")
                #expect(said.status == 503 && alive.status == 200)
                #expect(await client.chat(ChatRequest(model: "apus-mock", prompt: "In time.")).isComplete, "it serves on in its grace")
                #expect(try await frontend.process?.ended(within: .seconds(20)) == .exited(0))
            }
        }
    }
}

/// Answers that came so far.
@LoopActor
final class Replies {
    var all: [ChatReply] = []
}
