import ClusterHarness
import ClusterModel
import EventLoop
import Glibc
import JSONText
import Testing

extension ProcessSuites {
    @Suite("Requests find their workers")
    struct RoutingTests {
        /// 2,000 tokens: the mock has one a byte.
        private static let prefix = String(String(repeating: "All that was ever said of the sea. ", count: 60).prefix(2_000))

        /// Requests of others, a few at any time, each of a prompt that nobody else has.
        @LoopActor
        private final class Others {
            private let cluster: ProcessCluster
            private let client: TestClient
            private(set) var workers: [UInt64] = []
            private(set) var open = 0
            private var asked = 0

            init(_ cluster: ProcessCluster) throws {
                self.cluster = cluster
                client = try cluster.client(of: cluster.frontends[0])
            }

            func ask(_ count: Int) {
                for _ in 0..<count {
                    asked += 1
                    open += 1
                    let prompt = String(repeating: "Matter \(asked) of somebody else. ", count: 10 + asked % 3 * 20)
                    cluster.loop.spawn { [self] in
                        let reply = await client.chat(.placed(prompt, maxTokens: 40))
                        if let worker = reply.worker, reply.isComplete { workers.append(worker) }
                        open -= 1
                    }
                }
            }

            func ended() async throws { try await cluster.loop.until("others have their answers", within: .seconds(30)) { open == 0 } }
        }

        @Test(
            "of four workers the one that has a prefix gets it again, past the requests of others; decisions are told, fetched, logged, replayed"
        )
        func prefix() async throws {
            var shape = ClusterShape()
            shape.workers = [.aggregated, .aggregated, .aggregated, .aggregated]
            shape.workerOptions = ["--speedup", "2"]
            try await ProcessCluster.with(shape) { cluster in
                let client = try cluster.client(of: cluster.frontends[0]), others = try Others(cluster)
                let first = await client.chat(.placed(Self.prefix + "And the first thing?"))
                let holder = try #require(first.worker)
                var hits = 0, last = first
                for number in 1...8 {
                    others.ask(2)
                    last = await client.chat(.placed(Self.prefix + "And thing \(number)?"))
                    #expect(last.isComplete, "\(last.summary)")
                    guard last.worker == holder else { continue }
                    hits += 1
                    #expect(last.answer.usage?.cachedTokens ?? 0 >= 1_900, "the worker says so too")
                }
                try await others.ended()
                note("of 8 requests with a known prefix \(hits) went to its worker, of 16 others \(others.workers.count { $0 == holder })")
                #expect(hits >= 7)
                #expect(others.workers.count == 16 && Set(others.workers).count >= 3, "others go where there is room: \(others.workers)")
                try await Self.isExplained(last, cluster)
                try await Self.runsNothing(holder, cluster)
                try await Self.namesStrangers(cluster)
            }
        }

        // MARK: Why

        /// The answer, both sides of the frontend, the router's log and a second decision from the record say the same.
        @LoopActor
        private static func isExplained(_ reply: ChatReply, _ cluster: ProcessCluster) async throws {
            let frontend = cluster.frontends[0], worker = try #require(reply.worker),
                path = "/v1/requests/\(reply.http["x-request-id"] ?? "")/decision"
            let outer = await (try cluster.client(of: frontend)).get(path), inner = await (try cluster.admin(of: frontend)).get(path)
            #expect(outer.status == 200 && inner.status == 200, "\(path): \(outer.text) \(inner.text)")
            #expect(outer.json != nil && outer.json == reply.told?["decision"])
            #expect(outer.json?["choice"]?[0]?["worker"] == nil, "clients learn nothing of the cluster")
            let named = inner.json?["choice"]?[0]?["worker"]?.asString
            #expect(named == "\(WorkerID(worker))", "\(inner.text)")
            #expect(inner.json?["legs"]?[0]?["candidates"]?.asArray?.count == 4)
            for record in [outer, inner] { try await isReplayed(record.body, cluster) }

            // "[ROUTING] Best: worker_1 dp_rank=0 with 125/127 blocks overlap"
            let lines =
                cluster.routers[0].process?.log.filter { $0["request"] == reply.http["x-request-id"] && $0.message.hasPrefix("[ROUTING] ") }
                ?? []
            let size = try #require(outer.json?["legs"]?[0]?["block_size"]?.asInt), usage = try #require(reply.answer.usage)
            let cached = (usage.cachedTokens ?? 0) / size, blocks = (usage.promptTokens + size - 1) / size
            #expect(cached > blocks / 2)
            #expect(lines.map(\.message) == ["[ROUTING] Best: worker_\(worker) dp_rank=0 with \(cached)/\(blocks) blocks overlap"])
        }

