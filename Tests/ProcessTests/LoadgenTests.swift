import ClusterHarness
import EventLoop
import Glibc
import JSONText
import TestSupport
import Testing

extension ProcessSuites {
    @Suite("loadgen")
    struct LoadgenTests {
        /// What `--json -` said.
        @LoopActor
        private static func report(of child: ChildProcess) throws -> JSONValue {
            try JSONValue(parsing: Array(child.outputLines.joined(separator: "\n").utf8), limits: .file)
        }

        @LoopActor
        private static func run(_ arguments: [String], on cluster: ProcessCluster) async throws -> (JSONValue, ChildProcess) {
            let child = try start(arguments + ["--url", "http://127.0.0.1:\(port(of: cluster))"], on: cluster.loop)
            let ending = try await child.ended(within: .seconds(60))
            guard ending == .exited(0) else { throw Unmet("loadgen ends well, and not by \(ending):\n\(child.lastWords)") }
            return (try report(of: child), child)
        }

        @LoopActor
        private static func start(_ arguments: [String], on loop: EpollLoop) throws -> ChildProcess {
            try ChildProcess("loadgen", at: "\(ProcessCluster.folder())/loadgen", ["run", "--json", "-"] + arguments, on: loop)
        }

        @LoopActor
        private static func port(of cluster: ProcessCluster) throws -> String {
            guard let address = cluster.frontends.first?.addresses.http, let port = address.split(separator: ":").last else {
                throw Unmet("the frontend said where it listens")
            }
            return String(port)
        }

        @Test("a load on a real cluster: every request is answered as long as planned, and what prompts share is found in caches")
        func cluster() async throws {
            try await ProcessCluster.with { cluster in
                let (chat, told) = try await Self.run(
                    [
                        "--rate", "50", "--requests", "60", "--input-tokens", "100", "--output-tokens", "uniform:3-9", "--prefix-tokens",
                        "512",
                    ],
                    on: cluster)
                #expect(chat["summary"]?["requests"]?["complete"]?.asInt == 60)
                // The first model and the tokenizer were asked for: a byte is a token.
                #expect(
                    told.lines.contains { $0.contains("model apus-mock") } && told.lines.contains { $0.contains("1.00 characters a token") }
                )
                let cached = try #require(chat["summary"]?["requests"]?["cached_tokens"]?.asInt)
                #expect(cached >= 20 * 512)

                // Token ids are exact: 612 tokens each, no template.
                let (plain, _) = try await Self.run(
                    [
                        "--concurrency", "4", "--requests", "40", "--api", "completions", "--token-ids", "--vocabulary", "256",
                        "--no-stream",
                        "--input-tokens", "100", "--output-tokens", "4", "--prefix-tokens", "512", "--model", "apus-mock",
                    ], on: cluster)
                let counts = plain["summary"]?["requests"]
                #expect(counts?["complete"]?.asInt == 40 && counts?["prompt_tokens"]?.asInt == 40 * 612)
                #expect(counts?["output_tokens"]?.asInt == 160)

                // Conversations: the second turn finds what the first one said.
                let (talk, _) = try await Self.run(
                    [
                        "--concurrency", "3", "--requests", "30", "--session-turns", "5", "--session-think", "10ms", "--input-tokens",
                        "200",
                        "--output-tokens", "8", "--model", "apus-mock", "--chars-per-token", "1",
                    ], on: cluster)
                #expect(talk["summary"]?["requests"]?["complete"]?.asInt == 30)
                #expect(try #require(talk["summary"]?["requests"]?["cached_share"]?.asNumber?.asDouble) > 0.4)
            }
        }

        @Test("SIGINT ends a run early, with a report of what was measured")
        func interrupted() async throws {
            try await ProcessCluster.with { cluster in
                let url = "http://127.0.0.1:\(try Self.port(of: cluster))", loop = cluster.loop
                let child = try Self.start(
                    ["--url", url, "--rate", "50", "--duration", "10min", "--input-tokens", "20", "--output-tokens", "2"], on: loop)
                let client = try cluster.client(of: cluster.frontends[0])
                // It has begun when it has asked for the model and for the tokenizer; then a few of its requests are over.
                try await loop.until("it has begun", within: .seconds(30)) { child.lines.contains { $0.contains("characters a token") } }
                var request = ChatRequest(model: "apus-mock", prompt: "Hello", maxTokens: 30)
                for seed in 0..<3 as Range<Int64> {
                    request.seed = seed
                    #expect(await client.chat(request).isComplete)
                }
                child.signal(SIGINT)
                #expect(try await child.ended(within: .seconds(20)) == .exited(0))
                let report = try Self.report(of: child)
                #expect(report["facts"]?["ended"]?.asString?.contains("early") == true)
                let sender = try #require(report["sender"])
                #expect(try #require(sender["complete"]?.asInt) > 0)
                let ended = ["complete", "failed", "left", "interrupted"].compactMap { sender[$0]?.asInt }.reduce(0, +)
                #expect(sender["sent"]?.asInt == ended)
            }
        }

        @Test("what cannot be run is said in words that help, with exit codes that tell why")
        func refused() async throws {
            let thread = try LoopThread()
            defer { thread.stop() }
            try await thread.run { @LoopActor (loop: EpollLoop) async throws -> Void in
                for (arguments, code, words) in [
                    (["--url", "http://127.0.0.1:1", "--rate", "1", "--requests", "1"], 1 as Int32, "is the server up"),
                    (["--url", "https://127.0.0.1:1", "--rate", "1", "--requests", "1"], 2, "plain HTTP port"),
                    (["--url", "http://127.0.0.1:1", "--rate", "1"], 2, "the load has no end"),
                    (["--url", "http://127.0.0.1:1", "--requests", "1"], 2, "nothing says how requests come"),
                    (["--url", "http://127.0.0.1:1", "--trace", "/nowhere"], 1, "/nowhere"),
                    (
                        ["--url", "http://127.0.0.1:1", "--rate", "1", "--requests", "2", "--model", "m", "--chars-per-token", "1"], 1,
                        "nothing succeeded"
                    ),
                ] {
                    let child = try Self.start(arguments, on: loop)
                    #expect(try await child.ended(within: .seconds(30)) == .exited(code), "\(arguments)")
                    #expect(child.lines.contains { $0.contains(words) }, "\(child.lastWords)")
                }
            }
        }
    }
}
