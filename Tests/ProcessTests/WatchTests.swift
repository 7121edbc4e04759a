import ClusterHarness
import EventLoop
import Glibc
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
                    "watch", at: tool, ["watch", "--events", events, "--links", links, "--snapshot", "--beats", "--for", "25s"], on: loop
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

        @Test("of a cluster it shows each request that ended once, with what three processes spent on it, and loads and queues")
        func cluster() async throws {
            var shape = ClusterShape()
            shape.frontends = 2
            shape.workerOptions = ["--block-size", "64"]
            try await ProcessCluster.with(shape) { cluster in
                guard let router = cluster.routers[0].addresses.links else { throw Unmet("the router said where it listens") }
                let tool = try "\(ProcessCluster.folder())/wiretool", loop = cluster.loop, asked = 24
                let watch = try ChildProcess("watch", at: tool, ["watch", "--router", router, "--json", "--count", "\(asked)"], on: loop)
                let text = try ChildProcess("text", at: tool, ["watch", "--router", router, "--for", "30s"], on: loop)
                try await loop.until("they follow", within: .seconds(20)) {
                    [watch, text].allSatisfy { $0.lines.contains { $0.contains("follows 2 workers and 2 frontends of 1 of 1 routers") } }
                }
                // Longer than the second after which loads are looked at.
                var replies: [ChatReply] = []
                for number in 0..<asked {
                    let client = try cluster.client(of: cluster.frontends[number % 2])
                    loop.spawn {
                        replies.append(
                            await client.chat(ChatRequest(model: "apus-mock", prompt: "Of hill \(number).", maxTokens: 300 + number)))
                    }
                }
                try await loop.until("all are answered", within: .seconds(60)) { replies.count == asked }
                #expect(replies.allSatisfy { $0.isComplete })
                #expect(try await watch.ended(within: .seconds(20)) == .exited(0), "\(watch.lines)")
                let objects = try watch.outputLines.map { try JSONValue(parsing: Array($0.utf8)) }
                try Self.check(requests: objects.filter { $0["type"]?.asString == "request" }, asked)
                let loads = objects.filter { $0["type"]?.asString == "load" }
                #expect(Set(loads.compactMap { $0["worker"]?.asString }).count == 2, "both workers")
                #expect(loads.contains { ($0["running_requests"]?.asInt ?? 0) + ($0["waiting_requests"]?.asInt ?? 0) > 0 }, "\(loads)")
                #expect(loads.allSatisfy { ($0["total_blocks"]?.asInt ?? 0) > 0 })

                try await loop.until("all are shown as text", within: .seconds(20)) {
                    text.outputLines.count { $0.contains(" finished ") } == asked
                }
                text.signal(SIGINT)
                #expect(try await text.ended(within: .seconds(10)) == .exited(0))
                #expect(text.outputLines.contains { $0.hasPrefix("request ") } && text.outputLines.contains { $0.hasPrefix("load ") })

                let once = try ChildProcess("once", at: tool, ["watch", "--router", router, "--once", "--json"], on: loop)
                #expect(try await once.ended(within: .seconds(20)) == .exited(0))
                let now = try once.outputLines.map { try JSONValue(parsing: Array($0.utf8)) }
                #expect(now.count { $0["type"]?.asString == "load" } == 2 && !now.contains { $0["type"]?.asString == "request" })
                #expect(await (try cluster.client(of: cluster.frontends[0])).chat(ChatRequest(model: "apus-mock", prompt: "x")).isComplete)
            }
        }

        /// Each once, from all three processes, and no part longer than the whole.
        private static func check(requests: [JSONValue], _ asked: Int) throws {
            #expect(requests.count == asked && Set(requests.compactMap { $0["request"]?.asString }).count == asked)
            #expect(requests.compactMap { $0["output_tokens"]?.asInt }.sorted() == Array(300..<300 + asked))
            #expect(Set(requests.compactMap { $0["frontend"]?.asString }).count == 2)
            for request in requests {
                let route = try #require(request["routes"]?.asArray?.first), leg = try #require(request["legs"]?.asArray?.first)
                let total = try #require(request["frontend_us"]?["total"]?.asInt),
                    first = try #require(request["frontend_us"]?["first_token"]?.asInt)
                #expect(request["status"]?.asInt == 200 && request["attempts"]?.asInt == 1 && leg["end"]?.asString == "finished")
                #expect(leg["output_tokens"]?.asInt == request["output_tokens"]?.asInt)
                let waited = leg["waited_us"]?.asInt ?? 0, prefill = leg["prefill_us"]?.asInt ?? 0, decode = leg["decode_us"]?.asInt ?? 0
                #expect(prefill > 0 && decode > 0 && first > 0 && first <= total)
                #expect((route["queue_us"]?.asInt ?? -1) >= 0 && (route["decision_ns"]?.asInt ?? 0) > 0)
                // A worker's clock and the frontend's run alike; each rounds down.
                #expect(waited + prefill + decode <= total + 1_000, "\(request)")
            }
        }

        @Test("a cluster that is not there is said to be none; what is to be watched is said once")
        func none() async throws {
            try await ProcessCluster.with { cluster in
                let tool = try "\(ProcessCluster.folder())/wiretool"
                let lost = try ChildProcess("lost", at: tool, ["watch", "--router", "tcp://127.0.0.1:1"], on: cluster.loop)
                for arguments in [
                    [], ["--router", "tcp://127.0.0.1:1", "--events", "tcp://127.0.0.1:1"], ["--events", "tcp://127.0.0.1:1", "--once"],
                ] {
                    let wrong = try ChildProcess("wrong", at: tool, ["watch"] + arguments, on: cluster.loop)
                    #expect(try await wrong.ended(within: .seconds(10)) == .exited(2), "\(arguments)")
                }
                #expect(try await lost.ended(within: .seconds(20)) == .exited(1))
                #expect(lost.lines.contains { $0.contains("no router was reached: tcp://127.0.0.1:1") }, "\(lost.lines)")
            }
        }

        @Test("a feed that nobody publishes is a failure, said in words")
        func nobody() async throws {
            try await ProcessCluster.with { cluster in
                let tool = try "\(ProcessCluster.folder())/wiretool"
                let watch = try ChildProcess(
                    "watch", at: tool, ["watch", "--events", "tcp://127.0.0.1:1", "--for", "1s"], on: cluster.loop)
                #expect(try await watch.ended(within: .seconds(10)) == .exited(1))
                #expect(watch.lines.contains { $0.contains("nothing was heard") })
                let wrong = try ChildProcess(
                    "watch", at: tool, ["watch", "--events", "tcp://127.0.0.1:1", "--snapshot"], on: cluster.loop)
                #expect(try await wrong.ended(within: .seconds(10)) == .exited(2))
            }
        }
    }
}