        /// The router's program comes to the same choice from the record, and says so by its exit code.
        @LoopActor
        private static func isReplayed(_ record: [UInt8], _ cluster: ProcessCluster) async throws {
            var path = Array("/tmp/apus-decision-XXXXXX".utf8CString)
            let descriptor = mkstemp(&path)
            try #require(descriptor >= 0)
            let name = String(decoding: path.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
            defer { unlink(name) }
            #expect(write(descriptor, record, record.count) == record.count)
            close(descriptor)
            let replay = try ChildProcess(
                "replay", at: "\(try ProcessCluster.folder())/router", ["--replay-decision", name], on: cluster.loop)
            #expect(try await replay.ended(within: .seconds(10)) == .exited(0), "\(replay.outputLines)")
            func choice(_ word: String) -> Substring? { replay.outputLines.first { $0.hasPrefix(word) }?.dropFirst("recomputed ".count) }
            #expect(choice("recorded ") != nil && choice("recorded ") == choice("recomputed "), "\(replay.outputLines)")
        }

        // MARK: Questions and strangers

        /// Who only asks is told the worker and the prompt's tokens, and no worker hears of it.
        @LoopActor
        private static func runsNothing(_ holder: UInt64, _ cluster: ProcessCluster) async throws {
            func counts() async throws -> [Double?] {
                var counts: [Double?] = []
                for worker in cluster.workers {
                    for name in ["apus_worker_requests_ended_total", "apus_worker_prefill_tokens_total", "apus_worker_output_tokens_total"]
                    {
                        counts.append(try await cluster.metric(name, of: worker))
                    }
                }
                return counts
            }
            let before = try await counts(), client = try cluster.client(of: cluster.frontends[0])
            var question = ChatRequest.placed(prefix + "Where would it go?", [(name: "annotations", value: ["query_instance_id:"])])
            question.isPlain = true
            // A text completion has no template before its prompt, so its blocks are others; then both are asked.
            let plain = await client.chat(question)
            question.isPlain = false
            let chat = await client.chat(question)
            #expect(plain.told?["token_ids"]?.asArray?.compactMap(\.asUInt64) == question.prompt.utf8.map { UInt64($0) })
            #expect(plain.worker != nil && plain.text == "" && plain.answer.usage?.completionTokens == 0, "\(plain.summary)")
            #expect(chat.worker == holder && chat.told?["worker_id"]?["prefill_worker_id"]?.asUInt64 == holder)
            #expect(chat.told?["token_ids"]?.asArray?.count == chat.answer.usage?.promptTokens)
            #expect(try await counts() == before)
            #expect(before.allSatisfy { $0 ?? 0 > 0 }, "these count what runs: \(before)")
        }

        /// A pin to nobody is the client's mistake, and says which.
        @LoopActor
        private static func namesStrangers(_ cluster: ProcessCluster) async throws {
            let client = try cluster.client(of: cluster.frontends[0])
            for member in ["backend_instance_id", "decode_worker_id"] {
                let request = ChatRequest.placed("To nobody.", [(name: member, value: JSONValue(4_711))])
                var reply = await client.chat(request)
                // A router that has just begun does not believe yet that there is no such worker.
                for _ in 0..<500 where reply.answer.failure?.code == "no_worker" {
                    await cluster.loop.sleep(for: .milliseconds(20))
                    reply = await client.chat(request)
                }
                let failure = reply.answer.failure
                #expect(reply.http.status == 400 && failure?.code == "unknown_worker", "\(reply.summary)")
                #expect(failure?.message.contains("4711") == true && failure?.param == "nvext.\(member)", "\(String(describing: failure))")
            }
        }
    }
}
